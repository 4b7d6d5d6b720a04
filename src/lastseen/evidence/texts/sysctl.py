"""`sysctl -a` and `sysctl NAME...`: one `name = value` a line (procps `sysctl`, all versions).

Written first, as the model of a reader: recognise by content, one row a line, anything else a weird.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "sysctl"

_LINE = re.compile(
    r"^(?P<name>(?:abi|debug|dev|fs|kernel|net|user|vm|sunrpc|crypto)\.[\w./@:+-]+)\s?=\s?(?P<value>.*)$"
)
_REFUSED = re.compile(r"^sysctl: (?:permission denied|cannot stat|reading key|error)")


def recognise(head: Head) -> bool:
    """Most of the first lines are `name = value` with a sysctl's name."""
    return 2 * head.matching(_LINE) > min(20, sum(1 for line in head.lines if line.strip()))


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` of scope "sysctl" a line; dots in the name as printed."""
    for number, line in text.lines():
        if found := _LINE.match(line):
            yield Setting(**text.at(number), scope="sysctl", name=found["name"], value=found["value"].strip())
        elif line.strip() and not _REFUSED.match(line):
            yield text.weird(number, "not a 'name = value' line")
