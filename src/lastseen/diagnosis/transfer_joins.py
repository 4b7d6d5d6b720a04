"""Which connection a client's own account of a request is about, and how its times lie beside the captures'.

The account (`curl -v`, `curl -w`) counts from the request's begin. As with system calls, that moment is bounded from
both sides: the SYN comes after the name is known, its answer before the client says that it is connected, the first
data before the answer begins, and the client's own FIN or RST after its account ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lastseen.diagnosis.client_moments import Moments, moments_of
from lastseen.diagnosis.syscall_joins import SLEW_RATIO, UNEVEN_NS
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.tables.endpoints import Endpoint, endpoints_of
from lastseen.tables.transfers import Transfer

__all__ = ["JoinedTransfer", "join_transfers"]

COARSE_NS: Final = 10_000_000
"""Times told more coarsely than to 10 ms, the progress meter's seconds, say nothing of which packet came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedTransfer:
    """A transfer with its connection, None unless it is exactly one; `candidates`: how many fit.

    `transfer` has both ends where the connection tells the one that the client does not. `earliest_ns`, `latest_ns`:
    what must be added at least and at most to its milestones' times to get those of the first point; None: unbounded.
    """

    transfer: Transfer
    conversation: int | None
    candidates: int
    earliest_ns: int | None = None
    latest_ns: int | None = None


def join_transfers(transfers: Sequence[Transfer], facts: Facts) -> list[JoinedTransfer]:
    """Each transfer, with its connection in focus where its peer is told and exactly one fits."""
    return [_joined(transfer, facts) for transfer in transfers]


def _joined(transfer: Transfer, facts: Facts) -> JoinedTransfer:
    fitting = []
    for conversation in facts.in_focus() if transfer.peer is not None and transfer.peer.port else ():
        ends = [
            (end.address, end.port) for end in (transfer.local, transfer.peer) if end is not None and end.port
        ]
        if not all(end in conversation.endpoints for end in ends):
            continue
        low, high = _bounds(transfer, moments_of(facts, conversation))
        if low is None or high is None or low - high <= UNEVEN_NS + int((transfer.took_ns or 0) * SLEW_RATIO):
            fitting.append((conversation, low, high))
    if len(fitting) != 1:
        return JoinedTransfer(transfer=transfer, conversation=None, candidates=len(fitting))
    conversation, low, high = fitting[0]
    return JoinedTransfer(
        transfer=_with_ends(transfer, conversation, facts),
        conversation=conversation.number,
        candidates=1,
        earliest_ns=low,
        latest_ns=high,
    )


def _bounds(transfer: Transfer, at: Moments) -> tuple[int | None, int | None]:
    """(least, most) that must be added to the milestones' times."""
    if transfer.resolution_ns > COARSE_NS or not transfer.is_one:
        return None, None
    coarse = transfer.resolution_ns
    told = {"connected": at.syn_ack, "answered": at.came}
    caused = {"named": at.syn, "reaching": at.syn, "ended": at.closed}
    least, most = list[int](), list[int]()
    for what, after_ns in _first_times(transfer):
        if (came := told.get(what)) is not None:
            least.append(came - after_ns - coarse)
        if (sent := caused.get(what)) is not None:
            most.append(sent - after_ns)
    return max(least, default=None), min(most, default=None)


def _first_times(transfer: Transfer) -> Iterator[tuple[str, int]]:
    """Each kind of milestone where it was reached first: a tunnel through a proxy reaches some twice."""
    seen: set[str] = set()
    for stone in transfer.milestones:
        if stone.after_ns is not None and stone.what not in seen:
            seen.add(stone.what)
            yield stone.what, stone.after_ns


def _with_ends(transfer: Transfer, conversation: ConversationFacts, facts: Facts) -> Transfer:
    """The client's own end is the other one of the connection where it was seen nearest the client."""
    if transfer.local is not None and transfer.local.port:
        return transfer
    nearest = conversation.seen_at[-1]
    point = facts.matching.points[nearest]
    group = int(facts.matching.conversations.group[conversation.number, nearest])
    ends = endpoints_of(point.capture.flows[int(point.connections[group]["flow"])], 0)
    others = [end for end in ends if not _same(end, transfer.peer)]
    return replace(transfer, local=others[0]) if len(others) == 1 else transfer


def _same(end: Endpoint, other: Endpoint | None) -> bool:
    return other is not None and (end.address, end.port) == (other.address, other.port)
