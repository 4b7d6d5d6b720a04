"""A link went down and came back: everything sent meanwhile is gone.

The kernel counts carrier changes and most drivers log them; while the carrier is off an interface drops what it
should send, and a bridge or switch relearns afterwards. The loss is one window of time in which every flow over the
link loses everything, whatever its packets are.
"""

from typing import Final

import numpy as np

from lastseen.faults.counting import logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import (
    Account,
    Contradicted,
    Fact,
    Observed,
    Unknown,
    first_observed,
    observed_reasons,
    weigh,
)
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import DELIVERED, MERGED, SPLIT

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "link_flap"
TITLE: Final = "a link goes down and comes back"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "random_loss": "there packets in between pass",
}
_CARRIER: Final = ("carrier_changes", "carrier_down_count", "carrier_up_count", "tx_transns")
"""The last is what `ip -s -s link` calls the carrier's changes (iproute2 ip/ipaddress.c, "transns")."""


def judge(facts: Facts) -> Judgement:
    """Supported where everything of one window of time was lost and a host counts or logs that a carrier changed."""
    flap = _flap(facts)
    hints = observed_reasons(flap) if facts.stalled() else ()
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the link", hints=hints)
    return weigh(SLUG, (_account(site, flap) for site in facts.losses()), otherwise=otherwise)


def _flap(facts: Facts) -> tuple[Fact, ...]:
    found: Fact = Unknown(missing="ip -s -s link before and after (changes of carrier), and the kernel log")
    for name in _CARRIER:
        moved = facts.counter_delta("link", name, None)
        if moved is not None and moved.value > 0:
            found = Observed(reason=Reason(text=f"{name} rose by {moved.value}", source=moved.after))
            break
    return (found, logged(facts, "link_down", None, "a link went down"), traced(facts, "DEV_READY"))


def _account(site: LossSite, flap: tuple[Fact, ...]) -> Account:
    told = first_observed(flap)
    return Account(
        required=(_one_window(site), told),
        agreeing=flap,
        telling=isinstance(told, Observed),
        summary=f"a link between {site.upstream.name} and {site.downstream.name} went down; the {len(site.lost_rows)} "
        "packets sent meanwhile are lost",
        component="the link, its cable, card or switch port, or who switched it off",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _one_window(site: LossSite) -> Fact:
    """From the first to the last lost packet nothing of the direction passed."""
    times = site.upstream.capture.times_ns()
    first, last = int(times[site.lost_rows].min()), int(times[site.lost_rows].max())
    arrived = times[np.isin(site.hop.fate, (DELIVERED, MERGED, SPLIT))]
    between = int(((arrived > first) & (arrived < last)).sum())
    source = site.source(int(site.lost_rows[0]))
    if between:
        text = f"{counted(between, 'packet')} of this direction passed while others were lost"
        return Contradicted(reason=Reason(text=text, source=source))
    text = f"for {(last - first) / 1e9:.2f} s everything of this direction was lost, nothing before and after"
    return Observed(reason=Reason(text=text, source=source))


_REMEDIES: Final = (
    Remedy(
        title="Find out why the carrier goes",
        where="both ends of the link: cable, optics, card, switch port, power saving, a script or person",
        commands=("dmesg | grep -i link", "ethtool DEVICE", "ethtool -S DEVICE"),
        price="work",
        risk="none",
        check="carrier_changes stands still",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="See when the carrier changed and how often.",
        commands=(
            "ip -s -s link show dev DEVICE",
            "cat /sys/class/net/DEVICE/carrier_changes",
            "dmesg -T | grep -i 'link'",
        ),
    ),
)
