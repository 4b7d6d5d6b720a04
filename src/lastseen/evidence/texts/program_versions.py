"""What programs print for `--version`, one or several one below the other, and /etc/os-release.

Each program has its own wording (the table below, from the programs' sources or manuals). Their other lines
(licences, features, build dates) say nothing that is used here and are passed over in silence.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Version
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "program versions"

_NUMBER = r"(?P<version>[0-9]{1,6}\.[0-9][\w.+~-]{0,60})"
_PROGRAMS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("", rf"^(?P<name>ov[sn][a-z]{{0,4}}-[a-z]{{1,20}}) \((?:Open vSwitch|OVN)\) {_NUMBER}\s*$"),
        ("", rf"^(?P<name>ovn-[a-z]{{1,20}}) {_NUMBER}\s*$"),
        ("php", rf"^PHP {_NUMBER} \((?P<detail>cli|cgi-fcgi|fpm-fcgi|phpdbg|embed|apache2handler)\)"),
        ("curl", rf"^curl {_NUMBER} \((?P<detail>[^)]{{1,80}})\)"),
        ("strace", rf"^strace -- version {_NUMBER}\s*$"),
        ("tcpdump", rf"^tcpdump version {_NUMBER}\s*$"),
        ("libpcap", rf"^libpcap version {_NUMBER}(?: \((?P<detail>[^)]{{1,80}})\))?\s*$"),
        ("openssl", rf"^OpenSSL {_NUMBER}(?: [0-9]{{1,2}} [A-Z][a-z]{{2}} [0-9]{{4}}.*)?\s*$"),
        ("conntrack", rf"^conntrack v{_NUMBER} \(conntrack-tools\)\s*$"),
        ("iproute2", rf"^(?:ip|tc|ss) utility, iproute2-{_NUMBER}"),
        ("iproute2", r"^(?:ip|tc|ss) utility, iproute2-ss(?P<version>[0-9]{6})\s*$"),
        ("nft", rf"^nftables v{_NUMBER} \((?P<detail>[^)]{{1,80}})\)\s*$"),
        ("iptables", rf"^ip6?tables v{_NUMBER}(?: \((?P<detail>[^)]{{1,80}})\))?\s*$"),
        ("ethtool", r"^ethtool version (?P<version>[0-9]{1,6}(?:\.[\w.-]{1,60})?)\s*$"),
        ("tshark", rf"^TShark (?:\(Wireshark\) )?{_NUMBER}"),
        ("os", r'^PRETTY_NAME="?(?P<version>[^"]{1,200})"?\s*$'),
    )
)
_OS_RELEASE = re.compile(r'^(?:NAME|VERSION|ID|VERSION_ID|PRETTY_NAME)="?[^"]{1,200}"?\s*$')
_PRETTY_NAME = re.compile(r"^PRETTY_NAME=")


def recognise(head: Head) -> bool:
    """The first line is one that a known program prints, or begins an os-release file."""
    first = head.first()
    if _version(first) is not None:
        return True
    return bool(_OS_RELEASE.match(first)) and any(_PRETTY_NAME.match(line) for line in head.lines)


def read(text: Text) -> Iterator[Version | Weird]:
    """One `Version` a known program, under the program's name; "os" for the distribution."""
    for number, line in text.lines():
        if (known := _version(line)) is not None:
            name, version, detail = known
            yield Version(**text.at(number), name=name, version=version, detail=detail)


def _version(line: str) -> tuple[str, str, str] | None:
    """(name, version, detail) of a line that a known program prints."""
    for name, pattern in _PROGRAMS:
        if found := pattern.match(line):
            groups = found.groupdict()
            return name or groups["name"], groups["version"], groups.get("detail") or ""
    return None
