"""Files of one rotated capture as one: tcpdump -C, -W and -G and dumpcap's ring write many files, not many points.

They are known by their names (tcpdump 4.99 and dumpcap 4.2: a number behind the name, a time within it) and by
their times, which touch and do not overlap: captures of several interfaces that ran at the same time are no parts.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.evidence.case import ReadCapture
from lastseen.tables.packets import (
    FLOW,
    FLOW_A,
    FLOW_B,
    FLOW_FIRST,
    FLOW_OPTIONS_A,
    FLOW_OPTIONS_B,
    FLOW_PACKETS,
    FLOW_PORTS,
    FLOW_PROTO,
    NO_FLOW,
    Capture,
    FlowRows,
    PacketRows,
    Room,
)

__all__ = ["Span", "joined", "one_a_capture", "series"]

GAP_NS: Final = 60_000_000_000
"""Parts follow each other within this time, or within the time the longest of them took: quiet links have gaps."""
EARLY_NS: Final = 1_000_000
"""Packets of several queues are stamped a little out of order, also across two files."""

_COMPRESSED: Final = re.compile(r"\.(?:gz|zst)$", re.IGNORECASE)
_NUMBERED: Final = re.compile(
    r"(?P<base>.*\.(?:pcap|pcapng|cap|dmp|dump))(?P<number>\d{1,9})?", re.IGNORECASE
)
_PLAIN: Final = re.compile(r"(?P<base>.*?\D)(?P<number>\d{1,9})?")
_TIME: Final = re.compile(
    r"(?<!\d)(?:\d{5}_)?(?:\d{4}-?\d\d-?\d\d[-_T.]?\d\d[-_:.]?\d\d(?:[-_:.]?\d\d)?|1\d{9})(?!\d)"
)
"""A strftime time or seconds since the epoch, with dumpcap's running number in front."""

Span = tuple[int | None, int | None]


def one_a_capture(captures: Sequence[ReadCapture], room: Room = np.empty) -> list[ReadCapture]:
    """The captures with the parts of each rotated one joined, in tables of `room`, at the place of the first part."""
    return [joined(parts, room) if len(parts) > 1 else parts[0] for parts in series(captures, _span)]


def series(
    captures: Sequence[ReadCapture], span_of: Callable[[ReadCapture], Span]
) -> list[list[ReadCapture]]:
    """The files of each capture, in order of time; captures in order of their first file.

    `span_of`: the times of a file's first and last packet, ns; None: it has none. Only asked where names are alike.
    """
    found: dict[tuple[object, ...], list[ReadCapture]] = {}
    for read in captures:
        found.setdefault(_series(read, captures), []).append(read)
    result = []
    for parts in found.values():
        if len(parts) == 1:
            result.append(parts)
            continue
        spans = {part.capture.file: span_of(part) for part in parts}
        ordered = sorted(parts, key=lambda part: _begin(part, spans[part.capture.file]))
        touch = _touch([spans[part.capture.file] for part in ordered])
        result += [ordered] if touch else [[part] for part in parts]
    place = {read.capture.file: number for number, read in enumerate(captures)}
    return sorted(result, key=lambda parts: min(place[file] for part in parts for file in _files(part)))


def _files(read: ReadCapture) -> tuple[str, ...]:
    return tuple(file for file, _ in read.capture.parts) or (read.capture.file,)


def _series(read: ReadCapture, captures: Sequence[ReadCapture]) -> tuple[object, ...]:
    """What all parts of one rotated capture have in common; listings, which one text may have several of, are none."""
    if read.capture.listed is not None:
        return (read.capture.file,)
    if len(read.capture.interfaces) != 1:
        return (read.parts,)
    stem, kept = _stem(read.parts[-1], {other.parts[-1] for other in captures})
    return (read.parts[:-1], stem, read.node, read.snapshot, kept, read.capture.interfaces[0].link_type)


def _stem(name: str, names: set[str]) -> tuple[str, str]:
    """(name without what rotation adds, the compression's ending)."""
    bare = _COMPRESSED.sub("", name)
    kept = name[len(bare) :]
    if _TIME.search(bare):
        return _TIME.sub("#", _numbered(bare)), kept
    if _NUMBERED.fullmatch(bare):
        return _numbered(bare), kept
    plain = _PLAIN.fullmatch(bare)
    if plain and plain["number"] and plain["base"] + kept in names:
        return plain["base"], kept
    return bare, kept


def _numbered(name: str) -> str:
    found = _NUMBERED.fullmatch(name)
    return found["base"] if found else name


def _span(read: ReadCapture) -> Span:
    times = read.capture.packets.view(np.int64)[:, 0]
    return (int(times.min()), int(times.max())) if len(times) else (None, None)


def _begin(read: ReadCapture, span: Span) -> tuple[int, str]:
    """Order of the parts: their first packets, empty ones last."""
    first, _ = span
    return np.iinfo(np.int64).max if first is None else first, read.parts[-1]


def _touch(ordered: Sequence[Span]) -> bool:
    """Whether parts in order of time follow each other as one capture's do; empty ones do anyway."""
    spans = [(first, last) for first, last in ordered if first is not None and last is not None]
    longest = max((last - first for first, last in spans), default=0)
    gaps = [after[0] - before[1] for before, after in pairwise(spans)]
    return bool(spans) and all(-EARLY_NS <= gap <= max(GAP_NS, longest) for gap in gaps)


def joined(parts: Sequence[ReadCapture], room: Room = np.empty) -> ReadCapture:
    """The files of a capture, in order, as one, whose tables of packets `room` makes."""
    captures = [part.capture for part in parts]
    begins = np.cumsum([0, *(len(capture.packets) for capture in captures)])
    flows, packets = _one_table(captures, begins, room)
    capture = replace(
        captures[0],
        packets=packets,
        flows=flows,
        offsets=_behind_each_other([capture.offsets for capture in captures], room),
        lengths=_behind_each_other([capture.lengths for capture in captures], room),
        comments=tuple(
            (None if frame is None else frame + int(begin), text)
            for capture, begin in zip(captures, begins, strict=False)
            for frame, text in capture.comments
        ),
        interfaces=(replace(captures[0].interfaces[0], end_ns=captures[-1].interfaces[0].end_ns),),
        parts=tuple((capture.file, int(begin)) for capture, begin in zip(captures, begins, strict=False)),
    )
    return replace(parts[0], capture=capture, prepared=None)


def _one_table(
    captures: Sequence[Capture], begins: npt.NDArray[np.int64], room: Room
) -> tuple[FlowRows, PacketRows]:
    """(flows, packets) of the parts: a flow that goes on in the next part keeps its number and its `a`."""
    flows = np.concatenate([capture.flows for capture in captures])
    number, first, turned = _same_flows(flows)
    merged = flows[first].copy()
    merged[:, FLOW_PACKETS] = 0
    at = 0
    packets = _behind_each_other([capture.packets for capture in captures], room)
    for capture, (begin, end) in zip(captures, pairwise(begins.tolist()), strict=True):
        here = slice(at, at + len(capture.flows))
        _add_up(merged, capture.flows, number[here], turned[here])
        new = (first >= at) & (first < at + len(capture.flows))
        merged[new, FLOW_FIRST] += np.uint32(begin)
        rows, words = packets[begin:end], capture.packets[:, FLOW]
        some = words != NO_FLOW
        old = at + (words[some] >> 1)
        rows[some, FLOW] = (number[old] << 1 | (words[some] & 1) ^ turned[old]).astype(np.uint32)
        at += len(capture.flows)
    return merged, packets


def _behind_each_other(tables: Sequence[npt.NDArray[Any]], room: Room) -> npt.NDArray[Any]:
    rows, like = sum(map(len, tables)), tables[0]
    return np.concatenate(tables, out=room((rows, *like.shape[1:]), like.dtype.type))


def _same_flows(
    flows: FlowRows,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(new number of each flow, place of each new flow's first one, 1 where its ends are turned against that)."""
    ports = flows[:, FLOW_PORTS]
    a = np.column_stack([flows[:, FLOW_A : FLOW_A + 4], ports >> 16])
    b = np.column_stack([flows[:, FLOW_B : FLOW_B + 4], ports & 0xFFFF])
    differs = a != b
    column = differs.argmax(axis=1)
    every = np.arange(len(flows))
    swap = a[every, column] > b[every, column]
    low, high = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
    keys = np.column_stack([low, high, flows[:, FLOW_PROTO]])
    _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    number, first = rank[number.reshape(-1)], first[order]
    return number, first, (swap != swap[first[number]]).astype(np.int64)


def _add_up(
    merged: FlowRows, flows: FlowRows, number: npt.NDArray[np.int64], turned: npt.NDArray[np.int64]
) -> None:
    """Put a part's counts and SYN options into the common flows."""
    merged[number, FLOW_PACKETS] += flows[:, FLOW_PACKETS]
    for column, other in ((FLOW_OPTIONS_A, FLOW_OPTIONS_B), (FLOW_OPTIONS_B, FLOW_OPTIONS_A)):
        options = np.where(turned == 1, flows[:, other], flows[:, column])
        merged[number, column] = np.where(merged[number, column] > 0, merged[number, column], options)
