"""A card's receive ring or a CPU's backlog is full, and what comes next is dropped before anybody sees it.

The card counts missed packets when its ring has no free place; a CPU drops when more than netdev_max_backlog wait
(Linux net/core/dev.c, enqueue_to_backlog). Bursts of any flow are hit, in the order they came, whatever their
packets are.
"""

from typing import Final

from lastseen.faults.counting import agrees, lost_at, moved_text
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "receive_ring_overflow"
TITLE: Final = "a card's receive ring or a CPU's backlog overflows"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "random_loss": "there no card and no CPU counts anything",
    "queue_overflow": "there a queue for sending counts the drops",
}
_COUNTERS: Final = (
    ("link", ("rx_missed", "rx_fifo", "rx_over", "rx_overrun")),
    (
        "nic",
        ("rx_missed_errors", "rx_no_buffer_count", "rx_out_of_buffer", "rx_discards_phy", "rx_fifo_errors"),
    ),
    ("softnet", ("dropped",)),
)
"""Names of `ip -s -s link`, of common drivers' `ethtool -S`, and the second column of softnet_stat."""


def judge(facts: Facts) -> Judgement:
    """Supported where a card or CPU counted as many packets it could not take as were lost."""
    otherwise = without_loss(SLUG, facts, missing="captures before and behind the host that cannot take them")
    return weigh(SLUG, (_account(site, facts) for site in facts.lossy()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = _counted(site, facts)
    return Account(
        required=(told,),
        agreeing=(told, traced(facts, "CPU_BACKLOG", "FULL_RING")),
        summary=f"{counted(len(site.lost_rows), 'packet', 'come')} faster than the host behind "
        f"{site.upstream.name} takes them in",
        component=f"the receiving side of {facts.host(site.node)} (card, interrupts, CPU)",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _counted(site: LossSite, facts: Facts) -> Fact:
    lost = lost_at(site)
    for family, names in _COUNTERS:
        for name in names:
            moved = facts.counter_delta(family, name, site.node)
            if moved is not None and agrees(moved.value, lost):
                text = moved_text(f"{family} {name}", moved, lost)
                return Observed(reason=Reason(text=text, source=moved.after))
    return Unknown(
        missing="ethtool -S, ip -s -s link and /proc/net/softnet_stat of the host, before and after"
    )


_REMEDIES: Final = (
    Remedy(
        title="Make the ring longer",
        where="the card that misses packets",
        commands=("ethtool -g DEVICE", "ethtool -G DEVICE rx 4096"),
        price="memory",
        risk="slightly more latency; the link may go down for a moment while the ring is made anew",
        check="the counter stands still under the same load",
        undo=("ethtool -G DEVICE rx FORMER_VALUE",),
    ),
    Remedy(
        title="Let more CPUs take packets, and longer at a time",
        where="the host: receive side scaling, interrupt affinity, net.core.netdev_budget, netdev_max_backlog",
        commands=("sysctl -w net.core.netdev_max_backlog=8192",),
        price="tuning",
        risk="low",
        check="softnet_stat's second column stands still",
        undo=("sysctl -w net.core.netdev_max_backlog=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="See who counts while packets are lost.",
        commands=("ethtool -S DEVICE | grep -iE 'miss|drop|fifo|buffer'", "cat /proc/net/softnet_stat"),
    ),
)
