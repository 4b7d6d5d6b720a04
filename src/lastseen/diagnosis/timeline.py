"""Put what every layer saw of a connection into one list, on the clock of the first point.

Each source has its own clock. Captures are aligned by matching, a log by its joined lines, a trace of system calls by
what must come before what. A text whose clock nobody can tell has no place in the list unless it is joined to a
packet: then it stands at that packet. What has none is left out and counted, never put where it might belong.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from lastseen.diagnosis.joins import STEADY_NS, is_utc, log_clocks
from lastseen.diagnosis.packet_histories import History, histories
from lastseen.diagnosis.snapshots import snapshot_events
from lastseen.diagnosis.syscall_joins import JoinedCalls, join_calls
from lastseen.diagnosis.transfer_joins import JoinedTransfer, join_transfers
from lastseen.faults.facts import ConversationFacts, Facts, JoinedDrop, JoinedLine
from lastseen.tables.counted import agreed, counted
from lastseen.tables.facts_from_texts import LogLine, Row, Syscall
from lastseen.tables.flow_text import address_and_port
from lastseen.tables.judgements import Reason
from lastseen.tables.layers import LAYERS
from lastseen.tables.packets import ACK, FLAGS, ID_WINDOW, INFO_IP_ID, LENGTH_FLAGS, MISC, SEQ
from lastseen.tables.points import DIRECTIONS, Matching, source_of
from lastseen.tables.sources import Source
from lastseen.tables.timeline import Event, Sighting, Timeline
from lastseen.tables.transfers import Transfer

__all__ = ["timeline"]

NEAR_NS: Final = 120_000_000_000
"""Lines of no packet are listed within two minutes of the connection: keep-alive and idle timers are longer ago."""
CALL_CHARS: Final = 100
"""Arguments beyond this are data, which the packets show as well."""
LETTERS: Final = (("S", "SYN"), ("F", "FIN"), ("R", "RST"), ("P", "PSH"), ("A", "ACK"))


def timeline(facts: Facts, rows: Sequence[Row]) -> Timeline:
    """The connection of most concern, with everything that speaks of it or happened meanwhile."""
    about = next(iter(facts.in_focus()), None)
    calls = [row for row in rows if isinstance(row, Syscall)]
    joined = join_calls(calls, facts)
    transfers = join_transfers([row for row in rows if isinstance(row, Transfer)], facts)
    events = list(_packets(facts, about)) if about else []
    span = _span(events)
    clocks = _log_clocks(facts, rows)
    called, left_calls = _calls(joined, about)
    told, left_texts = _texts(facts, clocks, about, span)
    events += [*called, *_transfers(transfers, about), *told, *snapshot_events(facts, rows, about)]
    return Timeline(
        connection=about.text if about else None,
        events=tuple(sorted(events, key=lambda e: (e.at_ns, LAYERS.index(e.layer), str(e.source)))),
        notes=(*_call_notes(joined, about), *left_calls, *left_texts),
        stall_ns=_stall(facts.matching, about),
    )


def _span(events: Iterable[Event]) -> tuple[int, int] | None:
    times = [event.at_ns for event in events]
    return (min(times), max(times)) if times else None


def _stall(matching: Matching, about: ConversationFacts | None) -> tuple[int, int] | None:
    if about is None or not about.stall:
        return None
    start = about.stall_from_ns + matching.offsets_ns[about.seen_at[-1]]
    return start, start + about.stall_ns


# ---- packets ----
def _packets(facts: Facts, about: ConversationFacts) -> Iterator[Event]:
    matching = facts.matching
    for history in histories(matching, about.number, facts.tracks.rows):
        seen = tuple(
            Sighting(
                point=matching.points[p].name,
                at_ns=_at(matching, p, row),
                source=source_of(matching.points[p], row),
            )
            for p, row in history.seen
        )
        point, row = history.seen[0]
        yield Event(
            at_ns=seen[0].at_ns,
            layer="packet",
            where=DIRECTIONS[history.direction].replace("_", " "),
            text=_packet_text(matching, history),
            source=source_of(matching.points[point], row),
            fate=history.fate,
            sightings=seen,
        )


def _packet_text(matching: Matching, history: History) -> str:
    point, row = history.seen[0]
    packet = matching.points[point].capture.packets[row]
    word = int(packet[LENGTH_FLAGS])
    flags = " ".join(name for letter, name in LETTERS if word & FLAGS[letter])
    identified = int(packet[MISC]) >> 24 & INFO_IP_ID
    named = f", id {int(packet[ID_WINDOW]) >> 16}" if identified else ""
    acknowledged = f", ack {int(packet[ACK])}" if word & FLAGS["A"] else ""
    return f"{flags}, seq {int(packet[SEQ])}{acknowledged}, {counted(word >> 8, 'byte')}{named}"


# ---- system calls ----
def _calls(
    joined: Iterable[JoinedCalls], about: ConversationFacts | None
) -> tuple[list[Event], list[Reason]]:
    """Calls on the connection, as far as the trace's clock is bounded from both sides."""
    events, untimed = [], 0
    for mine in joined:
        if about is None or mine.conversation != about.number:
            continue
        ahead_ns = _ahead(mine)
        for call in mine.calls:
            if ahead_ns is None or call.at_ns is None:
                untimed += 1
                continue
            events.append(
                Event(
                    at_ns=call.at_ns + ahead_ns,
                    layer="syscall",
                    where=f"pid {call.pid}" if call.pid else "process",
                    text=_call_text(call),
                    source=call.source,
                )
            )
    calls = counted(untimed, "system call")
    text = (
        f"{calls} on the connection {agreed(untimed, 'have')} no time that can be compared with the captures'"
    )
    return events, [Reason(text=text)] if untimed else []


def _transfers(joined: Iterable[JoinedTransfer], about: ConversationFacts | None) -> Iterator[Event]:
    """What a client says of its request on the connection, as far as its begin is bounded from both sides."""
    for mine in joined:
        ahead_ns = _ahead(mine)
        if about is None or mine.conversation != about.number or ahead_ns is None:
            continue
        for stone in mine.transfer.milestones:
            if stone.after_ns is not None and stone.what != "begun":
                said = f": {stone.text.strip()}" if stone.text else ""
                yield Event(
                    at_ns=stone.after_ns + ahead_ns,
                    layer="command",
                    where=mine.transfer.tool,
                    text=f"{stone.what}{said}",
                    source=stone.source,
                )


def _ahead(mine: JoinedCalls | JoinedTransfer) -> int | None:
    if mine.earliest_ns is None or mine.latest_ns is None:
        return None
    return (mine.earliest_ns + mine.latest_ns) // 2


def _call_text(call: Syscall) -> str:
    args = call.args if len(call.args) <= CALL_CHARS else call.args[:CALL_CHARS] + "..."
    result = "never returned" if call.result is None else f"= {call.result}"
    said = f" {call.result_text}" if call.result_text else ""
    took = f"  took {call.duration_ns / 1e9:.6f} s" if call.duration_ns is not None else ""
    return f"{call.name}({args}) {result}{said}{took}"


def _call_notes(joined: Sequence[JoinedCalls], about: ConversationFacts | None) -> Iterator[Reason]:
    for mine in joined:
        source, ahead_ns = mine.calls[0].source, _ahead(mine)
        if about is not None and mine.conversation == about.number and ahead_ns is not None:
            within_ms = abs((mine.latest_ns or 0) - (mine.earliest_ns or 0)) / 2e6
            text = (
                f"the clock of {source.file} is known to within {within_ms:.3f} ms: calls come before the packets they"
                " send and end after those they wait for"
            )
            yield Reason(text=text, source=source)
        elif mine.candidates > 1:
            peers = {address_and_port(call.peer) for call in mine.calls if call.peer is not None}
            text = f"calls to {', '.join(sorted(peers))} fit {mine.candidates} connections, so they are joined to none"
            yield Reason(text=text, source=source)


# ---- logs, drops, sockets ----
@dataclass(frozen=True, slots=True)
class _Clocks:
    """How far the first point's clock is ahead of each (file, clock) that is steady, and which are not."""

    ahead_ns: dict[tuple[str, str], int]
    useless: frozenset[tuple[str, str]]


def _log_clocks(facts: Facts, rows: Sequence[Row]) -> _Clocks:
    found = log_clocks(
        facts.log_lines,
        [row for row in rows if isinstance(row, LogLine)],
        facts.matching.points,
        facts.matching.offsets_ns,
    )
    steady = _drop_clocks(facts)
    steady |= {(c.file, c.clock): c.ahead_ns - c.zone_ns for c in found if c.is_steady}
    return _Clocks(steady, frozenset((c.file, c.clock) for c in found if not c.is_steady))


def _drop_clocks(facts: Facts) -> dict[tuple[str, str], int]:
    """The same of traces of drops, as far as their joined drops agree."""
    shifts: dict[tuple[str, str], list[int]] = defaultdict(list)
    for item in facts.drops:
        packet_ns = _packet_ns(facts.matching, item)
        if packet_ns is not None and item.drop.at_ns is not None:
            shifts[item.drop.source.file, item.drop.clock].append(packet_ns - item.drop.at_ns)
    return {
        clock: median_low(values)
        for clock, values in shifts.items()
        if max(values) - min(values) <= STEADY_NS
    }


def _packet_ns(matching: Matching, item: JoinedLine | JoinedDrop) -> int | None:
    """When the packet a text is joined to was captured, by the first point's clock."""
    if item.point is None or item.row is None:
        return None
    return _at(matching, item.point, item.row)


def _at(matching: Matching, point: int, row: int) -> int:
    """When a packet was captured, by the first point's clock."""
    return int(matching.points[point].capture.times_ns()[row]) + matching.offsets_ns[point]


def _texts(
    facts: Facts, clocks: _Clocks, about: ConversationFacts | None, span: tuple[int, int] | None
) -> tuple[list[Event], list[Reason]]:
    """Log lines and traced drops: those of the connection's packets, and those of no packet that came meanwhile."""
    events: list[Event] = []
    untimed: dict[str, int] = defaultdict(int)
    items: tuple[JoinedLine | JoinedDrop, ...] = (*facts.log_lines, *facts.drops)
    for item in items:
        row = item.line if isinstance(item, JoinedLine) else item.drop
        mine = _is_of(facts.matching, item, about)
        of_a_packet = row.packet is not None or item.row is not None
        if of_a_packet and not mine:
            continue
        at_ns = _time(facts.matching, item, clocks)
        if at_ns is None:
            untimed[row.source.file] += 1
        elif mine or span is None or span[0] - NEAR_NS <= at_ns <= span[1] + NEAR_NS:
            events.append(_text_event(facts.matching, item, at_ns))
    left = [
        Reason(
            text=f"{counted(count, 'event')} of {file} {agreed(count, 'are')} left out: its clock cannot be "
            "compared with the captures'",
            source=Source(file=file),
        )
        for file, count in sorted(untimed.items())
    ]
    return events, left


def _is_of(matching: Matching, item: JoinedLine | JoinedDrop, about: ConversationFacts | None) -> bool:
    """Whether the packet that a text is joined to is the connection's."""
    if about is None or item.point is None or item.row is None:
        return False
    group = matching.conversations.group[about.number, item.point]
    return bool(group >= 0 and matching.points[item.point].group_of[item.row] == group)


def _time(matching: Matching, item: JoinedLine | JoinedDrop, clocks: _Clocks) -> int | None:
    """When it was by the first point's clock: by its own clock where that is known, else at its packet."""
    row = item.line if isinstance(item, JoinedLine) else item.drop
    clock = (row.source.file, row.clock)
    if row.at_ns is not None and clock in clocks.ahead_ns:
        return row.at_ns + clocks.ahead_ns[clock]
    if (packet_ns := _packet_ns(matching, item)) is not None:
        return packet_ns
    return row.at_ns if is_utc(row) and clock not in clocks.useless else None


def _text_event(matching: Matching, item: JoinedLine | JoinedDrop, at_ns: int) -> Event:
    joined = None
    if item.point is not None and item.row is not None:
        joined = source_of(matching.points[item.point], item.row)
    if isinstance(item, JoinedLine):
        line = item.line
        return Event(
            at_ns=at_ns,
            layer="log",
            where=line.node or "kernel",
            text=line.text,
            source=line.source,
            packet=joined,
        )
    drop = item.drop
    why = f" as {drop.reason}" if drop.reason else ""
    return Event(
        at_ns=at_ns,
        layer="drop",
        where=drop.node or "kernel",
        text=f"dropped{why} in {drop.location or 'the kernel'}",
        source=drop.source,
        packet=joined,
    )
