"""What must hold of every capture, however damaged, once it was read, tracked and matched; what does not is listed.

The records are counted by code of its own, so that the reader cannot invent packets. A broken promise raises
`BrokenPromiseError` with a sentence; an exception of lastseen itself is a broken promise, too, and goes through unchanged.
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from alone import differing

from lastseen.connections.tracking import connections
from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.evidence.captures.details import read_details
from lastseen.evidence.captures.headers import SLL2
from lastseen.evidence.captures.scan import EARLIEST_NS, LATEST_NS
from lastseen.evidence.case import ReadCapture
from lastseen.evidence.case_toml import CaseToml
from lastseen.matching import match
from lastseen.matching.points import build_points
from lastseen.tables import packets as rows
from lastseen.tables.connections import STALLS, STATES
from lastseen.tables.details import COLUMNS
from lastseen.tables.packets import Capture
from lastseen.tables.points import FATES, LOST, Matching, Point

__all__ = ["BrokenPromiseError", "check", "check_capture", "check_flows", "points_of", "records"]

DETAILED: Final = 6
"""Packets of each capture that are decoded thoroughly."""


class BrokenPromiseError(Exception):
    """A promise that does not hold."""


def promise(kept: object, sentence: str) -> None:
    """Raise BrokenPromiseError with the sentence unless `kept`."""
    if not kept:
        raise BrokenPromiseError(sentence)


def points_of(capture: Capture) -> list[Point]:
    """The observation points of one capture."""
    return build_points(
        [ReadCapture(capture=capture, node="", snapshot="", parts=(capture.file,))], (), CaseToml()
    )


def check(path: Path, whole: Sequence[Point]) -> bool:
    """Read the capture at `path`, track it, match it against the points `whole`; whether a packet was decoded.

    Raises BrokenPromiseError, or whatever lastseen raises.
    """
    with open_bytes(path) as source:
        capture, weirds = read_capture(source, "damaged.pcap")
        check_capture(capture, source)
        promise(all(0 <= (weird.offset or 0) <= source.size for weird in weirds), "a weird lies in the file")
        check_details(source, capture)
        promise(not differing(source, capture), "a packet decodes alike whatever follows it")
    check_flows(capture)
    check_connections(capture)
    damaged = points_of(capture)
    check_matching(match([*whole, *damaged]))
    return bool(len(capture.flows))


def check_capture(capture: Capture, source: ByteSource) -> None:
    """Packets lie in the file, one behind the other, and are no more than its records."""
    offsets, lengths = capture.offsets, capture.lengths
    count = len(capture.packets)
    promise(len(offsets) == len(lengths) == count, "a row of each table a packet")
    promise(count <= records(source.piece(0, source.size)), "no more packets than records")
    if count:
        ends = offsets + lengths[:, 0]
        promise(offsets[0] >= 24, "the first packet lies behind the file header")
        promise(bool((ends[:-1] <= offsets[1:]).all()), "packets lie one behind the other")
        promise(int(ends[-1]) <= source.size, "the last packet ends in the file")
    moments = [capture.times_ns()] + [
        np.array([face.start_ns or 0, face.end_ns or 0]) for face in capture.interfaces
    ]
    promise(
        all(bool(((times >= EARLIEST_NS) & (times <= LATEST_NS)).all()) for times in moments),
        "differences of times fit 64 bits",
    )


def check_flows(capture: Capture) -> None:
    """Every packet's flow exists, and every flow counts its packets."""
    words = capture.packets[:, rows.FLOW]
    numbers = (words[words != rows.NO_FLOW] >> 1).astype(np.int64)
    count = len(capture.flows)
    promise(not len(numbers) or int(numbers.max()) < count, "a packet's flow exists")
    found = np.bincount(numbers, minlength=count)
    promise(bool((found == capture.flows[:, rows.FLOW_PACKETS]).all()), "a flow counts its packets")
    first = capture.flows[:, rows.FLOW_FIRST].astype(np.int64)
    promise(bool((np.diff(first) > 0).all()), "flows stand in the order of their first packets")
    promise(not count or bool((words[first] == np.arange(count) << 1).all()), "a flow's first packet is a's")
    kinds = [face.link_type for face in capture.interfaces]
    if len(kinds) > 1 and SLL2 not in kinds:  # there a flow names the interface of the cooked header
        promise(
            bool((capture.flows[:, rows.FLOW_PROTO] >> 16 < len(kinds)).all()), "a flow's interface exists"
        )


def check_connections(capture: Capture) -> None:
    """Connections name packets that exist and count no less than nothing."""
    found = connections(capture.packets, capture.flows)
    table, of_packet, n = found.table, found.of_packet, len(capture.packets)
    promise(len(of_packet) == n, "every packet has a connection or none")
    promise(not n or -1 <= int(of_packet.min()) <= int(of_packet.max()) < len(table), "its connection exists")
    members = np.bincount(of_packet[of_packet >= 0], minlength=len(table))
    promise(bool((members == table["packets"].sum(1)).all()), "a connection counts its packets")
    promise(bool((members > 0).all()), "a connection has packets")
    promise(bool((table["flow"] < max(len(capture.flows), 1)).all()), "a connection's flow exists")
    promise(
        bool((table["state"] < len(STATES)).all() and (table["stall"] < len(STALLS)).all()), "known names"
    )
    for name in ("first", "last", "gap_before", "stall_from", "stall_until"):
        lowest = 0 if name in ("first", "last") else -1
        promise(bool(((table[name] >= lowest) & (table[name] < n)).all()), f"{name} is a packet")
    for name in (
        "bytes",
        "syn",
        "fin",
        "rst",
        "retransmitted",
        "spurious",
        "duplicated",
        "out_of_order",
        "probes",
    ):
        promise(bool((table[name] >= 0).all()), f"{name} is not negative")
    promise(bool((table["holes"] >= 0).all()), "holes are not negative")
    promise(bool((table["longest_gap_ns"] >= 0).all()), "a gap is not negative")
    promise(bool((table["retransmitted"] <= table["packets"]).all()), "no more repeats than packets")
    promise(all(text.decode("ascii").isprintable() for text in table["history"]), "a history is letters")


def check_details(source: ByteSource, capture: Capture) -> None:
    """Thorough decoding of some packets names them and their length."""
    some = np.arange(min(len(capture.packets), DETAILED), dtype=np.int64)
    details = read_details(source, capture, some)
    promise(bool((details[:, 0] == some + 1).all()), "details name their frame")
    lengths = capture.lengths[some].astype(np.int64).max(1, initial=0)
    promise(bool((details[:, COLUMNS.index("frame_len")] == lengths).all()), "details know the length")


def check_matching(matching: Matching) -> None:
    """Groups, points and packets that matching names exist; what is lost has no partner, and no two share one."""
    promise(len(matching.points) == len(matching.order) == len(matching.offsets_ns), "a place a point")
    promise(matching.conversations.group.shape[1] == len(matching.points), "a column a point")
    for number, point in enumerate(matching.points):
        check_groups(point, matching.conversations.group[:, number])
    for hop in matching.hops:
        promise(max(hop.upstream, hop.downstream) < len(matching.points), "a hop's points exist")
        up, down = matching.points[hop.upstream], matching.points[hop.downstream]
        here, there = len(up.capture.packets), len(down.capture.packets)
        promise(len(hop.fate) == len(hop.partner) == here, "a fate a packet")
        promise(bool((hop.fate < len(FATES)).all()), "fates have names")
        promise(bool(((hop.partner >= -1) & (hop.partner < there)).all()), "partners exist")
        lost = hop.rows(LOST)
        promise(
            bool((lost < here).all()) and bool((hop.partner[lost] == -1).all()), "what is lost has no partner"
        )
        promise(hop.count(LOST) == len(lost), "the lost are counted")


def check_groups(point: Point, column: npt.NDArray[np.int32]) -> None:
    """Packets' groups exist, conversations' groups exist, and each is in one conversation."""
    groups = len(point.connections) + len(point.flow_groups)
    of_packet = point.group_of
    promise(len(of_packet) == len(point.capture.packets), "every packet has a group or none")
    promise(bool(((of_packet >= -1) & (of_packet < groups)).all()), "a packet's group exists")
    promise(bool(((column >= -1) & (column < groups)).all()), "a conversation's group exists")
    seen = column[column >= 0]
    promise(len(np.unique(seen)) == len(seen), "a group is in one conversation")


# ---- records, counted by themselves ----

_PCAP: Final = {
    b"\xd4\xc3\xb2\xa1": "<",
    b"\x4d\x3c\xb2\xa1": "<",
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xa1\xb2\x3c\x4d": ">",
}
_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


def records(data: bytes) -> int:
    """Whole packet records of a pcap or pcapng file, up to the first that is not whole."""
    if data[:4] in _PCAP:
        return _pcap_records(data, _PCAP[data[:4]])
    return _pcapng_records(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else 0


def _pcap_records(data: bytes, order: str) -> int:
    at, count = 24, 0
    while at + 16 <= len(data):
        at += 16 + int(struct.unpack_from(order + "I", data, at + 8)[0])
        count += at <= len(data)
    return count


def _pcapng_records(data: bytes) -> int:
    at, count, order = 0, 0, "<"
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = _ORDERS.get(data[at + 8 : at + 12], order)
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12:
            break
        at += size
        count += kind in (2, 3, 6) and at <= len(data)
    return count
