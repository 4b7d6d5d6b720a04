"""One text file as its reader sees it: numbered lines of bounded length, and where it belongs.

Readers never open files. They get a `Text`, yield rows of `lastseen.tables` and `Weird`s, and keep no state,
so that each is tested with a string. A reader module has three names: `KIND`, `recognise(head)` and
`read(text)`; `lastseen.evidence.texts` finds it by being in the folder.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

from lastseen.tables.sources import Source, Weird

__all__ = ["MAX_DOCUMENT_CHARS", "MAX_LINE_CHARS", "Head", "Place", "Text", "command_of"]

MAX_LINE_CHARS = 65_536
"""A longer line is cut there: no host tool prints one that matters, and memory stays bounded."""
MAX_DOCUMENT_CHARS = 32 * 1024 * 1024
"""What a reader of whole documents (JSON on one line, XML) takes; a ruleset of 100,000 rules has about this much."""

_FIRST_LINE = 1
_COMMAND = re.compile(r"^(?:\$|#|>)\s+(?P<command>[a-z/].*)$")


class Place(TypedDict):
    """The keyword arguments every row takes: `Setting(**text.at(line), scope=...)`."""

    source: Source
    node: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a file (at most 64 KiB), without its leading `$ command` line."""

    lines: tuple[str, ...]
    command: str = ""

    def first(self) -> str:
        """The first line that is not blank, or ''."""
        return next((line for line in self.lines if line.strip()), "")

    def matching(self, pattern: re.Pattern[str], within: int = 20) -> int:
        """How many of the first `within` non-blank lines contain `pattern`."""
        lines = [line for line in self.lines if line.strip()][:within]
        return sum(1 for line in lines if pattern.search(line))


@dataclass(frozen=True, slots=True)
class Text:
    """A text file's lines with its place in the case. `lines` may be read once only.

    `longest` is where a longer line is cut; a reader whose tool prints a document on one line names its own
    (`LONGEST_LINE` beside `KIND`).
    """

    file: str
    numbered: Iterable[tuple[int, str]] = field(repr=False)
    command: str = ""
    node: str = ""
    snapshot: str = ""
    longest: int = MAX_LINE_CHARS

    def lines(self) -> Iterator[tuple[int, str]]:
        """(line number from 1, text without its newline), the leading `$ command` line left out."""
        for number, line in self.numbered:
            if number == _FIRST_LINE and _COMMAND.match(line):
                continue
            yield number, line[: self.longest]

    def at(self, line: int) -> Place:
        """Where a row made of this line stands."""
        return {"source": Source(file=self.file, line=line), "node": self.node, "snapshot": self.snapshot}

    def weird(self, line: int, reason: str) -> Weird:
        """A line that could not be read, as a row."""
        return Weird(file=self.file, line=line, reason=reason)


def command_of(first_line: str) -> str:
    """The command of a leading `$ command` line, or ''."""
    found = _COMMAND.match(first_line)
    return found["command"].strip() if found else ""
