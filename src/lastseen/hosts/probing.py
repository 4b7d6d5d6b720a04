"""What a host is and has: asked once, so that what cannot be had is said before anything begins."""

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from lastseen.hosts.changes import Place
from lastseen.hosts.host import Host, own_netns, run
from lastseen.hosts.scripts import PROBE

__all__ = ["HostFacts", "probe", "told_apart"]

NET_ADMIN: Final = 12
NET_RAW: Final = 13
SYS_ADMIN: Final = 21
"""Numbers of capabilities (include/uapi/linux/capability.h)."""
_SYSTEM_CAPABILITIES: Final = {NET_ADMIN: "CAP_NET_ADMIN", NET_RAW: "CAP_NET_RAW", SYS_ADMIN: "CAP_SYS_ADMIN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """A host's answer. `reached` False: `why` says what went wrong, everything else is empty.

    `netns`: the login's own namespace, by file where it has a name; `namespaces`: the named ones, file to inode.
    `clock_offset_ns`: add to the host's time to get this host's; `clock_error_ns`: by how much that may be wrong.
    """

    host: Host
    reached: bool = True
    why: str = ""
    boot: str = ""
    name: str = ""
    inode: int = 0
    is_initial: bool = False
    netns: str = ""
    namespaces: tuple[tuple[str, int], ...] = ()
    tools: frozenset[str] = frozenset()
    is_root: bool = False
    lacks: tuple[str, ...] = ()
    has_conntrack: bool = False
    clock_offset_ns: int = 0
    clock_error_ns: int = 0

    def place(self, netns: str = "") -> Place:
        """A namespace of this host for the journal; "" is the login's own."""
        file = netns or self.netns
        inode = self.inode if not netns else dict(self.namespaces).get(file) or self._inode_of(file)
        return Place(ssh=self.host.ssh, host=self.name, netns=file, inode=inode, boot=self.boot)

    def _inode_of(self, file: str) -> int:
        """Of a namespace without a name, as a container's."""
        said = run(self.host, ("stat", "-L", "-c", "%i", file))
        return _number(said.text.strip())

    @property
    def can_capture(self) -> bool:
        """Whether packets can be captured here at all."""
        return self.reached and bool(self.tools & {"tcpdump", "dumpcap"}) and "CAP_NET_RAW" not in self.lacks

    @property
    def can_change(self) -> bool:
        """Whether network settings can be changed here."""
        return self.reached and "CAP_NET_ADMIN" not in self.lacks

    @property
    def can_enter(self) -> bool:
        """Whether other network namespaces can be entered."""
        return self.reached and "CAP_SYS_ADMIN" not in self.lacks and "nsenter" in self.tools


def probe(host: Host) -> HostFacts:
    """Ask a host what it is and has. One that cannot be reached is an answer too."""
    asked = time.time_ns()
    said = run(host, ("sh", "-s"), given=PROBE)
    answered = time.time_ns()
    lines = [line.split(" ", 1) for line in said.text.splitlines() if " " in line or line == "conntrack"]
    first = {words[0]: words[1] for words in reversed(lines) if len(words) > 1}
    if not said.ok or "clock" not in first:
        return HostFacts(host=host, reached=False, why=said.why, name=host.name)
    inode = _number(first.get("inode", ""))
    namespaces = tuple(_namespace(words[1]) for words in lines if words[0] == "netns")
    named = next((file for file, number in namespaces if number == inode), "")
    there_ns = _nanoseconds(first["clock"])
    return HostFacts(
        host=host,
        boot=first.get("boot", ""),
        name=named.rpartition("/")[2] or _told_name(host.name) or first.get("name", "") or host.name,
        inode=inode,
        is_initial=inode != 0 and inode == _number(first.get("init", "")),
        netns=named or ("" if host.ssh else own_netns()[0]),
        namespaces=namespaces,
        tools=frozenset(words[1] for words in lines if words[0] == "tool"),
        is_root=first.get("uid") == "0",
        lacks=_lacking(first.get("caps", "")),
        has_conntrack=any(words[0] == "conntrack" for words in lines),
        # `date` ran last, so the answer's way back was short and what came before it long: no halving
        clock_offset_ns=answered - there_ns if there_ns else 0,
        clock_error_ns=answered - asked,
    )


def told_apart(hosts: Sequence[HostFacts]) -> list[HostFacts]:
    """The same hosts; where several have one name ("localhost"), all but the first with a number behind it."""
    found: list[HostFacts] = []
    for facts in hosts:
        taken, name, number = {other.name for other in found}, facts.name, 1
        while name in taken:
            number += 1
            name = f"{facts.name}-{number}"
        found.append(replace(facts, name=name))
    return found


def _told_name(name: str) -> str:
    """What the user calls the host, but not an address: the host's own name says more."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name
    return ""


def _lacking(shown: str) -> tuple[str, ...]:
    try:
        effective = int(shown, 16)
    except ValueError:
        return ()
    return tuple(name for bit, name in _SYSTEM_CAPABILITIES.items() if not effective >> bit & 1)


def _namespace(words: str) -> tuple[str, int]:
    inode, _, file = words.partition(" ")
    return file, _number(inode)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _nanoseconds(clock: str) -> int:
    """Nanoseconds of `date +%s.%N`; where there is no %N (busybox) whole seconds."""
    seconds, _, part = clock.partition(".")
    return _number(seconds) * 1_000_000_000 + (_number(part.ljust(9, "0")[:9]) if part.isdecimal() else 0)
