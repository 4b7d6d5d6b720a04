"""`uname -a`, `uname -r` and /proc/version: which kernel runs.

Source: coreutils uname.c (kernel name, node name, release, version in this order) and the kernel's
init/version.c `linux_proc_banner`.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Version
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "uname -a"

_MAX_LINES = 2
"""More lines than this are something else that begins with the kernel's banner, such as a boot log."""
_COMMAND = re.compile(r"(?:^|[\s/])uname(?:\s+-[a-z]{1,9}){0,4}\s*$|\s/proc/version(?:\s|$)")
_RELEASE = r"(?P<release>[0-9]{1,3}\.[0-9]{1,4}[\w.+~-]{0,80})"
_ALL = re.compile(rf"^Linux (?P<host>\S{{1,255}}) {_RELEASE} #[0-9]{{1,6}}\S{{0,80}}(?:\s.*)?$")
_BANNER = re.compile(rf"^Linux version {_RELEASE} \(")
_ALONE = re.compile(rf"^{_RELEASE}\s*$")


def recognise(head: Head) -> bool:
    """A line or two that begin as the kernel's name, or a release alone under the command."""
    first = head.first()
    asked = bool(_COMMAND.search(head.command))
    if not first:
        return asked
    if sum(1 for line in head.lines if line.strip()) > _MAX_LINES:
        return False
    return bool(_ALL.match(first) or _BANNER.match(first) or (asked and _ALONE.match(first)))


def read(text: Text) -> Iterator[Version | Weird]:
    """The `Version` of "kernel", its release; `detail` is the node's name where the line has one."""
    for number, line in text.lines():
        if found := _BANNER.match(line) or _ALONE.match(line):
            yield Version(**text.at(number), name="kernel", version=found["release"])
        elif found := _ALL.match(line):
            yield Version(**text.at(number), name="kernel", version=found["release"], detail=found["host"])
        elif line.strip():
            yield text.weird(number, "not what uname prints")
