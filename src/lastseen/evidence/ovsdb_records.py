"""Records of a table of Open vSwitch's database, in whichever format its tools print them.

`ovs-vsctl`, `ovn-nbctl`, `ovn-sbctl` and `ovsdb-client dump` share lib/table.c: `-f list` (`column : value`), `table`
(columns under a row of dashes), `csv` and `json`. Values are given as the text formats print them, so that readers
know one notation. Source: Open vSwitch lib/table.c, lib/ovsdb-data.c (2.0 to 3.3); printed by version 3.1.0.
"""

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Text
from lastseen.tables.sources import Weird

__all__ = ["Record", "is_json", "options_of", "records", "word_of"]

Record = dict[str, tuple[int, str]]
"""Column -> (line, value as text)."""

_COLUMN = re.compile(r"^(?P<column>_?[a-z][a-z0-9_]{0,63})\s*: (?P<value>.*)$")
_NAMES = re.compile(r"^_?[a-z][a-z0-9_]{0,63}(?:,_?[a-z][a-z0-9_]{0,63})+\s*$")
_RULE = re.compile(r"^-{2,}(?: -+)*\s*$")
_DASHES = re.compile(r"-+")
_TITLE = re.compile(r"^[A-Z]\w{1,40} table\s*$")
_JSON = re.compile(r'^\s*\{\s*"(?:caption|data|headings)"\s*:')
_BARE = re.compile(r"[A-Za-z_][\w.-]{0,200}")
_OPTION = re.compile(
    r"(?P<key>[\w.:@/-]{1,128}|\"(?:[^\"\\]|\\.){0,128}\")="
    r"(?P<value>\"(?:[^\"\\]|\\.){0,1024}\"|[^,{}\"\s]{0,1024})"
)


def is_json(first: str) -> bool:
    """Whether a document that begins with this line is a table in JSON. Its headings may be far behind its data."""
    return _JSON.match(first) is not None


def records(text: Text) -> Iterator[Record | Weird]:
    """Every record of every table in the text, with all its columns; a `Weird` for a line of no record."""
    lines = text.lines()
    first = next(((number, line) for number, line in lines if line.strip() and not _TITLE.match(line)), None)
    if first is None:
        return
    if is_json(first[1]):
        yield from _from_json(text, first, lines)
    elif _NAMES.match(first[1]):
        yield from _from_csv(text, first[1], lines)
    elif _COLUMN.match(first[1]) or not first[1].startswith("_"):
        yield from _from_list(text, first, lines)
    else:
        yield from _from_table(text, first[1], lines)


def options_of(value: str) -> dict[str, str]:
    """The pairs of an OVSDB map as printed: `{csum="true", key=flow}`, quotes and escapes removed."""
    return {_plain(found["key"]): _plain(found["value"]) for found in _OPTION.finditer(value)}


def word_of(record: Record, column: str) -> str:
    """A column's one word without quotes; the empty set `[]` is ''."""
    value = _plain(record.get(column, (0, ""))[1])
    return "" if value == "[]" else value


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text


def _from_list(
    text: Text, first: tuple[int, str], lines: Iterator[tuple[int, str]]
) -> Iterator[Record | Weird]:
    """A record ends at a blank line, or where a column comes again."""
    record: Record = {}
    for number, line in _with(first, lines):
        found = _COLUMN.match(line)
        if record and (not line.strip() or (found and found["column"] in record)):
            yield record
            record = {}
        if found:
            record[found["column"]] = (number, found["value"].strip())
        elif line.strip() and not _TITLE.match(line):
            yield text.weird(number, "not a 'column : value' line")
    if record:
        yield record


def _from_csv(text: Text, names: str, lines: Iterator[tuple[int, str]]) -> Iterator[Record | Weird]:
    columns, named = names.strip().split(","), True
    for number, line in lines:
        if not line.strip() or _TITLE.match(line):
            named = False
        elif not named and _NAMES.match(line):
            columns, named = line.strip().split(","), True
        else:
            try:
                cells = next(csv.reader([line]))
            except csv.Error:
                cells = []
            yield _record(text, number, columns, cells)


def _from_table(text: Text, names: str, lines: Iterator[tuple[int, str]]) -> Iterator[Record | Weird]:
    """Columns begin where their dashes do; before the dashes stand the names."""
    columns, spans = names.split(), list[tuple[int, int]]()
    previous = names
    for number, line in lines:
        if _RULE.match(line):
            spans = [found.span() for found in _DASHES.finditer(line)]
            columns = previous.split()
        elif line.startswith("_") or _TITLE.match(line):
            spans = []
        elif line.strip() and not spans:
            yield text.weird(number, "a row before the names of its columns")
        elif line.strip():
            yield _record(text, number, columns, [line[start:end].strip() for start, end in spans])
        previous = line


def _from_json(
    text: Text, first: tuple[int, str], lines: Iterator[tuple[int, str]]
) -> Iterator[Record | Weird]:
    """One document after the other (`ovsdb-client dump` prints one a table); their rows share the first line."""
    document, kept = "", 0
    for _, line in _with(first, lines):
        kept += len(line) + 1
        if kept > MAX_DOCUMENT_CHARS:
            break
        document += line + "\n"
    decoder, at = json.JSONDecoder(), 0
    while at < len(document):
        try:
            table, at = decoder.raw_decode(document, at)
        except (ValueError, RecursionError):
            yield text.weird(first[0], "JSON that is damaged or cut off: the rest was not read")
            return
        yield from _rows_of(text, first[0], table)
        at += len(document[at:]) - len(document[at:].lstrip())


def _rows_of(text: Text, number: int, table: object) -> Iterator[Record | Weird]:
    headings = table.get("headings") if isinstance(table, dict) else None
    data = table.get("data") if isinstance(table, dict) else None
    if not isinstance(headings, list) or not isinstance(data, list):
        yield text.weird(number, "JSON that is no table")
        return
    for row in data:
        cells = [_as_text(cell) for cell in row] if isinstance(row, list) else []
        yield _record(text, number, [str(name) for name in headings], cells)


def _record(text: Text, number: int, columns: list[str], cells: list[str]) -> Record | Weird:
    if len(cells) != len(columns):
        return text.weird(number, "not as many values as columns")
    return {column: (number, cell) for column, cell in zip(columns, cells, strict=True)}


def _as_text(value: Any) -> str:
    """A JSON value (RFC 7047, 5.1) as the text formats print it."""
    match value:
        case ["uuid" | "named-uuid", str(uuid)]:
            return uuid
        case ["set", list(members)]:
            return f"[{', '.join(_as_text(member) for member in members)}]"
        case ["map", list(pairs)]:
            whole = [pair for pair in pairs if isinstance(pair, list) and len(pair) == len(("key", "value"))]
            return f"{{{', '.join(f'{_as_text(key)}={_as_text(member)}' for key, member in whole)}}}"
        case bool():
            return "true" if value else "false"
        case str():
            return value if _BARE.fullmatch(value) and value not in {"true", "false"} else json.dumps(value)
        case _:
            return str(value)


def _with(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest
