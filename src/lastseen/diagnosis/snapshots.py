"""When snapshots were taken and commands ran, and what the snapshots say of a connection and of drops."""

from collections.abc import Iterator, Sequence
from typing import Final

from lastseen.faults.counting import LAYERS
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.tables.facts_from_texts import Moment, Row, Socket
from lastseen.tables.flow_text import address_and_port
from lastseen.tables.timeline import Event

__all__ = ["moments", "snapshot_events"]

SHOWN: Final = 5
"""Rules and counters named of one snapshot."""


def moments(rows: Sequence[Row]) -> list[Moment]:
    """Each note of a moment once: a file that tells a snapshot's time in two notations tells it once."""
    first: dict[tuple[str, str, str], Moment] = {}
    for row in rows:
        if isinstance(row, Moment):
            first.setdefault((row.source.file, row.snapshot, row.what), row)
    return list(first.values())


def snapshot_events(facts: Facts, rows: Sequence[Row], about: ConversationFacts | None) -> Iterator[Event]:
    """An event a moment. The clock of whoever noted it is taken for the captures'."""
    noted = moments(rows)
    for moment in noted:
        if moment.what != "snapshot":
            yield Event(
                at_ns=moment.at_ns,
                layer="command",
                where=moment.node or "command",
                text=f"the command's {moment.what}",
                source=moment.source,
            )
            continue
        name = moment.snapshot or "snapshot"
        found = "; ".join(_moved(facts, moment)) if moment.snapshot == "after" else ""
        yield Event(
            at_ns=moment.at_ns,
            layer="snapshot",
            where=moment.node or name,
            text=f"snapshot '{name}'" + (f": {found}" if found else ""),
            source=moment.source,
        )
    yield from _sockets(facts, [one for one in noted if one.what == "snapshot"], about)


def _moved(facts: Facts, moment: Moment) -> list[str]:
    """What drops and was hit, and what connection tracking counted, since the snapshot before."""
    counted_on = {row.node for row in (*facts.rules, *facts.counters)}
    node = (
        moment.node if moment.node in counted_on else None
    )  # a note beside the hosts' folders is for all of them
    hit = sorted(
        (
            (delta.value, f"{rule.layer} '{rule.place}: {rule.match}' dropped {delta.value}")
            for layer in LAYERS
            for rule, delta in facts.rule_deltas(node, layer)
            if rule.drops and delta.value > 0
        ),
        reverse=True,
    )
    names = ("invalid", "drop", "early_drop", "insert_failed")
    counted = [(name, facts.counter_delta("conntrack", name, node)) for name in names]
    return [text for _, text in hit[:SHOWN]] + [
        f"conntrack {name} +{delta.value}" for name, delta in counted if delta is not None and delta.value > 0
    ]


def _sockets(facts: Facts, noted: Sequence[Moment], about: ConversationFacts | None) -> Iterator[Event]:
    """What `ss` or `lsof` said of the connection at either end, at the moment noted on that host or else on another."""
    for socket in facts.sockets:
        taken = [one for one in noted if one.snapshot == socket.snapshot]
        moment = next((one for one in taken if one.node == socket.node), taken[0] if taken else None)
        if about is None or moment is None or not _is_of(socket, about):
            continue
        queues = ((" unread", socket.recv_q_bytes), (" unacknowledged", socket.send_q_bytes))
        told = ",".join(f"{name} {count}" for name, count in queues if count is not None)
        timer = f", timer {socket.timer}" if socket.timer else ""
        yield Event(
            at_ns=moment.at_ns,
            layer="socket",
            where=address_and_port(socket.local),
            text=socket.state + (f",{told} bytes" if told else "") + timer,
            source=socket.source,
        )


def _is_of(socket: Socket, about: ConversationFacts) -> bool:
    """Both ends are the connection's; one of them alone may be another's."""
    return {(end.address, end.port) for end in (socket.local, socket.peer)} <= about.endpoints
