"""The elements of a JSON array, one at a time: what iproute2, nft, ethtool and others print with `-j`.

`json.loads` would give nothing for a document that was cut off, and would not say at which line an element
stands. Here every whole element before the cut is kept, with its line.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Text
from lastseen.tables.sources import Weird

__all__ = ["elements", "number_of", "text_of"]

_START: Final = re.compile(r'\s*(?:\{\s*"[\w-]{1,64}"\s*:\s*)?\[')
"""An array, bare or as the only member of an object (`{"nftables": [`, `{"lscpu": [`)."""
_BETWEEN: Final = re.compile(r"[\s,]*")
_END: Final = re.compile(r"[\s\]},]*\Z")
_MAX_DIGITS: Final = 20


def elements(text: Text) -> Iterator[tuple[int, dict[str, Any]] | Weird]:
    """(line an element begins at, the element) for every object in the array; weirds for all else.

    A document longer than MAX_DOCUMENT_CHARS is read to there.
    """
    first, document = _document(text)
    found = _START.match(document)
    if found is None:
        if document.strip():
            yield text.weird(first, "not a JSON array")
        return
    at, line, counted_to = found.end(), first, 0
    decoder = json.JSONDecoder()
    while True:
        at = _BETWEEN.match(document, at).end()  # type: ignore[union-attr]  # it matches the empty string, too
        line += document.count("\n", counted_to, at)
        counted_to = at
        if document[at : at + 1] in {"", "]"}:
            break
        try:
            element, at = decoder.raw_decode(document, at)
        except (ValueError, RecursionError):
            yield text.weird(line, "JSON that is damaged or cut off: the rest was not read")
            return
        yield (
            (line, element)
            if isinstance(element, dict)
            else text.weird(line, "a JSON element of no known form")
        )
    if not document[at:]:
        yield text.weird(line, "the JSON ends early")
    elif not _END.match(document, at):
        yield text.weird(line, "text behind the JSON")


def _document(text: Text) -> tuple[int, str]:
    """(number of the first line, all lines joined), so much of it as may be kept."""
    first, kept, length = 0, [], 0
    for number, line in text.lines():
        first = first or number
        kept.append(line)
        length += len(line) + 1
        if length > MAX_DOCUMENT_CHARS:
            break
    return first or 1, "\n".join(kept)


def number_of(value: object) -> int | None:
    """A whole, not negative number as such, or written as a string; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    is_number = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS
    return int(value) if is_number and isinstance(value, str) else None


def text_of(value: object) -> str:
    """A string or number as text, "" for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
