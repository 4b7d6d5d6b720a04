"""`curl -w`: the times of a transfer's phases, a line each, many on a line, or as `%{json}`.

The layout is the user's own, so what is read are the variables' names (`time_namelookup`, `time_connect`, ...,
`time_total`), with or without their prefix where a line has one; `%{json}` (7.70 and later) has all of them.
Sources: curl's src/tool_writeout.c, src/tool_writeout_json.c, 7.10 to 8.16; printed by 7.88.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from lastseen.evidence.curl_variables import TIMES, is_whole, transfer_of, variables_in
from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Head, Text
from lastseen.tables.sources import Weird
from lastseen.tables.transfers import Transfer

__all__ = ["KIND", "LONGEST_LINE", "read", "recognise"]

KIND = "curl -w"

LONGEST_LINE = MAX_DOCUMENT_CHARS
"""A header's value in `%{json}` may be long."""
LEAST_TIMES = 3
"""Of curl's times in a text that is curl's: `connect` and `total` alone may be anybody's."""
MAX_LINES_OF_ONE = 60
"""Lines one transfer's variables stand on: curl has some sixty variables."""

_COMMAND = re.compile(r"(?:^|[\s/])curl\s[^;&]{0,4000}(?:-w|--write-out)")
_JSON = re.compile(r'^\{"[a-z_]{1,40}":.{0,4000}?"time_(?:appconnect|namelookup|total)":\s?[\d.]{1,20}[,}]')
_RULE = re.compile(r"^\s*[-=_*]{3,}\s*$")
_MARKS = re.compile(r"^(?:\d\d:\d\d:\d\d\.\d{6} )?(?:\[\S{1,20}\] )?[*<>{}] |^curl: \(\d")


def recognise(head: Head) -> bool:
    """Lines with curl's times: the whole, and a phase; none of curl's own words, which another reader takes."""
    if not head.first():
        return bool(_COMMAND.search(head.command))
    if _JSON.match(head.first()):
        return True
    if any(_MARKS.match(line) for line in head.lines):
        return False
    values: dict[str, str] = {}
    bare = 0
    for line in head.lines[:MAX_LINES_OF_ONE]:
        found = variables_in(line)
        values |= found
        bare += not found and bool(line.strip()) and not _RULE.match(line)
    times = [name for name in TIMES if name in values]
    return is_whole(values) and len(times) >= LEAST_TIMES and bare <= 2 * len(values)


def read(text: Text) -> Iterator[Transfer | Weird]:
    """One `Transfer` for each set of variables; a variable that comes again begins the next."""
    values, lines = dict[str, str](), dict[str, int]()
    for number, line in text.lines():
        if line.startswith("{"):
            yield from _of_json(text, number, line)
            continue
        found = variables_in(line)
        if not found and line.strip() and not _RULE.match(line):
            yield text.weird(number, "no variable of curl's")
        if found.keys() & values.keys():
            yield from _whole(text, values, lines)
            values, lines = {}, {}
        values |= found
        lines |= dict.fromkeys(found, number)
    yield from _whole(text, values, lines)


def _whole(text: Text, values: dict[str, str], lines: dict[str, int]) -> Iterator[Transfer | Weird]:
    if is_whole(values):
        yield transfer_of(text, values, lines, min(lines.values()))
    elif values:
        yield text.weird(min(lines.values()), "variables of curl's without the whole time of a transfer")


def _of_json(text: Text, number: int, line: str) -> Iterator[Transfer | Weird]:
    try:
        fields: Any = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        yield text.weird(number, "JSON of curl's that is damaged or cut off")
        return
    values = {name: _plain(value) for name, value in fields.items() if isinstance(value, str | int | float)}
    if is_whole(values):
        yield transfer_of(text, values, {}, number)
    else:
        yield text.weird(number, "JSON without the times of a transfer")


def _plain(value: str | float) -> str:
    """A number in decimals: Python would print 0.000042 as 4.2e-05."""
    return f"{value:.6f}" if isinstance(value, float) else str(value)
