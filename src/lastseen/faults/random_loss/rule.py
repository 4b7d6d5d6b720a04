"""Packets vanish at random: no property separates lost from delivered, and the same bytes pass when sent again.

What a bad cable, a congested link somewhere or a lossy radio looks like, and what a test's loss injection makes. It
says where packets are lost and that nothing about the packets decides it; the device has to be found by its own
counters. Any fault that explains the same loss by a property of the packets, a rule or a counter goes before it.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.chance import LEAST_RATIO, TELLING, crowding, preferred, runs_of_loss
from lastseen.faults.counting import agrees, lost_at
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import first_of_flow, size_step, without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, holds, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.packets import ACK, LENGTH_FLAGS, SEQ
from lastseen.tables.points import DELIVERED, LOST

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "random_loss"
TITLE: Final = "packets vanish at random"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "queue_overflow": "there a queue's drop counter moved by as much",
    "rate_limit": "there a rule or policer with a limit was hit, and packets are lost in bursts or by turns",
    "receive_ring_overflow": "there a card or the kernel counts what it could not take",
    "tap_queue_overflow": "there the tap's TX dropped moved by as much",
    "ovs_flow_limit": "there the switch's flows are at their limit, and it counts lost upcalls",
    "ecmp_bad_member": "there each connection loses everything or nothing",
}
FEWEST: Final = 5
"""Fewer lost packets show no pattern, and no lack of one."""
MOST_RATIO: Final = 0.7
"""Of the packets of a direction. What loses nearly everything is no chance."""
FEWEST_RUNS: Final = 3
"""Lost packets that are neighbours all together are one event, not chance."""


def judge(facts: Facts) -> Judgement:
    """Supported where losses are scattered over packets of all kinds and their repetitions pass."""
    sites = [site for site in facts.sites if len(site.lost_rows) >= FEWEST and len(site.delivered_rows)]
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the hop that loses packets")
    return weigh(SLUG, (_account(site, facts) for site in sites), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    total = len(site.lost_rows) + len(site.delivered_rows)
    ratio = len(site.lost_rows) / total
    source = site.source(int(site.lost_rows[0]))
    text = (
        f"{len(site.lost_rows)} of {total} packets ({ratio:.1%}) of this direction "
        f"{agreed(len(site.lost_rows), 'were')} lost"
    )
    injected = _injected(site, facts)
    return Account(
        required=(
            holds(LEAST_RATIO <= ratio <= MOST_RATIO, Reason(text=text, source=source)),
            _nothing_separates(site),
            injected if isinstance(injected, Observed) else _by_chance(site),
            _scattered(site),
            _repetitions_pass(site),
        ),
        agreeing=(injected,),
        refuting=_turned_round(site),
        general=True,
        summary=f"{text} between {site.upstream.name} and {site.downstream.name}, whatever they were",
        component=f"something lossy between {site.upstream.name} and {site.downstream.name}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _nothing_separates(site: LossSite) -> Fact:
    source = site.source(int(site.lost_rows[0]))
    telling = next((c for c in site.contrasts if c.separates and c.p_value < TELLING), None)
    if telling is not None:
        text = f"all lost packets and no delivered one have {telling.text}"
        return Contradicted(reason=Reason(text=text, source=source))
    if size_step(site) is not None:
        return Contradicted(reason=Reason(text="only packets above a size were lost", source=source))
    if _only_openings(site):
        text = "only first packets of flows were lost, and too many of them for chance"
        return Contradicted(reason=Reason(text=text, source=source))
    return Observed(reason=Reason(text="no property separates lost from delivered packets", source=source))


def _by_chance(site: LossSite) -> Fact:
    """Neither what a packet is, nor what was lost before it, nor how soon it came makes its loss likelier."""
    chosen, runs, crowd = preferred(site), runs_of_loss(site), crowding(site)
    if chosen is not None:
        return Unknown(
            missing=f"what loses packets with {chosen.text} more often than others, and than chance does"
        )
    if not runs.by_chance:
        return Unknown(missing=f"the counters of queues, limits and links on the way: {runs.text}")
    if not crowd.by_chance:
        return Unknown(missing=f"the counters of queues, limits and links on the way: {crowd.text}")
    text = f"they were lost in {counted(runs.runs, 'run')} of neighbours, as many as chance makes ({runs.expected:.0f})"
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _only_openings(site: LossSite) -> bool:
    """Whether all lost packets came before their flow was known, and chance would have hit others among them."""
    lost = len(site.lost_rows)
    openings = lost + len(np.unique(site.upstream.group_of[site.delivered_rows]))
    share = min(openings / (lost + len(site.delivered_rows)), 1)
    return share**lost < TELLING and bool(first_of_flow(site).all())


def _scattered(site: LossSite) -> Fact:
    """Lost packets lie in several runs among delivered ones of their direction, in order of time."""
    fate = site.hop.fate[np.flatnonzero(np.isin(site.hop.fate, (LOST, DELIVERED)))]
    runs = int(np.count_nonzero(np.diff((fate == LOST).astype(np.int8), prepend=0) == 1))
    text = f"they were lost at {runs} separate moments"
    return holds(runs >= FEWEST_RUNS, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _repetitions_pass(site: LossSite) -> Fact:
    """Bytes that were lost arrive when they are sent again; datagrams need not be sent again."""
    packets, group = site.upstream.capture.packets, site.upstream.group_of
    tcp = site.lost_rows[group[site.lost_rows] < len(site.upstream.connections)]
    source = site.source(int(site.lost_rows[0]))
    if not len(tcp):
        return Observed(reason=Reason(text="datagrams before and after them passed", source=source))
    again = int(np.isin(packets[tcp, SEQ], packets[_same(site, group[tcp]), SEQ]).sum())
    if not again:
        return Unknown(missing="a repetition of what was lost that got through")
    return Observed(reason=Reason(text=f"{again} of them passed when they were sent again", source=source))


def _same(site: LossSite, groups: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Delivered rows of these groups."""
    delivered = site.delivered_rows
    return delivered[np.isin(site.upstream.group_of[delivered], groups)]


def _turned_round(site: LossSite) -> tuple[Fact, ...]:
    """Packets lost here that leave by the interface they came in on, in another connection: they were translated."""
    packets, group = site.upstream.capture.packets, site.upstream.group_of
    same = packets[:, (SEQ, ACK, LENGTH_FLAGS)]
    for row in site.lost_rows.tolist():
        again = (same == same[row]).all(axis=1) & (group != group[row]) & (group >= 0)
        if group[row] < len(site.upstream.connections) and again.any():
            text = "packets lost here leave again by the same interface, with other addresses: they were translated"
            return (Observed(reason=Reason(text=text, source=site.source(int(np.argmax(again))))),)
    return ()


def _injected(site: LossSite, facts: Facts) -> Fact:
    """A loss that is made: netem on an interface, or a rule that drops by chance."""
    lost = lost_at(site)
    for layer in ("nft", "iptables"):
        for rule, delta in facts.rules_at(site, layer):
            if rule.drops and agrees(delta.value, lost) and _BY_CHANCE in rule.match:
                text = f"the rule '{rule.place}: {rule.match}' dropped {counted(delta.value, 'packet')} at random"
                return Observed(reason=Reason(text=text, source=delta.after))
    netem = [c.name for c in facts.counters if c.family == "qdisc" and c.name.startswith("netem ")]
    names = {name for name in netem if name.endswith("dropped")}
    for name in sorted(names):
        moved = facts.counter_delta("qdisc", name, site.node)
        if moved is not None and agrees(moved.value, lost):
            return Observed(
                reason=Reason(text=f"netem dropped {counted(moved.value, 'packet')}", source=moved.after)
            )
    return Unknown(
        missing="error counters of every card and link in between (ethtool -S, the switch's ports)"
    )


_BY_CHANCE: Final = "numgen random"

_REMEDIES: Final = (
    Remedy(
        title="Find the lossy link by its own counters",
        where="each card, cable, switch port and link between the two points",
        commands=("ethtool -S DEVICE | grep -iE 'err|drop|crc|miss'", "ip -s -s link"),
        price="work",
        risk="none",
        check="the counter that rises with the losses stands still after the change",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture at more points in between: the loss is certain, its place is one of several devices.",
        commands=("mtr -n -c 200 DESTINATION",),
    ),
)
