"""Reads a text with a reader as a case would, for tests."""

from pathlib import Path

from lastseen.evidence.lines import head_of
from lastseen.evidence.texts import Reader
from lastseen.evidence.texts.text import MAX_LINE_CHARS, Head, Text
from lastseen.tables.facts_from_texts import Counter, Row
from lastseen.tables.sources import Weird

__all__ = ["counters", "recognised", "rows", "sample", "weirds"]


def sample(path: str) -> str:
    """A file of `samples/`, by reader and name."""
    return (Path(__file__).parent / "samples" / f"{path}.txt").read_text()


def rows(reader: Reader, text: str, command: str = "") -> list[Row | Weird]:
    """Everything the reader yields; a leading `$ command` line counts."""
    head = head_of(text.encode()) or Head(())
    lines = enumerate(text.split("\n"), start=1)
    longest = getattr(reader, "LONGEST_LINE", MAX_LINE_CHARS)
    return list(
        reader.read(Text(file="s.txt", numbered=lines, command=command or head.command, longest=longest))
    )


def counters(reader: Reader, text: str, command: str = "") -> dict[tuple[str, str], int | None]:
    """(scope, name) -> value of all counters."""
    return {
        (row.scope, row.name): row.value for row in rows(reader, text, command) if isinstance(row, Counter)
    }


def weirds(reader: Reader, text: str, command: str = "") -> list[int | None]:
    """The lines of all weirds."""
    return [row.line for row in rows(reader, text, command) if isinstance(row, Weird)]


def recognised(reader: Reader, text: str, command: str = "") -> bool:
    """Whether the reader claims a text, or what a command printed."""
    return reader.recognise(Head(tuple(text.splitlines()), command))
