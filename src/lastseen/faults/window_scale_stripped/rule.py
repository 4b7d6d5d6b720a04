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
from lastseen.faults.options_removed import PASS_OPTIONS, judge_removal
from lastseen.faults.tracks import Track
from lastseen.tables.judgements import Judgement, Remedy

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "window_scale_stripped"
TITLE: Final = "a device removes the window scale option, so the two ends disagree about the window"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "sack_stripped": "another option of the same SYN; a device may remove both",
}


def judge(facts: Facts) -> Judgement:
    """Supported where a SYN or SYN-ACK carries the option at one point and not at the next."""
    return judge_removal(
        SLUG,
        facts,
        _has_option,
        name="window scale",
        harm="large transfers crawl or stall",
        remedies=_REMEDIES,
    )


def _has_option(track: Track) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = track.of("tcp_wscale") >= 0
    return result


_REMEDIES: Final = (
    PASS_OPTIONS,
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
