"""A device removes TCP's "SACK permitted" option from the handshake, so each loss is repaired slowly.

RFC 2018, 2: selective acknowledgments are sent only when the SYN permitted them. Without them a sender learns of one
lost packet a round trip; with several lost packets in one window it waits for its timer instead.
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

SLUG: Final = "sack_stripped"
TITLE: Final = "a device removes the SACK option, so losses are repaired slowly"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "window_scale_stripped": "another option of the same SYN; a device may remove both",
}


def judge(facts: Facts) -> Judgement:
    """Supported where a SYN or SYN-ACK carries the option at one point and not at the next."""
    return weigh(SLUG, accounts(removed(facts, _has_option), _account), otherwise=_otherwise(facts))


def _has_option(track: Track) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = track.of("tcp_sack_permitted") == 1
    return result


def _account(found: Removed, connections: int) -> Account:
    many = f"{connections} connections" if connections > 1 else found.conversation.text
    text = f"a SYN of {many} has the SACK permitted option at {found.before} and not at {found.after}"
    return Account(
        required=(Observed(reason=Reason(text=text, source=found.source)),),
        agreeing=(Unknown(missing="the configuration of the device between the two points"),),
        summary=f"the SACK permitted option of {many} is removed between {found.before} and {found.after}: "
        "several losses in one window are repaired one a round trip, or by a timer",
        component=f"a device between {found.before} and {found.after} that rewrites TCP options",
        hop=found.hop,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _otherwise(facts: Facts) -> Judgement:
    if any(len(c.seen_at) > 1 for c in facts.in_focus()):
        text = "no SYN lost its SACK permitted option between the points"
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
        title="Let the sender recover without SACK as well as it can",
        where="the sender: RACK works on acknowledgments alone, too",
        commands=("sysctl -w net.ipv4.tcp_recovery=1",),
        price="none",
        risk="low",
        check="fewer repetitions by timer (nstat TcpTimeouts)",
        undo=("sysctl -w net.ipv4.tcp_recovery=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture the handshakes on both sides of each device of the path.",
        commands=("tcpdump -ni DEVICE -vv 'tcp[tcpflags] & tcp-syn != 0'",),
    ),
)
