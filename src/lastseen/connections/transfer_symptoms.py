"""Transfers to symptoms: which phase of a request kept its client waiting, how long, and what ended it.

A client tells what it had reached and when; what it waited for is what it would have reached next. Where it tells no
times between, the whole transfer is told, and that is said. A download that lasts is no wait: between an answer's
begin and its end only a failure is one, or an answer so small that nothing but waiting explains its time.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from lastseen.connections.symptoms import MIN_WAIT_NS
from lastseen.tables.symptoms import Symptom
from lastseen.tables.transfers import Milestone, Transfer

__all__ = ["INITIAL_WINDOW_BYTES", "transfer_symptoms"]

INITIAL_WINDOW_BYTES: Final = 14_600
"""Ten segments of 1460 bytes, which a sender may send at once (RFC 6928): such an answer comes in one flight."""

_WAITED_FOR: Final = {
    "begun": ("waited_for_name", ""),
    "named": ("waited_for_connect", ""),
    "reaching": ("waited", " (connecting or TLS handshake)"),
    "connected": ("waited_for_data", " (handshake)"),
    "securing": ("waited_for_data", " (TLS handshake)"),
    "secured": ("waited", ""),
    "asked": ("waited_for_data", ""),
}
"""What a client waits for that has reached this and no more; behind the client's name stands the phase."""
_ERRORS: Final = {"timeout": "timeout", "eof": "eof", "reset": "reset", "failed": "reset"}
_OF_THE_PEER: Final = frozenset({"timeout", "eof", "reset"})


def transfer_symptoms(transfers: Sequence[Transfer]) -> tuple[Symptom, ...]:
    """Every phase of at least `MIN_WAIT_NS`, in the order of the transfers.

    A failure that tells no time is a wait of unknown length where the peer's silence, end or reset was it; others fail
    at once, or for another reason.
    """
    return tuple(symptom for transfer in transfers for symptom in _of_one(transfer))


def _of_one(transfer: Transfer) -> Iterator[Symptom]:
    stones = transfer.milestones
    if any(stone.after_ns is not None for stone in stones[1:]):
        for before, after in pairwise(stones):
            waited_ns = (after.after_ns or 0) - (before.after_ns or 0)
            if waited_ns >= max(MIN_WAIT_NS, 2 * _coarse_ns(transfer)) and _is_wait(transfer, before, after):
                yield _symptom(transfer, before, after, waited_ns)
        return
    last = stones[-2:] if stones and stones[-1].what == "ended" else ()
    if len(last) < 2 or transfer.ended_by not in _ERRORS:  # noqa: PLR2004 - where it began and ended
        return
    if transfer.ended_by in _OF_THE_PEER if transfer.took_ns is None else transfer.took_ns >= MIN_WAIT_NS:
        yield _symptom(transfer, last[0], last[1], transfer.took_ns)


def _coarse_ns(transfer: Transfer) -> int:
    """Times told in whole seconds may be wrong by one at either end."""
    return transfer.resolution_ns if transfer.resolution_ns >= MIN_WAIT_NS else 0


def _is_wait(transfer: Transfer, before: Milestone, after: Milestone) -> bool:
    """Whether the time between two milestones was spent waiting, and not with sending or receiving much."""
    if before.what == "asked" and (transfer.sent_bytes or 0) > INITIAL_WINDOW_BYTES:
        return after.what == "ended"
    if before.what != "answered" or transfer.ended_by in _ERRORS:
        return True
    return transfer.received_bytes is not None and transfer.received_bytes <= INITIAL_WINDOW_BYTES


def _symptom(transfer: Transfer, before: Milestone, after: Milestone, waited_ns: int | None) -> Symptom:
    kind, phase = _WAITED_FOR.get(before.what, ("waited", ""))
    complete: bool | None = False if kind == "waited_for_data" else None
    if before.what == "answered" and transfer.framing in {"length", "chunks", "frames"}:
        kind, complete = "waited_for_data", False
    return Symptom(
        kind=kind,
        call=transfer.tool + phase,
        fd=-1,
        pid=0,
        waited_ns=waited_ns,
        waits=1,
        ended_by=_ended_by(transfer, after),
        local=transfer.local,
        peer=transfer.peer,
        started_ns=None if transfer.began_ns is None else transfer.began_ns + (before.after_ns or 0),
        response_bytes=(transfer.received_bytes or 0) if before.what == "answered" else 0,
        after_complete_response=complete,
        sources=(after.source, before.source),
    )


def _ended_by(transfer: Transfer, after: Milestone) -> str:
    """What ended the wait: what was waited for, or the transfer's end; "killed" where nobody says how it ended."""
    if after.what != "ended":
        return "data"
    if transfer.ended_by == "done":
        return "eof" if transfer.framing == "close" else "data"
    return _ERRORS.get(transfer.ended_by, "killed")
