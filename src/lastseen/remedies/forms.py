"""The commands of a remedy that lastseen will run itself: few forms, each with a known undo; all others are shown only.

Syntax: sysctl(8), ethtool(8), ip-link(8), nft(8), iptables(8). A word a person must fill in (TAP, <device>) makes a
command a text.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lastseen.errors import LastseenError
from lastseen.hosts.names import interface, sysctl_key, sysctl_value

__all__ = ["Action", "AddRule", "SetMtu", "SetOffload", "SetSysctl", "actions_of", "is_applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSysctl:
    """`sysctl -w KEY=VALUE`."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOffload:
    """`ethtool -K INTERFACE FEATURE on|off`."""

    interface: str
    feature: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMtu:
    """`ip link set dev INTERFACE mtu N`."""

    interface: str
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRule:
    """`nft add rule ...` or `iptables -I ...`; a comment that finds it again is added when it is applied."""

    argv: tuple[str, ...]


Action = SetSysctl | SetOffload | SetMtu | AddRule

SMALLEST_MTU: Final = 68
LARGEST_MTU: Final = 65_535
"""RFC 791 and the kernel's ETH_MAX_MTU."""
_FEATURE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_TO_FILL_IN: Final = re.compile(r"<|>|\.\.\.|^[A-Z][A-Z_]+$|[`$;|&]")
_RULE_WORD: Final = re.compile(r"[A-Za-z0-9_.:/,!=\"{}\[\]<>@%+-]{1,128}")
_KEYWORDS: Final = frozenset({
    "ACCEPT", "DROP", "RETURN", "INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING", "TCPMSS", "NOTRACK", "CT",
    "SYN", "FIN", "RST", "ACK", "PSH", "URG", "ALL", "NONE", "ESTABLISHED", "RELATED", "INVALID", "NEW",
})  # fmt: skip
"""Upper-case words of iptables that nobody has to fill in."""


def actions_of(commands: Sequence[str]) -> list[Action] | None:
    """What the commands do, in order; None where any of them is not of a form that can be undone for sure."""
    found: list[Action] = []
    for command in commands:
        if command.lstrip().startswith("#"):
            return None
        actions = _parsed(command)
        if not actions:
            return None
        found += actions
    return found or None


def is_applicable(commands: Sequence[str]) -> bool:
    """Whether lastseen would run these commands itself."""
    return actions_of(commands) is not None


def _parsed(command: str) -> list[Action]:
    try:
        words = shlex.split(command.removeprefix("sudo "), comments=True)
    except ValueError:
        return []
    if not words or any(_TO_FILL_IN.search(word) and word not in _KEYWORDS for word in words):
        return []
    reader = _READERS.get(words[0])
    try:
        return reader(words) if reader is not None else []
    except (LastseenError, ValueError, IndexError):
        return []


def _sysctl(words: list[str]) -> list[Action]:
    if len(words) < 3 or words[1] != "-w":  # noqa: PLR2004 - sysctl -w KEY=VALUE
        return []
    found: list[Action] = []
    for word in words[2:]:
        key, equals, value = word.partition("=")
        if not equals:
            return []
        found.append(SetSysctl(key=sysctl_key(key), value=sysctl_value(value)))
    return found


def _ethtool(words: list[str]) -> list[Action]:
    if words[1] != "-K" or len(words) < 5 or len(words) % 2 == 0:  # noqa: PLR2004 - ethtool -K IF FEATURE VALUE
        return []
    pairs = list(zip(words[3::2], words[4::2], strict=True))
    if any(not _FEATURE.fullmatch(feature) or value not in ("on", "off") for feature, value in pairs):
        return []
    name = interface(words[2])
    return [SetOffload(interface=name, feature=feature, on=value == "on") for feature, value in pairs]


def _ip(words: list[str]) -> list[Action]:
    plain = [word for word in words if word != "dev"]
    if plain[1:3] != ["link", "set"] or len(plain) != 6 or plain[4] != "mtu":  # noqa: PLR2004 - ip link set IF mtu N
        return []
    mtu = int(plain[5])
    return [SetMtu(interface=interface(plain[3]), mtu=mtu)] if SMALLEST_MTU <= mtu <= LARGEST_MTU else []


def _nft(words: list[str]) -> list[Action]:
    named = words[1] in ("add", "insert") and words[2] == "rule"
    known = words[3] in ("ip", "ip6", "inet", "arp", "bridge", "netdev")
    return _rule(words) if named and known and len(words) > 6 else []  # noqa: PLR2004 - FAMILY TABLE CHAIN STATEMENT


def _iptables(words: list[str]) -> list[Action]:
    start = 3 if words[1] == "-t" else 1
    return _rule(words) if words[start] in ("-I", "-A") and len(words) > start + 2 else []


def _rule(words: list[str]) -> list[Action]:
    if any(not _RULE_WORD.fullmatch(word) for word in words) or "comment" in words or "--comment" in words:
        return []
    return [AddRule(argv=tuple(words))]


_READERS: Final[dict[str, Callable[[list[str]], list[Action]]]] = {
    "sysctl": _sysctl,
    "ethtool": _ethtool,
    "ip": _ip,
    "nft": _nft,
    "iptables": _iptables,
    "ip6tables": _iptables,
}
