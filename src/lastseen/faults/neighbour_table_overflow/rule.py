"""The neighbour table is full: packets to hosts that are not in it are dropped before they reach the wire.

neigh_alloc() refuses above gc_thresh3 (Linux net/core/neighbour.c) and logs "neighbor table overflow"; a forwarded
packet is dropped as NEIGH_CREATEFAIL, a local program's sendto() fails with ENOBUFS. Known neighbours go on. The limit
is the machine's, not a namespace's.
"""

from typing import Final

from lastseen.faults.counting import logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import only_first_of_flow, without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Observed, first_observed, observed_reasons, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Judgement, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "neighbour_table_overflow"
TITLE: Final = "the neighbour (ARP, ND) table is full"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_table_full": "there the log names the connection tracking table",
}
TOPIC: Final = "neighbour_table_overflow"
_WHAT: Final = "the neighbour table was full"


def judge(facts: Facts) -> Judgement:
    """Supported where packets to hosts not seen before were lost and the host says its table was full."""
    hints = observed_reasons((logged(facts, TOPIC, None, _WHAT),))
    otherwise = without_loss(
        SLUG, facts, missing="captures on the logical interface and on the wire", hints=hints
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = (logged(facts, TOPIC, site.node, _WHAT), traced(facts, "NEIGH_CREATEFAIL"))
    said = first_observed(told)
    host = facts.host(site.node)
    return Account(
        required=(only_first_of_flow(site), said),
        agreeing=told,
        telling=isinstance(said, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet')} to hosts that are not in the neighbour table of "
        f"{host} {agreed(len(site.lost_rows), 'are')} dropped: "
        "the table is full",
        component=f"the neighbour table of {host}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


_REMEDIES: Final = (
    Remedy(
        title="Allow more neighbours",
        where="the host, in its initial network namespace (the limit is global)",
        commands=(
            "sysctl -w net.ipv4.neigh.default.gc_thresh1=4096",
            "sysctl -w net.ipv4.neigh.default.gc_thresh2=8192",
            "sysctl -w net.ipv4.neigh.default.gc_thresh3=16384",
        ),
        price="memory",
        risk="low",
        check="ip neigh | wc -l stays below gc_thresh3 and the log line does not come back",
        undo=(
            "sysctl -w net.ipv4.neigh.default.gc_thresh1=FORMER_VALUE",
            "sysctl -w net.ipv4.neigh.default.gc_thresh2=FORMER_VALUE",
            "sysctl -w net.ipv4.neigh.default.gc_thresh3=FORMER_VALUE",
        ),
    ),
    Remedy(
        title="Make the layer 2 segments smaller",
        where="the network's design",
        commands=(),
        price="work",
        risk="low",
        check="ip neigh | wc -l falls",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="See how full the table is.",
        commands=("ip neigh | wc -l", "sysctl net.ipv4.neigh.default.gc_thresh3", "dmesg | grep -i neigh"),
    ),
)
