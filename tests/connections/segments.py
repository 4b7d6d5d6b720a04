"""Builds packet and flow rows by hand: a connection as a list of (seconds, direction, flags, seq, ack, length)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lastseen.connections.tracking import Connections, connections
from lastseen.tables import packets as rows
from lastseen.tables.connections import STALLS, STATES

START_NS = 1_700_000_000 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One packet; direction 0: from the flow's `a`."""

    time: float
    side: int
    flags: str
    seq: int
    ack: int = 0
    length: int = 0
    window: int = 500
    ip_id: int = 0
    flow: int = 0
    info: int = 0


def segment(
    time: float, side: int, flags: str, numbers: tuple[int, int] = (0, 0), length: int = 0
) -> Segment:
    """A packet in short; `numbers`: sequence and acknowledgment."""
    return Segment(time=time, side=side, flags=flags, seq=numbers[0], ack=numbers[1], length=length)


def packet_rows(segments: list[Segment]) -> npt.NDArray[np.uint32]:
    """The packet table of these segments, in this order."""
    table = np.zeros((len(segments), rows.PACKET_COLUMNS), np.uint32)
    for row, item in zip(table, segments, strict=True):
        row[:2].view(np.int64)[0] = START_NS + round(item.time * 1e9)
        row[rows.FLOW] = item.flow << 1 | item.side
        row[rows.SEQ], row[rows.ACK] = item.seq & 0xFFFFFFFF, item.ack & 0xFFFFFFFF
        row[rows.LENGTH_FLAGS] = item.length << 8 | sum(rows.FLAGS[flag] for flag in item.flags)
        row[rows.ID_WINDOW] = item.ip_id << 16 | item.window
        row[rows.MISC] = (item.info | (rows.INFO_IP_ID if item.ip_id else 0)) << 24
    return table


def flow_rows(count: int, ports: tuple[int, int] = (40000, 443)) -> npt.NDArray[np.uint32]:
    """`count` TCP flows with these ports."""
    table = np.zeros((count, rows.FLOW_COLUMNS), np.uint32)
    table[:, rows.FLOW_PORTS] = ports[0] << 16 | ports[1]
    table[:, rows.FLOW_PROTO] = 6 | 4 << 8
    return table


def track(
    segments: list[Segment], ports: tuple[int, int] = (40000, 443), *, analysed: bool = True
) -> Connections:
    """The connections of these segments."""
    flows = max((item.flow for item in segments), default=-1) + 1
    return connections(packet_rows(segments), flow_rows(flows, ports), analysed=analysed)


def names(found: Connections) -> list[tuple[str, str]]:
    """(state, history) of each connection."""
    return [(STATES[entry["state"]], entry["history"].decode()) for entry in found.table]


def stall(found: Connections, number: int = 0) -> tuple[str, float, int]:
    """(kind, seconds, silent side) of one connection's longest silence."""
    entry = found.table[number]
    return STALLS[entry["stall"]], float(entry["stall_ns"]) / 1e9, int(entry["stall_side"])


def handshake(time: float = 0.0, isn: tuple[int, int] = (100, 900)) -> list[Segment]:
    """SYN, SYN-ACK, ACK within 2 ms, opened by `a`."""
    a, b = isn
    return [
        segment(time, 0, "S", (a, 0)),
        segment(time + 0.001, 1, "SA", (b, a + 1)),
        segment(time + 0.002, 0, "A", (a + 1, b + 1)),
    ]


def answered_request() -> list[Segment]:
    """Handshake, a request of 50 bytes, an answer of 1000, all acknowledged: next octets 151 and 1901."""
    return [
        *handshake(),
        segment(0.01, 0, "PA", (101, 901), 50),
        segment(0.02, 1, "A", (901, 151)),
        segment(0.03, 1, "PA", (901, 151), 1000),
        segment(0.04, 0, "A", (151, 1901)),
    ]
