"""A device removes TCP's window scale option from the handshake, so the two ends disagree about the window.

RFC 7323, 2.2: scaling is used only when both SYNs carry the option. Where it is removed in one direction only, one
end scales and the other does not: the window looks up to 2^14 times smaller or larger than it is, and large
transfers crawl or stall while small ones are fine (see J. Corbet, "TCP window scaling and broken routers",
lwn.net/Articles/92727).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import Facts
from lastseen.faults.options_removed import Removed, accounts, removed
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Observed, Unknown, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "window_scale_stripped"
TITLE: Final = "a device removes the window scale option, so the two ends disagree about the window"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "sack_stripped": "another option of the same SYN; a device may remove both",
}


def judge(facts: Facts) -> Judgement:
    """Supported where a SYN or SYN-ACK carries the option at one point and not at the next."""
    return weigh(SLUG, accounts(removed(facts, _has_option), _account), otherwise=_otherwise(facts))


def _has_option(track: Track) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = track.of("tcp_wscale") >= 0
    return result


def _account(found: Removed, connections: int) -> Account:
    many = f"{connections} connections" if connections > 1 else found.conversation.text
    text = f"a SYN of {many} has the window scale option at {found.before} and not at {found.after}"
    return Account(
        required=(Observed(reason=Reason(text=text, source=found.source)),),
        agreeing=(Unknown(missing="the configuration of the device between the two points"),),
        summary=f"the window scale option of {many} is removed between {found.before} and {found.after}: "
        "large transfers crawl or stall",
        component=f"a device between {found.before} and {found.after} that rewrites TCP options",
        hop=found.hop,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _otherwise(facts: Facts) -> Judgement:
    if any(len(c.seen_at) > 1 for c in facts.in_focus()):
        text = "no SYN lost its window scale option between the points"
        return Refuted(fault=SLUG, against=(Reason(text=text),))
    return Untestable(fault=SLUG, missing=("the handshake at two points of the path",))


_REMEDIES: Final = (
    Remedy(
        title="Let the device pass TCP options",
        where="the device between the two points: its TCP normalisation or options filter",
        commands=(),
        price="a change of its configuration",
        risk="low",
        check="the SYN carries the option at both points",
        undo=("the former configuration of the device",),
    ),
    Remedy(
        title="Do without window scaling towards there",
        where="the end host, for all its connections",
        commands=("sysctl -w net.ipv4.tcp_window_scaling=0",),
        price="throughput: windows of at most 64 KiB",
        risk="low",
        check="large transfers no longer stall",
        undo=("sysctl -w net.ipv4.tcp_window_scaling=1",),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture the handshakes on both sides of each device of the path.",
        commands=("tcpdump -ni DEVICE -vv 'tcp[tcpflags] & tcp-syn != 0'",),
    ),
)
