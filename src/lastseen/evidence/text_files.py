"""Read a text file through its reader, bounded in rows and in time. Imported only where there is a text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lastseen.evidence.files import CaseFile
from lastseen.evidence.keeping import MAX_ROWS, Kept, Pace, keep, paced
from lastseen.evidence.lines import numbered_lines, open_text
from lastseen.evidence.nodes import Place
from lastseen.evidence.reports import command_in_name
from lastseen.evidence.texts import Reader
from lastseen.evidence.texts.text import MAX_LINE_CHARS, Text
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.flow_text import endpoint_texts
from lastseen.tables.packets import FlowRows
from lastseen.tables.sources import Weird

__all__ = ["TextRead", "read_text_file"]

MAX_ADDRESSES: Final = 100_000
"""FlowRows of a capture whose addresses are known when texts must be thinned."""
LINES_BETWEEN_LOOKS: Final = 4096
"""How often the clock is asked while a text is read: every few milliseconds."""


@dataclass(slots=True, eq=False)
class TextRead:
    """What a text gave. `lines`: how many were read; `partial`: the time was up before the end."""

    rows: list[Row] = field(default_factory=list)
    weirds: list[Weird] = field(default_factory=list)
    lines: int = 0
    partial: bool = False


def read_text_file(
    file: CaseFile,
    reader: Reader,
    place: Place,
    *,
    command: str,
    most: int,
    flows: Callable[[], Sequence[FlowRows]],
    expired: Callable[[], bool],
) -> TextRead:
    """Read a text; of more than `most` rows those stay that can matter, `flows` telling which addresses do.

    `command` is what the text says it was printed by; without it the file's name may. A file that cannot be read, or
    not to its end, gives what it gave until there, and a weird.
    """
    read, kept, pace = TextRead(), Kept(), Pace()
    ended: list[Weird] = []

    def damaged(line: int, reason: str) -> None:
        ended.append(Weird(file=file.name, line=line, reason=f"cannot be read on ({reason})"))

    try:
        with open_text(file.path) as stream:
            longest: int = getattr(reader, "LONGEST_LINE", MAX_LINE_CHARS)
            lines = numbered_lines(stream, damaged, longest=longest)
            lines = _in_time(lines, file.name, expired=expired, read=read, pace=pace)
            if may_matter := getattr(reader, "MAY_MATTER", None):
                lines = paced(lines, pace, may_matter, getattr(reader, "PACKET_LINE", None))
            said = command or command_in_name(file)
            text = Text(file.name, lines, said, place.node, place.snapshot, longest)
            kept = keep(
                reader.read(text),
                file.name,
                most=min(MAX_ROWS, most),
                known=lambda: _addresses(flows()),
                pace=pace,
            )
    except OSError as error:
        ended.append(Weird(file=file.name, reason=f"cannot be read ({error.strerror})"))
    read.rows, read.lines = kept.rows, pace.lines
    read.weirds += [*kept.weirds.values(), *ended]
    return read


def _addresses(captures: Sequence[FlowRows]) -> frozenset[str]:
    """The addresses of the captures' flows, as text."""
    found: set[str] = set()
    for every in captures:
        flows = every[:MAX_ADDRESSES]
        for side in (0, 1):
            ends = endpoint_texts(flows, np.full(len(flows), side, np.int64))
            found.update(
                end.rpartition(":")[0].strip("[]") if end.count(":") == 1 or "]" in end else end
                for end in ends
            )
    return frozenset(found)


def _in_time(
    lines: Iterator[tuple[int, str]], name: str, *, expired: Callable[[], bool], read: TextRead, pace: Pace
) -> Iterator[tuple[int, str]]:
    """The lines until the time is up, asked now and then; `pace` counts them."""
    for number, line in lines:
        if number % LINES_BETWEEN_LOOKS == 0 and expired():
            read.partial = True
            read.weirds.append(Weird(file=name, line=number, reason="the time was up: the rest was not read"))
            return
        pace.lines = number
        yield number, line
