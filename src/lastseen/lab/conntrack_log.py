"""The log of conntrack and netfilter per node: ulogd2 writes what the kernel would print, of this namespace only.

The kernel's own log is the machine's: `nf_log_all_netns` says whether a namespace may write to it, and labs beside
would mix. So each node gets another logger (`nf_log.2`), whatever the machine says: NFLOG is per namespace, needs no
root, and ulogd's LOGEMU writes lines of the same form (ulogd 2.0).
"""

from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.lab import Lab
from lastseen.lab.nodes import Node

__all__ = ["collect_conntrack_log"]

ALL_PROTOCOLS = 255
_PLUGINS = (
    "inppkt_NFLOG",
    "filter_IFINDEX",
    "filter_IP2STR",
    "filter_PRINTPKT",
    "output_LOGEMU",
    "raw2packet_BASE",
)
_BOUND = Path("/proc/net/netfilter/nfnetlink_log")


def collect_conntrack_log(lab: Lab) -> None:
    """Have the packets that conntrack finds invalid logged to NODE_syslogemu.log in the case, and wait for it."""
    for name in sorted(lab.tracked):
        node = lab.node(name)
        node.sysctl(
            f"net.netfilter.nf_conntrack_log_invalid={ALL_PROTOCOLS}",
            "net.netfilter.nf_log.2=nfnetlink_log",
            "net.netfilter.nf_log.10=nfnetlink_log",
        )
        settings = lab.scratch / f"{name}_ulogd.conf"
        settings.write_text(_settings(lab, name), "utf-8")
        node.start("ulogd", "-c", str(settings))
        lab.until(lambda node=node: _is_bound(node), "ulogd to bind")  # type: ignore[misc]


def _is_bound(node: Node) -> bool:
    table = node.run("cat", f"/proc/thread-self{str(_BOUND).removeprefix('/proc')}", check=False)
    return bool(table.strip())


def _settings(lab: Lab, name: str) -> str:
    folder = next(iter(sorted(Path("/usr/lib").glob("*/ulogd"))), None)
    if folder is None:
        raise LastseenError("lab: ulogd's plugins were not found; install ulogd2")
    plugins = "".join(f'plugin="{folder}/ulogd_{plugin}.so"\n' for plugin in _PLUGINS)
    return (
        f'[global]\nlogfile="{lab.scratch}/{name}_ulogd.log"\n{plugins}'
        "stack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,print1:PRINTPKT,emu1:LOGEMU\n"
        f'[log1]\ngroup=0\n[emu1]\nfile="{lab.folder}/{name}_syslogemu.log"\nsync=1\n'
    )
