"""One module a kind of text: `KIND`, `recognise(head)`, `read(text)`. A module is found by being in this folder."""

import functools
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from lastseen.evidence.texts.text import Head, Text

if TYPE_CHECKING:  # captures alone are read without the rows of texts, whose import takes 15 ms
    from collections.abc import Iterator

    from lastseen.tables.facts_from_texts import Row
    from lastseen.tables.sources import Weird

__all__ = ["Reader", "reader_of", "readers"]

_NOT_A_READER = "text"


class Reader(Protocol):
    """What every reader module offers. It may also name the `LONGEST_LINE` it takes, in characters.

    And, if each line is a row by itself, a pattern `MAY_MATTER` that every line of consequence contains, and with it a
    pattern `PACKET_LINE` of lines that surely give one `LogLine` with a topic, about a packet between the addresses in
    its groups `src` and `dst`, and no weird.
    """

    KIND: str

    def recognise(self, head: Head) -> bool:
        """Whether a file that begins like this is of this kind."""

    def read(self, text: Text) -> "Iterator[Row | Weird]":
        """Its rows, and what could not be read."""


@functools.cache
def readers() -> tuple[Reader, ...]:
    """All reader modules, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != _NOT_A_READER)
    return tuple(import_module(f"{__name__}.{name}") for name in names)


def reader_of(head: Head) -> Reader | None:
    """The reader that recognises a file by its beginning; None when nobody does."""
    return next((reader for reader in readers() if reader.recognise(head)), None)
