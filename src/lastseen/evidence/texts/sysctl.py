"""`sysctl -a` and `sysctl NAME...`: one `name = value` a line (procps `sysctl`, all versions).

Also the same settings read from /proc/sys: `grep -r . /proc/sys/net` (`/proc/sys/net/ipv4/ip_forward:1`) and
`cat /proc/sys/...` of one file, whose name is in the command. Slashes of the path become the dots of a name, and a
dot within a part (an interface "eth0.7") a slash, as sysctl prints it.

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
_ROOTS = "abi|debug|dev|fs|kernel|net|user|vm|sunrpc|crypto"
_FILE = re.compile(rf"^/proc/sys/(?P<path>(?:{_ROOTS})/[\w./@:+-]{{1,250}}?)(?::\s?|\s=\s)(?P<value>.*)$")
_ONE_FILE = re.compile(
    rf"(?:^|[\s/])cat\s+/proc/sys/(?P<path>(?:{_ROOTS})/(?!netfilter/nf_conntrack_count)[\w./@:+-]{{1,250}})\s*$"
)
_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
"""No setting but a counter, which another reader has."""
_REFUSED = re.compile(r"^sysctl: (?:permission denied|cannot stat|reading key|error)")


def recognise(head: Head) -> bool:
    """Most of the first lines are `name = value` with a sysctl's name or file; or the command names one file."""
    if _ONE_FILE.search(head.command) and _COUNT not in head.command:
        return True
    return 2 * (head.matching(_LINE) + head.matching(_FILE)) > min(
        20, sum(1 for line in head.lines if line.strip())
    )


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` of scope "sysctl" a line; dots in the name as printed."""
    one = _ONE_FILE.search(text.command)
    for number, line in text.lines():
        if one:
            name, value = _dotted(one["path"]), line.strip()
            if value:
                yield Setting(**text.at(number), scope="sysctl", name=name, value=value)
        elif found := _FILE.match(line):
            name = _dotted(found["path"])
            yield Setting(**text.at(number), scope="sysctl", name=name, value=found["value"].strip())
        elif found := _LINE.match(line):
            yield Setting(**text.at(number), scope="sysctl", name=found["name"], value=found["value"].strip())
        elif line.strip() and not _REFUSED.match(line):
            yield text.weird(number, "not a 'name = value' line")


def _dotted(path: str) -> str:
    return ".".join(part.replace(".", "/") for part in path.split("/"))
