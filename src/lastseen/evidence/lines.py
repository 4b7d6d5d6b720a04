"""A file's text lines without ever holding more than one of them: numbered, decoded, bounded in length."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from lastseen.evidence.texts.text import MAX_LINE_CHARS, Head, command_of

__all__ = ["LOOKED_AT_BYTES", "head_of", "numbered_lines", "open_text"]

LOOKED_AT_BYTES: Final = 65_536
"""How much of a file recognition sees."""


_BYTE_ORDER_MARK: Final = "\ufeff"
_REST_BYTES: Final = 1 << 20


def _unheard(line: int, reason: str) -> None:
    """Who does not ask is not told."""


def open_text(path: Path) -> BinaryIO:
    """Open a text file, unpacking gzip (rotated logs). Raises OSError."""
    stream = path.open("rb")
    if stream.read(2) != b"\x1f\x8b":
        stream.seek(0)
        return stream
    stream.close()
    return gzip.open(path)  # type: ignore[return-value]  # reads like a BinaryIO


def head_of(first: bytes) -> Head | None:
    """The head of a file that begins with these bytes; None when it is no text."""
    if b"\0" in first:
        return None
    lines = first.decode("utf-8", "replace").removeprefix(_BYTE_ORDER_MARK).splitlines()
    command = command_of(lines[0]) if lines else ""
    if command:
        del lines[0]
    if len(first) >= LOOKED_AT_BYTES and len(lines) > 1:  # the last one is cut off there
        lines.pop()
    return Head(tuple(line[:MAX_LINE_CHARS] for line in lines), command)


def numbered_lines(
    stream: BinaryIO, damaged: Callable[[int, str], None] = _unheard, *, longest: int = MAX_LINE_CHARS
) -> Iterator[tuple[int, str]]:
    """(line number from 1, text) of every line, without a byte order mark; a line is cut after `longest` bytes.

    Where the bytes cannot be read on (damaged compression, a failing disk) the text ends and `damaged` is told
    the last line's number and why.
    """
    number = 0
    try:
        while line := stream.readline(longest):
            number += 1
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            yield number, text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text
            while line and not line.endswith(b"\n"):
                line = stream.readline(_REST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        damaged(number, str(error))
