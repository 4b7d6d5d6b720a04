"""Which rows of a very long text are kept: those that can matter first, of the rest an even sample.

A log of gigabytes must neither fill the memory nor be cut off in its middle, where the stall may stand. So the whole
text is read; beyond a bound, rows that speak of a packet, a drop or an address of the captures stay before rows that
merely exist, and what is left out of either is sampled evenly and counted. Rules, counters and settings are sampled by
what they are about, not by where they stand, so that two snapshots keep the same ones.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from lastseen.evidence.nf_log import endpoint_of
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import (
    ConntrackEntry,
    Counter,
    Drop,
    LogLine,
    Row,
    Rule,
    Setting,
    Socket,
    Syscall,
)
from lastseen.tables.sources import Weird

__all__ = ["MAX_ROWS", "Kept", "Pace", "keep", "paced"]

MAX_ROWS: Final = 200_000
"""Rows kept of one text: about 120 MB of log lines."""
MAX_CHARS: Final = 64_000_000
"""Characters kept of one text: flows with matches of 64 KiB must not cost more than lines do."""
MAX_WEIRD_LINES: Final = 200_000
"""Unreadable lines after which a text is given up: it was recognised wrongly or is damaged throughout."""
LESSER_SHARE: Final = 4
"""One row in four may be a lesser one, once a text is too long: they tell what else went on."""
OTHER_CHARS: Final = 100
"""What a row without long texts is counted as."""


@dataclass(slots=True)
class Kept:
    """What is kept of a text: its rows in the order they stood, its weirds by reason, and how many rows it had."""

    rows: list[Row] = field(default_factory=list)
    weirds: dict[str, Weird] = field(default_factory=dict)
    read: int = 0


@dataclass(slots=True)
class Pace:
    """How coarse the samples of a long log have become, and so which of its lines need not be read.

    Of rows that merely exist every `lesser`-th stays, of those that matter every `sure`-th: powers of two.
    `addresses`: those that matter, empty where none are known. `lines`: how many there were so far; `skipped`: of them,
    how many were left out unread.
    """

    lesser: int = 1
    sure: int = 1
    addresses: frozenset[str] = frozenset()
    skipped: int = 0
    lines: int = 0

    def of_packet(self, found: re.Match[str]) -> int:
        """The stride of a line about a packet between the addresses in groups `src` and `dst`."""
        if not self.addresses:
            return self.sure
        ends = (endpoint_of(found["src"]), endpoint_of(found["dst"]))
        return self.sure if any(end and end.address in self.addresses for end in ends) else self.lesser


@dataclass(slots=True)
class _Sample:
    """Rows with their place in the text, thinned to every second one as often as needed."""

    most: int
    most_chars: int
    rows: list[tuple[int, Row]] = field(default_factory=list)
    chars: int = 0
    stride: int = 1

    def add(self, number: int, row: Row) -> None:
        """Take a row in, if the sample is not yet coarser than it."""
        if self.stride > 1 and _key(number, row) % self.stride:
            return
        self.rows.append((number, row))
        self.chars += _chars(row)
        while len(self.rows) > self.most or (self.chars > self.most_chars and len(self.rows) > 1):
            self.stride *= 2
            thinner = [entry for entry in self.rows if _key(*entry) % self.stride == 0]
            # Rows that are all about the same are thinned by their place.
            half = len(self.rows) // 2
            self.rows = thinner if half // 2 <= len(thinner) <= half + half // 2 else self.rows[::2]
            self.chars = sum(_chars(kept) for _, kept in self.rows)


def paced(
    lines: Iterator[tuple[int, str]],
    pace: Pace,
    may_matter: re.Pattern[str],
    packet_line: re.Pattern[str] | None = None,
) -> Iterator[tuple[int, str]]:
    """The lines without those that would be read only to be left out, once `keep` samples the rows.

    For logs of one row a line: reading a line takes five times as long as seeing that it has none of the words of
    `may_matter`, or that it is a `packet_line`, of which it is known beforehand what row it gives.
    """
    for number, line in lines:
        if number % max(pace.lesser, pace.sure):
            if packet_line and (found := packet_line.match(line)):
                stride = pace.of_packet(found)
            else:
                stride = 1 if may_matter.search(line) else pace.lesser
            if number % stride:
                pace.skipped += 1
                continue
        yield number, line


def keep(
    rows: Iterator[Row | Weird],
    name: str,
    *,
    most: int,
    known: Callable[[], frozenset[str]],
    pace: Pace | None = None,
) -> Kept:
    """Read all rows of the text `name` and keep at most `most`. `known`: addresses that matter, asked for if needed.

    Weirds of one reason are one: the first place, and how many. `pace` is told how coarse the samples have become.
    """
    kept, pace = Kept(), pace or Pace()
    sure, lesser = _Sample(most, MAX_CHARS), _Sample(max(1, most // LESSER_SHARE), MAX_CHARS // LESSER_SHARE)
    addresses: frozenset[str] | None = None
    bad = 0
    for row in rows:
        if isinstance(row, Weird):
            _count(kept.weirds, row)
            bad += row.count
            if bad > MAX_WEIRD_LINES:
                _count(
                    kept.weirds,
                    Weird(file=name, reason="mostly unreadable: the rest was not read", line=row.line),
                )
                break
            continue
        kept.read += 1
        if addresses is None and (len(sure.rows) >= most or sure.chars > MAX_CHARS - OTHER_CHARS):
            addresses = known()
            sure, lesser = _split(sure, lesser, addresses)
            pace.addresses = addresses
        (sure if addresses is None or _matters(row, addresses) else lesser).add(kept.read, row)
        pace.sure, pace.lesser = (1, 1) if addresses is None else (sure.stride, lesser.stride)
    kept.read += pace.skipped
    kept.rows = [row for _, row in sorted(sure.rows + lesser.rows, key=lambda entry: entry[0])]
    if left := kept.read - len(kept.rows):
        reason = f"longer than is kept in memory: {left} of {kept.read} rows were left out, evenly"
        _count(kept.weirds, Weird(file=name, reason=reason, count=left))
    return kept


def _split(whole: _Sample, lesser: _Sample, addresses: frozenset[str]) -> tuple[_Sample, _Sample]:
    """The rows so far, those that matter apart from the rest; from here on both are bounded."""
    sure = _Sample(max(1, whole.most - lesser.most), MAX_CHARS - lesser.most_chars)
    for number, row in whole.rows:
        (sure if _matters(row, addresses) else lesser).add(number, row)
    return sure, lesser


def _matters(row: Row, addresses: frozenset[str]) -> bool:
    """Whether a row can be evidence by itself: a hit, a drop, a packet, an address of the captures."""
    match row:
        case LogLine():
            ends = (row.packet.src, row.packet.dst) if row.packet else ()
            return bool(row.topic) and (not ends or not addresses or _among(ends, addresses))
        case Drop():
            ends = (row.packet.src, row.packet.dst) if row.packet else ()
            return not ends or not addresses or _among(ends, addresses)
        case Rule():
            return row.drops or bool(row.packets)
        case ConntrackEntry():
            return _among((row.original_src, row.original_dst, row.reply_src, row.reply_dst), addresses)
        case Socket():
            return _among((row.local, row.peer), addresses)
        case Counter():
            return row.value != 0
        case _:
            return True


def _among(ends: tuple[Endpoint, ...], addresses: frozenset[str]) -> bool:
    return any(end.address in addresses for end in ends)


def _key(number: int, row: Row) -> int:
    """A number that is even for every second row, odd rows gone even for every fourth, and so on."""
    match row:
        case Rule():
            return zlib.crc32(
                f"{row.place} {row.priority} {row.match} {row.actions}".encode("utf-8", "replace")
            )
        case Counter():
            return zlib.crc32(f"{row.family} {row.scope} {row.name}".encode("utf-8", "replace"))
        case Setting():
            return zlib.crc32(f"{row.scope} {row.name}".encode("utf-8", "replace"))
        case LogLine():
            return row.source.line or number
        case _:
            return number


def _chars(row: Row) -> int:
    match row:
        case LogLine():
            return len(row.text) + len(row.reason)
        case Rule():
            return len(row.match) + len(row.actions)
        case Syscall():
            return len(row.args)
        case _:
            return OTHER_CHARS


def _count(weirds: dict[str, Weird], weird: Weird) -> None:
    seen = weirds.get(weird.reason)
    weirds[weird.reason] = weird if seen is None else Weird(
        file=seen.file, reason=seen.reason, offset=seen.offset, line=seen.line, count=seen.count + weird.count
    )  # fmt: skip
