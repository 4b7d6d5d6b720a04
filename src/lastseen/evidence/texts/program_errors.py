"""What a program printed when a connection failed: PHP's warnings, a traceback, the error log of a server or proxy.

Any text is claimed that has one of the sentences of `program_messages` among its first lines; curl's own output has a
reader of its own, and so have logs with epoch times. Times are not read: each program writes them differently.

Rows: a `LogLine` with its topic for each such sentence. The other lines say nothing that is used here and are passed
over in silence.
"""

import re
from collections.abc import Iterator
from typing import Final

from lastseen.evidence.program_messages import about
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import LogLine

__all__ = ["KIND", "read", "recognise"]

KIND = "program's errors"
MAX_TEXT_CHARS: Final = 1000

_ANOTHERS = re.compile(
    r"^(?:\d\d:\d\d:\d\d\.\d{6} )?(?:\[\S{1,20}\] )?[*<>{}] |^curl: \(\d|^[0-9]{10}[.,][0-9]{3,9}\s"
    r"|^\{|^(?:\[pid\s+\d+\] )?(?:\d+\s+)?(?:\d\d:\d\d:\d\d|\d+\.\d+)?\s?\w{2,20}\(.*\) += -?\d"
)
"""curl -v, logs with epoch times, JSON, system calls: their readers know more of them."""


def recognise(head: Head) -> bool:
    """A sentence that is known, and none of a text another reader takes."""
    if head.matching(_ANOTHERS):
        return False
    return any(about(line[:MAX_TEXT_CHARS])[0] for line in head.lines)


def read(text: Text) -> Iterator[LogLine]:
    """One `LogLine` a sentence that is known, without a time."""
    for number, line in text.lines():
        topic, reason = about(line[:MAX_TEXT_CHARS])
        if topic:
            yield LogLine(
                **text.at(number),
                at_ns=None,
                clock="",
                zone_known=False,
                text=line[:MAX_TEXT_CHARS].strip(),
                topic=topic,
                reason=reason,
            )
