"""`run.json` of a case that `lastseen run` or `collect` made: how its nodes are reached, what was changed.

It is for `lastseen fix`, which must find the host a remedy belongs on. As evidence it says nothing the other files do
not say better, so it gives no rows; it is recognised so that it is not listed as something strange.
"""

from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "lastseen run record"

_BEGINS = '{"schema": "lastseen.run/1"'


def recognise(head: Head) -> bool:
    """A JSON object that says its schema first."""
    return head.first().startswith(_BEGINS)


def read(text: Text) -> Iterator[Weird]:
    """Nothing."""
    for number, line in text.lines():
        if line.strip() and not line.startswith(_BEGINS):
            yield text.weird(number, "not a line of a run record")
