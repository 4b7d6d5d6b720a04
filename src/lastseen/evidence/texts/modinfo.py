"""`modinfo MODULE...`: which build of a kernel module is on disk.

Source: kmod's tools/modinfo.c: `field:` padded to 16 columns, one block a module, each headed by
`filename:`. Modules of the kernel's own tree mostly have no version of their own: then it is that of the
kernel in vermagic.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Version
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "modinfo"

_COMMAND = re.compile(r"(?:^|[\s/])modinfo\s+\S")
_FILENAME = re.compile(r"^filename:\s+(?P<value>/\S{1,1000}\.ko(?:\.(?:gz|xz|zst))?|\(builtin\))\s*$")
_FIELD = re.compile(r"^(?P<field>[A-Za-z_]{2,32}):(?:\s+(?P<value>.*?))?\s*$")
_CONTINUED = re.compile(r"^\s")
_REFUSED = re.compile(r"^modinfo: ")
_KEPT = {"name", "version", "vermagic"}


def recognise(head: Head) -> bool:
    """The first line names a module's file; or the command, with no output or its refusal."""
    first = head.first()
    if not first or _REFUSED.match(first):
        return bool(_COMMAND.search(head.command))
    return bool(_FILENAME.match(first))


def read(text: Text) -> Iterator[Version | Weird]:
    """The `Version` of "MODULE_module" a block: its own version or the kernel's; `detail` is the file."""
    started = 0
    fields: dict[str, str] = {}
    for number, line in text.lines():
        if found := _FILENAME.match(line):
            yield from _block(text, started, fields)
            started, fields = number, {"filename": found["value"]}
        elif started and (found := _FIELD.match(line)):
            if found["field"] in _KEPT:
                fields.setdefault(found["field"], found["value"] or "")
        elif line.strip() and not (started and _CONTINUED.match(line)):
            yield text.weird(number, "not a field of modinfo")
    yield from _block(text, started, fields)


def _block(text: Text, started: int, fields: dict[str, str]) -> Iterator[Version | Weird]:
    """The row of one module; a weird where the block ends before it says name and version."""
    if not started:
        return
    filename = fields["filename"]
    name = fields.get("name") or filename.rpartition("/")[2].partition(".ko")[0].replace("-", "_")
    version = fields.get("version") or fields.get("vermagic", "").partition(" ")[0]
    if filename == "(builtin)" and "name" not in fields:
        yield text.weird(started, "a built-in module without a name")
        return
    if not version:
        yield text.weird(started, "a module with neither version nor vermagic")
    yield Version(**text.at(started), name=f"{name}_module", version=version, detail=filename)
