"""Which connection a traced process's calls are about, and how its clock runs beside the captures'.

A trace has times but no sequence numbers, so its clock is bounded from both sides by what cannot be otherwise: a packet
leaves after the call that made it began (connect, first write, close), and has come before the call that tells of it
ended (connected, first data read, EOF). Path delays only widen these bounds, never break them. A connection whose
bounds contradict each other is another one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lastseen.diagnosis.client_moments import Moments, moments_of
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.tables.facts_from_texts import Syscall

__all__ = ["JoinedCalls", "join_calls"]

_READING: Final = frozenset({"read", "readv", "recv", "recvfrom", "recvmsg"})
_WRITING: Final = frozenset({"write", "writev", "send", "sendto", "sendmsg", "sendfile", "sendfile64"})
_CLOSING: Final = frozenset({"close", "shutdown"})
_RESOLUTIONS: Final = (1_000_000_000, 1_000_000, 1_000)
"""strace prints seconds (-t), microseconds (-tt, -ttt), or what was asked for."""
UNEVEN_NS: Final = 10_000_000
"""Times of one machine contradict each other by up to 5 ms in the recorded cases, where CPUs are emulated; doubled."""
SLEW_RATIO: Final = 0.0005
"""A clock that is set right gains or loses at most 500 ppm (RFC 5905, appendix A.5.6.5; Linux MAXFREQ)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedCalls:
    """The calls on one descriptor of a process, from its making to its close.

    `conversation`: the connection they are about, None unless it is exactly one; `candidates`: how many fit.
    `earliest_ns` and `latest_ns`: what must be added at least and at most to the trace's times to get those of the
    first point; None: nothing bounds it on that side. They may cross by what clocks are uneven.
    """

    calls: tuple[Syscall, ...]
    conversation: int | None
    candidates: int
    earliest_ns: int | None = None
    latest_ns: int | None = None


def join_calls(calls: Sequence[Syscall], facts: Facts) -> list[JoinedCalls]:
    """The calls of each descriptor with a known peer, with their connection in focus."""
    conversations = facts.in_focus()
    known: dict[int, Moments] = {}
    joined = []
    for mine in _talks(calls):
        fitting = []
        for conversation in conversations:
            if not _same_ends(mine, conversation):
                continue
            if conversation.number not in known:
                known[conversation.number] = moments_of(facts, conversation)
            low, high = _bounds(mine, known[conversation.number])
            if low is None or high is None or low - high <= _slack_ns(mine):
                fitting.append((conversation.number, low, high))
        number, low, high = fitting[0] if len(fitting) == 1 else (None, None, None)
        joined.append(
            JoinedCalls(
                calls=tuple(mine),
                conversation=number,
                candidates=len(fitting),
                earliest_ns=low,
                latest_ns=high,
            )
        )
    return joined


def _talks(calls: Sequence[Syscall]) -> Iterator[list[Syscall]]:
    """Calls on one descriptor from its making to its close.

    Threads share a descriptor: once both its ends are known they name it, until then the caller does.
    """
    under_way: dict[tuple[object, ...], list[Syscall]] = defaultdict(list)
    for call in calls:
        where = (call.source.file, call.node, call.fd)
        own, named = (*where, call.pid), (*where, call.local, call.peer)
        is_named = call.local is not None and call.peer is not None
        if call.name == "socket":
            yield from _with_peer(under_way.pop(own, []))
        if is_named and named not in under_way:
            under_way[named] = under_way.pop(own, [])
        key = named if is_named else own
        under_way[key].append(call)
        if call.name == "close":
            yield from _with_peer(under_way.pop(key))
    for mine in under_way.values():
        yield from _with_peer(mine)


def _with_peer(calls: list[Syscall]) -> Iterator[list[Syscall]]:
    if any(call.peer is not None and call.peer.port for call in calls):
        yield sorted(calls, key=lambda call: (call.at_ns is None, call.at_ns or 0, call.source.line or 0))


def _same_ends(calls: Sequence[Syscall], conversation: ConversationFacts) -> bool:
    ends = {end for call in calls for end in (call.local, call.peer) if end is not None and end.port}
    return all((end.address, end.port) in conversation.endpoints for end in ends)


# ---- what bounds the clock ----
def _slack_ns(calls: Sequence[Syscall]) -> int:
    """How far two clocks may come apart while the calls last."""
    times = [call.at_ns for call in calls if call.at_ns is not None]
    return UNEVEN_NS + int((max(times) - min(times)) * SLEW_RATIO) if times else UNEVEN_NS


def _bounds(calls: Sequence[Syscall], at: Moments) -> tuple[int | None, int | None]:
    """(least, most) that must be added to the calls' times."""
    timed = [call for call in calls if call.at_ns is not None]
    coarse = next((r for r in _RESOLUTIONS if all((c.at_ns or 0) % r == 0 for c in timed)), 1)
    least, most = [], []
    opened = False
    first: set[str] = set()
    for call in timed:
        start, end = call.at_ns or 0, (call.at_ns or 0) + (call.duration_ns or 0) + coarse
        tells = call.duration_ns is not None and (call.result or 0) > 0
        what = _kind(call)
        caused = {"connect": at.syn, "write": at.sent, "close": at.closed}.get(what)
        if what not in first and caused is not None:
            most.append(caused - start)
        told = {"read": at.came, "wait": at.syn_ack if opened else None}.get(what) if tells else None
        told = at.ended if what == "read" and call.duration_ns is not None and call.result == 0 else told
        if what == "connect" and call.result == 0 and call.duration_ns is not None:
            told = at.syn_ack
        if told is not None:
            least.append(told - end)
        opened = what == "connect" or (opened and what == "wait" and not tells)
        first.add(what)
    return max(least, default=None), min(most, default=None)


def _kind(call: Syscall) -> str:
    for kind, names in (("read", _READING), ("write", _WRITING), ("close", _CLOSING)):
        if call.name in names:
            return kind
    return "wait" if call.timeout_ns is not None else call.name
