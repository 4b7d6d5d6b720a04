"""A file's text lines without ever holding more than one of them: numbered, decoded, bounded in length."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Final

from lastseen.evidence.texts.text import MAX_LINE_CHARS, Head, command_of

__all__ = ["LOOKED_AT_BYTES", "head_of", "numbered_lines", "open_text"]

LOOKED_AT_BYTES: Final = 65_536
"""How much of a file recognition sees."""


_BYTE_ORDER_MARK: Final = "\ufeff"
_BLOCK_BYTES: Final = 1 << 16


def _unheard(line: int, reason: str) -> None:
    """Who does not ask is not told."""


def open_text(path: Path) -> BufferedIOBase:
    """Open a text file, unpacking gzip (rotated logs). Raises OSError."""
    stream = path.open("rb")
    if stream.read(2) != b"\x1f\x8b":
        stream.seek(0)
        return stream
    stream.close()
    return gzip.open(path)


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
    stream: BufferedIOBase, damaged: Callable[[int, str], None] = _unheard, *, longest: int = MAX_LINE_CHARS
) -> Iterator[tuple[int, str]]:
    """(line number from 1, text) of every line, without a byte order mark; a line is cut after `longest` bytes.

    Where the bytes cannot be read on (damaged compression, a failing disk) the text ends and `damaged` is told
    the last line's number and why. Many lines are decoded at a time: a call a line took a third of reading a log.
    """
    number = 0
    try:
        for block in _whole_lines(stream, longest):
            text = block.decode("utf-8", "replace")
            lines = text.split("\n")
            if not lines[-1]:
                del lines[-1]  # behind the last newline there is no line
            if number == 0:
                lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
            if "\r" in text:
                lines = [line.rstrip("\r") for line in lines]
            for number, line in enumerate(lines, number + 1):  # noqa: B020 - counts on
                yield number, line
    except (OSError, EOFError, zlib.error) as error:
        damaged(number, str(error))


def _whole_lines(stream: BufferedIOBase, longest: int) -> Iterator[bytes]:
    """Blocks of whole lines, each line cut after `longest` bytes; only such a one and the last may lack its newline.

    `read1` gives what stands before a damage in the compression; `read` would lose it.
    """
    begun = bytearray()
    size = min(_BLOCK_BYTES, longest)
    while piece := stream.read1(size):
        start = 0
        if begun:
            start = piece.find(b"\n") + 1
            begun += piece[: min(start or len(piece), longest - len(begun))]
            if not start:
                continue
            yield bytes(begun)
            begun.clear()
        end = piece.rfind(b"\n") + 1
        if end > start:
            yield piece[start:end]
        begun += piece[max(start, end) :]
    if begun:
        yield bytes(begun)
