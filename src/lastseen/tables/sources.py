"""Where a statement comes from: every row and every reason can point at its file, frame or line."""

from dataclasses import dataclass

__all__ = ["EvidenceFile", "Source", "Weird"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place in the evidence. `frame` counts packets from 1 as Wireshark does; `line` counts from 1."""

    file: str
    line: int | None = None
    frame: int | None = None

    def __str__(self) -> str:
        """`file:line` or `file frame N`, as reports print it."""
        if self.line is not None:
            return f"{self.file}:{self.line}"
        return self.file if self.frame is None else f"{self.file} frame {self.frame}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weird:
    """A piece of evidence that could not be read as expected: counted and shown, never fatal.

    `offset` is in bytes from the start of a capture, `line` counts from 1 in a text; at most one is set.
    """

    file: str
    reason: str
    offset: int | None = None
    line: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """One file of the case: what it was recognised as (None: not recognised) and how many rows it gave.

    `lines`: how many lines of a text were read.
    """

    file: str
    kind: str | None
    rows: int
    node: str = ""
    snapshot: str = ""
    lines: int = 0
