"""The two ends of a tunnel have different keys (VNI), and the receiving switch has no port for what arrives.

Open vSwitch looks for the tunnel port by addresses and key. A port whose key is set to a number takes that number only,
and what finds no port is dropped with "receive tunnel port not found" in ovs-vswitchd.log (Open vSwitch,
ofproto/tunnel.c, tnl_port_receive). The outer packets arrive, so the underlay looks well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from lastseen.faults.facts import Facts
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import unanswered_syns
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, holds, weigh
from lastseen.tables.counted import counted
from lastseen.tables.details import DetailRows, column
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.packets import TUNNELS
from lastseen.tables.sources import Source

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "tunnel_key_mismatch"
TITLE: Final = "the two ends of a tunnel have different keys"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "there a rule or flow behind the tunnel's end drops, and counts as many as were lost",
}
_TAKES: Final = ("in_key", "key")
_SENDS: Final = ("out_key", "key")
"""Options of an Open vSwitch interface, the particular one first (ovs-vswitchd.conf.db(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """Packets that reached a host and are not seen behind it. `details`: at the last point that saw them."""

    details: DetailRows
    node: str | None
    source: Source
    hop: int | None


def judge(facts: Facts) -> Judgement:
    """Supported where what is missing came in with a key that the other end sends and no port of this host takes."""
    otherwise = without_loss(SLUG, facts, missing="a capture on the underlay of the receiving host")
    return weigh(SLUG, (_account(arrived, facts) for arrived in _arrivals(facts)), otherwise=otherwise)


def _arrivals(facts: Facts) -> Iterable[_Arrived]:
    for site in facts.losses():
        source = site.source(int(site.lost_rows[0]))
        yield _Arrived(details=site.lost, node=site.upstream.node, source=source, hop=site.number)
    for syn in unanswered_syns(facts):
        yield _Arrived(details=syn.syns.details, node=syn.syns.point.node, source=syn.syns.source(), hop=None)


def _account(arrived: _Arrived, facts: Facts) -> Account:
    key = _key(arrived)
    if key is None:
        reason = Reason(text="what is missing was in no tunnel, or in several", source=arrived.source)
        return Account(required=(Contradicted(reason=reason),), hop=arrived.hop)
    ports = _ports(facts)
    here, there = (
        {place: found for place, found in ports.items() if (place[0] == arrived.node) is own}
        for own in (True, False)
    )
    host = facts.host(arrived.node)
    nowhere, sent = _no_port_takes(here, key, host), _somebody_sends(there, key)
    count, kind = len(arrived.details), TUNNELS[int(column(arrived.details, "tunnel")[0])]
    text = f"{counted(count, 'packet')} came to {host} in {kind} with key {key}, and no further"
    return Account(
        required=(Observed(reason=Reason(text=text, source=arrived.source)), nowhere, sent),
        agreeing=(nowhere, sent),
        telling=isinstance(nowhere, Observed),
        summary=f"{counted(count, 'packet', 'come')} to {host} with tunnel key {key}, which no port of its "
        "switch takes",
        component=f"the tunnel ports of the switch on {host} and of its peer",
        hop=arrived.hop,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _key(arrived: _Arrived) -> int | None:
    """The one key of all these packets; None where they have several, or some are in no tunnel."""
    tunnels, keys = (np.unique(column(arrived.details, name)) for name in ("tunnel", "tunnel_key"))
    return int(keys[0]) if len(tunnels) == len(keys) == 1 and tunnels[0] > 0 else None


def _ports(facts: Facts) -> dict[tuple[str, str], list[Setting]]:
    """Options of each tunnel port of Open vSwitch by (node, interface); a tunnel port is one with a remote end."""
    options: dict[tuple[str, str], list[Setting]] = {}
    for setting in facts.settings:
        if setting.scope.startswith("ovs:"):
            options.setdefault((setting.node, setting.scope.rpartition("/")[2]), []).append(setting)
    return {place: found for place, found in options.items() if any(s.name == "remote_ip" for s in found)}


def _no_port_takes(ports: dict[tuple[str, str], list[Setting]], key: int, host: str) -> Fact:
    """That each tunnel port of the host takes a fixed key, another one, at all times."""
    if not ports:
        return Unknown(missing=f"ovs-vsctl list interface on {host}")
    for (_, name), found in ports.items():
        taken = _chosen(found, _TAKES)
        others = [s for s in taken if s.value.isdecimal() and int(s.value) != key]
        if not taken or len(others) < len(taken):
            source = next((s for s in taken if s not in others), found[0]).source
            return Contradicted(reason=Reason(text=f"{name} on {host} may take key {key}", source=source))
    (_, name), found = next(iter(ports.items()))
    shown = _chosen(found, _TAKES)[0]
    text = f"{name} on {host} takes key {shown.value} only" + (
        f", and {len(ports) - 1} more others" * (len(ports) > 1)
    )
    return Observed(reason=Reason(text=text, source=shown.source))


def _somebody_sends(ports: dict[tuple[str, str], list[Setting]], key: int) -> Fact:
    """That a tunnel port of another host is set to send with this key."""
    if not ports:
        return Unknown(missing="ovs-vsctl list interface on the sending host")
    sent = [s for found in ports.values() for s in _chosen(found, _SENDS)]
    sending = [s for s in sent if s.value == str(key)]
    any_port = next(iter(ports.values()))
    shown = (sending or any_port)[0]
    text = f"{shown.scope.rpartition('/')[2]} on {shown.node} {'sends' if sending else 'does not send'} with key {key}"
    return holds(sending, Reason(text=text, source=shown.source))


def _chosen(found: list[Setting], names: tuple[str, ...]) -> list[Setting]:
    """What was read, in every snapshot, of the first of these options that is set."""
    return next((hits for name in names if (hits := [s for s in found if s.name == name])), [])


_REMEDIES: Final = (
    Remedy(
        title="Give both ends the same key",
        where="the host whose key is wrong, or the controller that sets it",
        commands=("ovs-vsctl set interface PORT options:key=KEY",),
        price="none",
        risk="low: other peers of that port need the same key",
        check="ovs-vsctl get interface PORT options agrees on both hosts, and the packets come out of the tunnel",
        undo=("ovs-vsctl set interface PORT options:key=FORMER",),
    ),
    Remedy(
        title="Let the flows choose the key",
        where="both hosts, where a controller sets tun_id in its flows",
        commands=("ovs-vsctl set interface PORT options:key=flow",),
        price="flows that set and match tun_id",
        risk="medium: without such flows networks are mixed",
        check="the packets come out of the tunnel",
        undo=("ovs-vsctl set interface PORT options:key=FORMER",),
    ),
)
_NEXT: Final = (
    Step(
        text="Compare both ends, and see whether the switch complains.",
        commands=(
            "ovs-vsctl --columns=name,type,options list interface",
            "grep 'receive tunnel port not found' /var/log/openvswitch/ovs-vswitchd.log",
        ),
    ),
)
