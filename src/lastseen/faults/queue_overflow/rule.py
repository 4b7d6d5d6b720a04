"""A queue on the way is full: packets that come while it is are dropped.

Every interface sends through a queueing discipline; when more comes than the link (or a shaper) takes, the queue
fills and the discipline drops and counts (Linux net/sched/sch_generic.c). By the packets it looks like any loss in
bursts; what makes it this fault is that a queue counted them.
"""

from typing import Final

from lastseen.faults.chance import in_turns_or_bursts, nothing_counts
from lastseen.faults.counting import agrees, lost_at, moved_text
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "queue_overflow"
TITLE: Final = "a queue on the way is full and drops packets"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "rate_limit": "there a rule or policer with a limit counted them, and no queue",
    "random_loss": "there no queue counts anything",
    "tap_queue_overflow": "there the queue is the one towards a guest that does not read",
}
_NOT_QUEUES: Final = ("netem ", "noqueue ", "ingress ", "clsact ")
"""netem drops on purpose; the others have no queue."""


def judge(facts: Facts) -> Judgement:
    """Supported where a queue of the hop's host dropped as many packets as were lost."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the queue")
    return weigh(SLUG, (_account(site, facts) for site in facts.lossy()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    queue = _queue(site, facts)
    shape = () if isinstance(queue, Observed) else in_turns_or_bursts(site)
    return Account(
        required=(queue, *shape),
        agreeing=(queue, traced(facts, "QDISC_DROP", "QDISC_OVERLIMIT", "QDISC_CONGESTED")),
        telling=nothing_counts(facts, site, "qdisc") and bool(shape),
        summary=f"{counted(len(site.lost_rows), 'packet', 'find')} a full queue between {site.upstream.name} and "
        f"{site.downstream.name} and are dropped",
        component=f"a queue of {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _queue(site: LossSite, facts: Facts) -> Fact:
    """The discipline whose drop counter moved by as much as was lost."""
    lost = lost_at(site)
    seen = {
        (c.scope, c.name)
        for c in facts.counters
        if c.family == "qdisc"
        and c.name.endswith(" dropped")
        and not c.name.removeprefix("class ").startswith(_NOT_QUEUES)
        and site.node in (None, c.node)
    }
    for scope, name in sorted(seen):
        moved = facts.counter_delta("qdisc", name, site.node, scope=scope)
        if moved is not None and agrees(moved.value, lost):
            text = moved_text(f"the drops of {scope}'s queue ({name.removesuffix(' dropped')})", moved, lost)
            return Observed(reason=Reason(text=text, source=moved.after))
    return Unknown(
        missing="tc -s qdisc of the hop's host, before and after, with drops by as much as was lost"
    )


_REMEDIES: Final = (
    Remedy(
        title="Send less, or give the link more",
        where="the senders, or the link and its shaper",
        commands=(),
        price="capacity",
        risk="none",
        check="the queue's drops stand still",
        undo=(),
    ),
    Remedy(
        title="Use a queue that keeps flows apart",
        where="the interface whose queue drops",
        commands=("tc qdisc replace dev DEVICE root fq_codel",),
        price="none; the bulk flow is still slowed, the others no longer suffer",
        risk="low",
        check="short requests pass while the bulk transfer runs",
        undo=("tc qdisc replace dev DEVICE root FORMER_DISCIPLINE",),
    ),
)
_NEXT: Final = (
    Step(
        text="Watch the queue while packets are lost.",
        commands=("tc -s qdisc show dev DEVICE", "ip -s link show dev DEVICE"),
    ),
)
