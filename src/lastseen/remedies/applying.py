"""Make the changes of a remedy, each journalled before it is made, and watch what else moves meanwhile."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lastseen.errors import LastseenError
from lastseen.hosts.changes import Change, Mtu, Offload, Place, Rule, Sysctl
from lastseen.hosts.holding import read_sysctl
from lastseen.hosts.host import Host, need, run
from lastseen.hosts.journal import Session
from lastseen.hosts.names import sysctl_path
from lastseen.hosts.probing import HostFacts
from lastseen.hosts.restore import take_all_back
from lastseen.remedies.forms import Action, AddRule, SetMtu, SetOffload, SetSysctl

__all__ = ["Applied", "apply", "counters", "moved"]

_COUNTERS: Final = (
    "TcpInCsumErrors", "TcpOutRsts", "TcpEstabResets", "TcpRetransSegs", "IpInDiscards", "IpOutDiscards",
)  # fmt: skip
"""What a change for the worse would move (names of nstat(8))."""
_INVALID: Final = re.compile(r"\binvalid=(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A change that was made: its number in the journal."""

    number: str
    place: Place
    change: Change


def apply(
    session: Session, facts: HostFacts, netns: str, actions: Sequence[Action], *, about: str
) -> list[Applied]:
    """Make every change; what is so already is left alone. Raises LastseenError when one fails: none then stands."""
    host, place = facts.host.inside(netns), facts.place(netns)
    done: list[Applied] = []
    for action in actions:
        change = _planned(facts, netns, action, session)
        if change is None:
            continue
        number = session.intend(change, place, about=about)
        done.append(Applied(number=number, place=place, change=change))
        try:
            need(run(host, _command(change)), " ".join(_command(change)))
        except LastseenError:
            take_all_back(session)
            raise
        session.mark(number, "made")
    return done


def _planned(facts: HostFacts, netns: str, action: Action, session: Session) -> Change | None:
    """The change with what is there now, for its undo; None: nothing to change."""
    host = facts.host.inside(netns)
    match action:
        case SetSysctl(key=key, value=value):
            old = read_sysctl(facts, key, netns)
            if old is None:
                raise LastseenError(f"{key} does not exist on {facts.place(netns)}; is its module loaded?")
            return Sysctl(key=key, old=old, new=value) if old != value else None
        case SetOffload(interface=interface, feature=feature, on=on):
            state = _offload(host, interface, feature)
            return (
                None
                if (state == "on") == on
                else Offload(interface=interface, feature=feature, old=state, new="on" if on else "off")
            )
        case SetMtu(interface=interface, mtu=mtu):
            now = _mtu(host, interface)
            return Mtu(interface=interface, old=now, new=mtu) if now != mtu else None
        case AddRule(argv=argv):
            comment = f"lastseen-{session.name.rpartition('-')[2]}"
            return Rule(argv=_with_comment(argv, comment), comment=comment)


def _offload(host: Host, interface: str, feature: str) -> Literal["on", "off"]:
    """Whether a feature is on now. Short names (gro) are printed in full (generic-receive-offload)."""
    said = need(run(host, ("ethtool", "-k", interface)), f"ethtool -k {interface}")
    long = _SHORT_FEATURES.get(feature, feature)
    found = re.search(rf"^\s*{re.escape(long)}: (on|off)(.*)$", said.text, re.MULTILINE)
    if found is None or "[fixed]" in found[2]:
        raise LastseenError(f"{interface} cannot change {feature}")
    return "on" if found[1] == "on" else "off"


_SHORT_FEATURES: Final = {
    "rx": "rx-checksumming",
    "tx": "tx-checksumming",
    "sg": "scatter-gather",
    "tso": "tcp-segmentation-offload",
    "gso": "generic-segmentation-offload",
    "gro": "generic-receive-offload",
    "lro": "large-receive-offload",
    "rxvlan": "rx-vlan-offload",
    "txvlan": "tx-vlan-offload",
}
"""ethtool.c, off_flag_def."""


def _mtu(host: Host, interface: str) -> int:
    said = need(run(host, ("ip", "-j", "link", "show", "dev", interface)), f"ip link show dev {interface}")
    try:
        return int(json.loads(said.text)[0]["mtu"])
    except (ValueError, LookupError, TypeError) as error:
        raise LastseenError(f"the MTU of {interface} cannot be read") from error


def _with_comment(argv: tuple[str, ...], comment: str) -> tuple[str, ...]:
    """The rule with a comment of its own, by which its undo finds it."""
    if argv[0] == "nft":
        return (*argv, "comment", f'"{comment}"')
    return (*argv, "-m", "comment", "--comment", comment)


def _command(change: Change) -> tuple[str, ...]:
    """The arguments that make a change."""
    match change:
        case Sysctl(key=key, new=new):
            return ("sh", "-c", 'printf "%s\\n" "$2" >"$1"', "lastseen", sysctl_path(key), new)
        case Offload(interface=interface, feature=feature, new=state):
            return ("ethtool", "-K", interface, feature, state)
        case Mtu(interface=interface, new=mtu):
            return ("ip", "link", "set", "dev", interface, "mtu", str(mtu))
        case Rule(argv=argv):
            return argv
        case _:
            raise AssertionError(change)


def counters(facts: HostFacts, netns: str) -> dict[str, int]:
    """What a change for the worse would move: resets, checksum errors, discards, conntrack's invalid packets."""
    host = facts.host.inside(netns)
    found = {}
    for line in run(host, ("nstat", "-asz")).text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in _COUNTERS and words[1].isdecimal():
            found[words[0]] = int(words[1])
    said = run(host, ("conntrack", "-S")).text
    if invalid := _INVALID.findall(said):
        found["conntrack invalid"] = sum(map(int, invalid))
    return found


def moved(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Counters that rose, as "name +n"."""
    rises = {name: after[name] - before[name] for name in before if name in after}
    return [f"{name} +{rise}" for name, rise in rises.items() if rise > 0]
