"""Packet rows that do not fit into memory: kept in Parquet files, a part of the connections in each.

The parts are told apart by a hash of a flow's ends that is the same in both directions and in every file, so that a
connection's packets are all in one part, in their order, and each part can be treated as a capture of its own.
Parquet, not a raw copy of memory: it packs to a third, and every tool can look into it.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from lastseen.connections.tracking import is_tcp
from lastseen.matching.grouping import ends_of
from lastseen.tables.packets import FLOW, NO_FLOW, PACKET_COLUMNS, FlowRows, PacketRows

__all__ = ["Part", "Spill", "Spilled"]

OWN_BYTES: Final = 400_000_000
"""What the program needs without any packet: code, Polars and its threads, flows, the rows it prints (measured with
370,000 connections)."""
BYTES_READING: Final = 200
"""Memory a row takes while a batch is read and written: decoded (48), sorted (40), and as Parquet columns."""
BYTES_TRACKING: Final = 250
"""Memory a row takes while a part is read back and tracked: as columns (40), as rows (40), order, numbers, room."""
READERS: Final = 2
"""Captures are read two at a time (`evidence.capture_files`)."""
FEWEST_ROWS: Final = 10_000
PARTS: Final = 256
"""Into how many the connections are split; as many of them as fit are then treated together."""
NOT_KEPT: Final = -1
"""Part of a flow that is not TCP."""

_WORDS: Final = tuple(f"word{number}" for number in range(PACKET_COLUMNS))


@dataclass(slots=True, eq=False)
class Spilled:
    """What is remembered of one file: its packets, their span in ns, and the part of each of its flows."""

    number: int
    rows: int = 0
    rows_of_part: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(PARTS, np.int64))
    first_ns: int | None = None
    last_ns: int | None = None
    part_of_flow: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    batches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Rows of one file, part after part. `rows`: int64[n], their row numbers in the file."""

    packets: PacketRows = field(repr=False)
    rows: npt.NDArray[np.int64] = field(repr=False)


class Spill:
    """Takes batches of packet rows and gives them back part by part. Use it in a `with`: its files go at the end."""

    def __init__(self, memory_bytes: int) -> None:
        room = memory_bytes - OWN_BYTES
        self.most_rows = max(room // (BYTES_READING * READERS), FEWEST_ROWS)
        """Rows each reader may hold."""
        self._most_tracked = max(room // BYTES_TRACKING, FEWEST_ROWS)
        self.files: dict[str, Spilled] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="lastseen-spill-"))
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self, file: str, packets: PacketRows, flows: FlowRows) -> None:
        """Write the next rows of a file away; `flows` are all the file has so far. The arrays may be used again."""
        with self._lock:  # two files may be read at once
            spilled = self.files.setdefault(file, Spilled(number=len(self.files)))
        known = len(spilled.part_of_flow)
        new = ((ends_of(flows[known:]) >> np.uint64(32)) % np.uint64(PARTS)).astype(np.int64)
        new[is_tcp(flows[known:]) == 0] = NOT_KEPT
        spilled.part_of_flow = np.concatenate([spilled.part_of_flow, new])
        self._write(spilled, packets)
        if len(packets):
            times = packets.view(np.int64)[:, 0]
            first, last = int(times.min()), int(times.max())
            spilled.first_ns = first if spilled.first_ns is None else min(first, spilled.first_ns)
            spilled.last_ns = last if spilled.last_ns is None else max(last, spilled.last_ns)
        spilled.rows += len(packets)
        spilled.batches += 1

    def _write(self, spilled: Spilled, packets: PacketRows) -> None:
        """One Parquet file a part of this batch; packets that belong to no TCP flow are in none."""
        known = np.flatnonzero(packets[:, FLOW] != NO_FLOW)
        part = spilled.part_of_flow[packets[known, FLOW] >> 1]
        known, part = known[part != NOT_KEPT], part[part != NOT_KEPT]
        order = np.argsort(part, kind="stable")
        bounds = np.searchsorted(part[order], np.arange(PARTS + 1))
        for number, (begin, end) in enumerate(pairwise(bounds.tolist())):
            spilled.rows_of_part[number] += end - begin
            if begin < end:
                rows = known[order[begin:end]]
                chosen = packets[rows]
                columns = {"row": rows + spilled.rows} | {
                    word: np.ascontiguousarray(chosen[:, column]) for column, word in enumerate(_WORDS)
                }
                place = self._folder / f"{number}-{spilled.number}-{spilled.batches:06}.parquet"
                _write_parquet(pl.DataFrame(columns), place)

    def groups(self, files: Sequence[str]) -> list[range]:
        """All parts, in groups that can be treated in memory; a part that is too large alone is a group by itself."""
        rows = np.sum([self.files[file].rows_of_part for file in files], axis=0).tolist()
        groups, begin, total = [], 0, 0
        for number, more in enumerate(rows):
            if total + more > self._most_tracked and number > begin:
                groups.append(range(begin, number))
                begin, total = number, 0
            total += more
        return [*groups, range(begin, PARTS)]

    def part(self, file: str, numbers: range) -> Part:
        """What some parts hold of one file: part after part, each in the file's order."""
        names = [
            name
            for number in numbers
            for name in sorted(self._folder.glob(f"{number}-{self.files[file].number}-*.parquet"))
        ]
        total = int(self.files[file].rows_of_part[numbers.start : numbers.stop].sum())
        packets, rows = np.empty((total, PACKET_COLUMNS), np.uint32), np.empty(total, np.int64)
        at = 0
        for name in names:
            piece = pl.read_parquet(name)
            here = slice(at, at + len(piece))
            rows[here] = piece["row"].to_numpy()
            for column, word in enumerate(_WORDS):
                packets[here, column] = piece[word].to_numpy()
            at += len(piece)
        return Part(packets=packets, rows=rows)


def _write_parquet(table: pl.DataFrame, place: Path) -> None:
    """Raises MemoryError when the disk is full: then packets fit neither here nor there."""
    try:
        table.write_parquet(place, compression="lz4", statistics=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise MemoryError(
            f"packets cannot be kept in {place.parent} ({error}); set TMPDIR to a larger one"
        ) from error
