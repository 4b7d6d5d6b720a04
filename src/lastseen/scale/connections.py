"""The connections of captures that do not fit into memory, part by part: equal to those of one table in memory.

A connection is tracked from the packets of its flow alone (`connections.tracking`), and all packets of a flow are in
one part; so each part is tracked as a capture of its own, and what refers to rows is put into rows of the whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.connections.tracking import connections
from lastseen.evidence.case import ReadCapture
from lastseen.matching.points import name_of
from lastseen.matching.rotated import Span, joined, series
from lastseen.scale.spill import Spill
from lastseen.tables.connections import CONNECTION
from lastseen.tables.packets import FLOW, FLOW_COLUMNS, FlowRows
from lastseen.tables.points import ConnectionRows, Point

__all__ = ["spilled_points"]

ROW_FIELDS: Final = ("first", "last", "gap_before", "stall_from", "stall_until")
"""Columns of CONNECTION that are packet rows; -1: none."""


def spilled_points(
    captures: Sequence[ReadCapture], spill: Spill, progress: Callable[[str], None] = lambda _: None
) -> list[Point]:
    """One point a capture, rotated files as one; their captures have flows and no packets, which are in `spill`."""

    def span_of(read: ReadCapture) -> Span:
        told = spill.files[read.capture.file]
        return told.first_ns, told.last_ns

    return [_point(parts, spill, progress) for parts in series(captures, span_of)]


def _point(files: Sequence[ReadCapture], spill: Spill, progress: Callable[[str], None]) -> Point:
    told = [spill.files[file.capture.file] for file in files]
    begins = np.cumsum([0, *(one.rows for one in told)])
    tables: list[ConnectionRows] = []
    flows: list[FlowRows] = []
    known = 0
    groups = spill.groups([file.capture.file for file in files])
    for number, parts in enumerate(groups, start=1):
        progress(f"{files[0].capture.file}: connections, part {number} of {len(groups)}")
        part, rows = _part(files, begins, spill, parts)
        table = connections(part.capture.packets, part.capture.flows).table
        for name in ROW_FIELDS:
            table[name] = np.where(table[name] >= 0, rows[table[name]], -1) if len(rows) else -1
        table["flow"] += np.uint32(known)
        known += len(part.capture.flows)
        tables.append(table)
        flows.append(part.capture.flows)
    whole = np.concatenate([np.empty(0, CONNECTION), *tables])
    firsts = [one.first_ns for one in told if one.first_ns is not None]
    lasts = [one.last_ns for one in told if one.last_ns is not None]
    nothing = np.empty(0, np.int32)
    return Point(
        name=name_of(files[0]),
        file=files[0].capture.file,
        node=files[0].node,
        interface="",
        capture=replace(
            files[0].capture, flows=np.concatenate([np.empty((0, FLOW_COLUMNS), np.uint32), *flows])
        ),
        connections=whole[np.argsort(whole["first"], kind="stable")],
        group_of=nothing,
        flow_groups=nothing.view(np.uint32),
        packets=int(begins[-1]),
        first_ns=min(firsts, default=None),
        last_ns=max(lasts, default=None),
    )


def _part(
    files: Sequence[ReadCapture], begins: npt.NDArray[np.int64], spill: Spill, parts: range
) -> tuple[ReadCapture, npt.NDArray[np.int64]]:
    """(some parts of a capture's files as a capture, its packets' rows in the whole)."""
    reads, rows = [], []
    for file, begin in zip(files, begins.tolist(), strict=False):
        part = spill.part(file.capture.file, parts)
        of_flow = spill.files[file.capture.file].part_of_flow
        here = np.flatnonzero((of_flow >= parts.start) & (of_flow < parts.stop))
        renumbered = np.zeros(len(file.capture.flows), np.uint32)
        renumbered[here] = np.arange(len(here))
        words = part.packets[:, FLOW]
        part.packets[:, FLOW] = renumbered[words >> 1] << np.uint32(1) | words & np.uint32(1)
        capture = replace(file.capture, packets=part.packets, flows=file.capture.flows[here])
        reads.append(replace(file, capture=capture))
        rows.append(part.rows + begin)
    return (joined(reads) if len(reads) > 1 else reads[0]), np.concatenate(rows)
