"""`lsmod` and /proc/modules: the kernel modules that are loaded.

Source: kmod's tools/lsmod.c, a table of name, size and use count with the names of the users;
the kernel's kernel/module/procfs.c, which has state and address behind them and no heading.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "lsmod"

_COMMAND = re.compile(r"(?:^|[\s/])lsmod\s*$|\s/proc/modules\s*$")
_PROC = re.compile(
    r"^(?P<name>[\w-]{1,64}) [0-9]{1,12} (?P<used>-?[0-9]{1,10}|-) \S{1,4000} (?:Live|Loading|Unloading)"
    r" 0x[0-9a-f]{1,16}(?: \([A-Z+-]{1,16}\))?\s*$"
)
_HEADER = re.compile(r"^Module\s+Size\s+Used by\s*$")
_MODULE = re.compile(r"^(?P<name>[\w-]{1,64})\s+[0-9]{1,12}\s+(?P<used>-?[0-9]{1,10}|-)(?:\s+\S.*)?\s*$")


def recognise(head: Head) -> bool:
    """The first line is the table's header or a line of /proc/modules; or the command, with no output."""
    first = head.first()
    return bool(_HEADER.match(first) or _PROC.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` of scope "module" a loaded module; its value is the use count as printed."""
    for number, line in text.lines():
        if found := _PROC.match(line) or _MODULE.match(line):
            yield Setting(**text.at(number), scope="module", name=found["name"], value=found["used"])
        elif line.strip() and not _HEADER.match(line):
            yield text.weird(number, "not a module with its size and use count")
