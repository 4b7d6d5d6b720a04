"""A guest does not drain its queue, and the host drops what should go into it.

tun_net_xmit() drops when the ring towards the guest is full (Linux drivers/net/tun.c) and the tap's TX dropped
counts. The guest is starved of CPU, or paused, or cannot keep up. Nothing about a packet decides; only its
direction does.
"""

from typing import Final

from lastseen.faults.chance import TELLING, in_turns_or_bursts, nothing_counts
from lastseen.faults.counting import agrees, lost_at, moved_text
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, holds, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "tap_queue_overflow"
TITLE: Final = "a guest does not drain its queue, and the host drops packets towards it"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "queue_overflow": "there a queueing discipline counts the drops, not the tap itself",
    "receive_ring_overflow": "there a card or CPU of the host counts what it could not take",
}
_TAPS: Final = ("tap", "vnet", "tun", "macvtap")
"""How Neutron, libvirt and the kernel name interfaces that lead into a guest."""
_COUNTERS: Final = (("link", "tx_dropped"), ("openflow_port", "tx_drop"), ("datapath_port", "tx_dropped"))


def judge(facts: Facts) -> Judgement:
    """Supported where a tap dropped as many packets towards its guest as were lost."""
    sites = [site for site in facts.lossy() if site.to_client]
    otherwise = without_loss(SLUG, facts, missing="captures before the tap and inside the guest")
    return weigh(SLUG, (_account(site, facts) for site in sites), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    dropped = _dropped(site, facts)
    shape = () if isinstance(dropped, Observed) else in_turns_or_bursts(site)
    is_counted = not nothing_counts(facts, site, *dict(_COUNTERS))
    lost = len(site.lost_rows)
    into_guest = site.upstream.interface.startswith(_TAPS)
    return Account(
        required=(_any_kind(site), dropped, *shape),
        agreeing=(dropped, traced(facts, "FULL_RING")),
        telling=into_guest and not is_counted and bool(shape),
        summary=f"{counted(lost, 'packet')} towards the guest {agreed(lost, 'find')} its queue full behind "
        f"{site.upstream.name}",
        component="the guest, or the CPU time it gets",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _any_kind(site: LossSite) -> Fact:
    """Nothing about the packets separates the lost from the delivered."""
    telling = next((c for c in site.contrasts if c.separates and c.p_value < TELLING), None)
    text = (
        f"lost packets have {telling.text}"
        if telling
        else "no property separates lost from delivered packets"
    )
    return holds(telling is None, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _dropped(site: LossSite, facts: Facts) -> Fact:
    """The drop counter of a tap that moved by as much as was lost."""
    lost = lost_at(site)
    for family, name in _COUNTERS:
        scopes = sorted({c.scope for c in facts.counters if c.family == family and c.name == name})
        for scope in scopes:
            moved = facts.counter_delta(family, name, site.node, scope=scope)
            if scope.rpartition("/")[2].startswith(_TAPS) and moved is not None and agrees(moved.value, lost):
                text = moved_text(f"{name} of {scope}", moved, lost)
                return Observed(reason=Reason(text=text, source=moved.after))
    return Unknown(
        missing="ip -s -s link of the tap before and after, with TX dropped by as much as was lost"
    )


_REMEDIES: Final = (
    Remedy(
        title="Give the guest its CPU",
        where="the hypervisor: pin or isolate its CPUs, end the overcommitment; look at steal time inside the guest",
        commands=(),
        price="capacity",
        risk="low",
        check="TX dropped of the tap stands still",
        undo=("the former placement",),
    ),
    Remedy(
        title="Let more packets wait",
        where="the tap on the host, and the queues of the guest's virtio card",
        commands=("ip link set dev TAP txqueuelen 10000",),
        price="latency under load",
        risk="low",
        check="TX dropped of the tap stands still",
        undo=("ip link set dev TAP txqueuelen FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="Watch the tap and the guest's stolen time.",
        commands=("ip -s -s link show dev TAP", "top -b -n 1 | head -5  # guest: st"),
    ),
)
