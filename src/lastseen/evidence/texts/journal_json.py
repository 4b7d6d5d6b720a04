"""`journalctl -o json`, `json-pretty`, `json-sse` and `json-seq`: the journal with all fields.

Source: systemd, src/shared/logs-show.c, and its page on the journal's JSON format: numbers are strings, a message
that is no UTF-8 is an array of byte values. Only what the kernel said gives rows; with the journal's own time
(`__REALTIME_TIMESTAMP`, microseconds since the epoch), which no time zone disturbs.

Rows: `LogLine` (clock "wall", zone known) a kernel message.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from lastseen.evidence.json_elements import number_of
from lastseen.evidence.kernel_messages import about, logged
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "journal as JSON"

MAX_TEXT_CHARS: Final = 1000
MAX_ENTRY_LINES: Final = 400
"""An entry of `json-pretty` has a line a field, some forty."""

_MAX_US: Final = 2**63 // 1000
_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/])?journalctl\s[^;&|]{0,300}(?:-o\s?|--output[= ])json(?:-\w{1,8})?\b"
)
_MARK: Final = "\x1e"
"""Begins an entry of `json-seq` (RFC 7464)."""
_ENTRY = re.compile(
    r'^(?:\x1e)?(?:data: )?\{\s?".{0,4096}?"(?:__REALTIME_TIMESTAMP|MESSAGE|_TRANSPORT|SYSLOG_IDENTIFIER)"\s?:'
)
_OPENING = re.compile(r"^(?:\x1e)?\{\s*$")
_PRETTY = re.compile(r'^\s+"(?:__REALTIME_TIMESTAMP|__CURSOR|MESSAGE|_TRANSPORT|_BOOT_ID)" : ')


def recognise(head: Head) -> bool:
    """The first line is an entry or opens one with the journal's own fields; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    return bool(_ENTRY.match(first)) or (
        bool(_OPENING.match(first)) and head.matching(_PRETTY, within=60) > 0
    )


def read(text: Text) -> Iterator[LogLine | Weird]:
    """One `LogLine` a message of the kernel; other programs' are passed over in silence."""
    for number, entry in _entries(text):
        try:
            fields = json.loads(entry)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            yield text.weird(number, "not a whole entry of the journal")
        elif "kernel" in (fields.get("_TRANSPORT"), fields.get("SYSLOG_IDENTIFIER")):
            yield from _row(text, number, fields)


def _entries(text: Text) -> Iterator[tuple[int, str]]:
    """(line, JSON text) of every entry, on one line or over several."""
    started, pieces = 0, list[str]()
    for number, raw in text.lines():
        line = raw.removeprefix(_MARK).removeprefix("data: ").rstrip()
        if started:
            pieces.append(line)
            if line == "}" or len(pieces) > MAX_ENTRY_LINES:
                yield started, "\n".join(pieces)
                started, pieces = 0, []
        elif line == "{":
            started, pieces = number, [line]
        elif line:
            yield number, line
    if started:
        yield started, "\n".join(pieces)


def _row(text: Text, number: int, fields: dict[str, Any]) -> Iterator[LogLine | Weird]:
    message = _message(fields.get("MESSAGE"))
    at_us = number_of(fields.get("__REALTIME_TIMESTAMP"))
    if message is None:
        yield text.weird(number, "a kernel message that cannot be read")
        return
    message = message[:MAX_TEXT_CHARS].strip()
    topic, reason, packet = about(message) or ("", *logged(message))
    yield LogLine(
        **text.at(number),
        at_ns=at_us * 1000 if at_us is not None and at_us < _MAX_US else None,
        clock="wall" if at_us is not None else "",
        zone_known=at_us is not None,
        text=message,
        topic=topic,
        reason=reason,
        packet=packet,
    )


def _message(value: object) -> str | None:
    """A message, also one of byte values; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(byte, int) and 0 <= byte <= 255 for byte in value):
        return bytes(value).decode("utf-8", "replace")
    return None
