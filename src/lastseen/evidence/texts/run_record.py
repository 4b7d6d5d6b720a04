"""`run.json` of a case that `lastseen run` or `collect` made: how its nodes are reached, what was changed.

It is for `lastseen fix`, which must find the host a remedy belongs on. As evidence it says which captures ended before
the run did, which no other file does: all else in it other files say better.

Rows: a `CutCapture` each.
"""

import json
from collections.abc import Iterator

from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Head, Text
from lastseen.tables.facts_from_texts import CutCapture
from lastseen.tables.sources import Weird

__all__ = ["KIND", "LONGEST_LINE", "read", "recognise"]

KIND = "lastseen run record"
LONGEST_LINE = MAX_DOCUMENT_CHARS

_BEGINS = '{"schema": "lastseen.run/1"'


def recognise(head: Head) -> bool:
    """A JSON object that says its schema first."""
    return head.first().startswith(_BEGINS)


def read(text: Text) -> Iterator[CutCapture | Weird]:
    """One `CutCapture` a file of `cut`, which stands beside the record or below it."""
    folder = text.file.rpartition("/")[0]
    for number, line in text.lines():
        if not line.strip():
            continue
        try:
            said = json.loads(line) if line.startswith(_BEGINS) else None
        except (ValueError, RecursionError):
            said = None
        cut = said.get("cut", []) if isinstance(said, dict) else None
        if not isinstance(cut, list) or not all(isinstance(name, str) for name in cut):
            yield text.weird(number, "not a line of a run record")
            continue
        for name in cut:
            yield CutCapture(**text.at(number), file=f"{folder}/{name}" if folder else name)
