"""A device removes TCP's "SACK permitted" option from the handshake, so each loss is repaired slowly.

RFC 2018, 2: selective acknowledgments are sent only when the SYN permitted them. Without them a sender learns of one
lost packet a round trip; with several lost packets in one window it waits for its timer instead.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import Facts
from lastseen.faults.options_removed import PASS_OPTIONS, judge_removal
from lastseen.faults.tracks import Track
from lastseen.tables.judgements import Judgement

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "sack_stripped"
TITLE: Final = "a device removes the SACK option, so losses are repaired slowly"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "window_scale_stripped": "another option of the same SYN; a device may remove both",
}


def judge(facts: Facts) -> Judgement:
    """Supported where a SYN or SYN-ACK carries the option at one point and not at the next."""
    return judge_removal(
        SLUG,
        facts,
        _has_option,
        name="SACK permitted",
        harm="several losses in one window are repaired one a round trip, or by a timer",
        remedies=(PASS_OPTIONS,),
    )


def _has_option(track: Track) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = track.of("tcp_sack_permitted") == 1
    return result
