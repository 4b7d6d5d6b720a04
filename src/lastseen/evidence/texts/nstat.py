"""`nstat`: the kernel's network MIB counters, as text or as JSON (`-j`).

Source: `dump_kern_db` of iproute2's misc/nstat.c. Without `-a` the values are what was added since the same
user's last call, which the output does not say; ` (overflow)` behind a value tells that a counter went
backwards. JSON is read piece by piece, as it may be pretty-printed or cut off.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "nstat"

_HEAD_LINES = 20
_MIBS = r"(?:(?:(?:Ip|Icmp|Udp|UdpLite)6?|IcmpMsg|Tcp|TcpExt|IpExt|MPTcpExt|Sctp)[A-Z0-9]|Xfrm|Tls)"
"""What every name begins with; a kernel module may add a MIB, a word of a text may not."""
_COMMAND = re.compile(r"(?:^|[\s/])(?:nstat|rtacct)(?:\s[^|;]{0,200})?$")
_SOURCE = re.compile(r"^#\S{1,255}\s*$")
_KERNEL = re.compile(r"^#kernel\s*$")
_LINE = re.compile(
    rf"^(?P<name>{_MIBS}\w{{0,60}})\s+(?P<value>[0-9]{{1,20}})\s+[0-9]{{1,20}}\.[0-9]{{1,9}}(?:\s+\(overflow\))?\s*$"
)
_JSON_START = re.compile(r'^\s*\{\s*(?:"[^"]{1,255}"\s*:\s*\{\s*(?:\}|$|"[A-Z]\w{1,60}"\s*:\s*[0-9])|$)')
_JSON_PAIR = re.compile(rf'"(?P<name>{_MIBS}\w{{0,60}})"\s*:\s*(?P<value>[0-9]{{1,20}})(?=\s*[,}}]|\s*$)')


def recognise(head: Head) -> bool:
    """`#kernel` above MIB names, lines of MIB names alone, or a JSON object of them."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    if _JSON_START.match(first):
        return head.matching(_JSON_PAIR) > 0 or bool(_COMMAND.search(head.command))
    lines = sum(1 for line in head.lines if line.strip())
    if lines == 1:
        return bool(_KERNEL.match(first) or _LINE.match(first))
    return 2 * head.matching(_LINE) >= min(_HEAD_LINES, lines)


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter` of family "nstat", scope "", a name."""
    is_json = False
    last, last_number = "", 0
    for number, line in text.lines():
        if not line.strip():
            continue
        is_json = is_json or (not last and bool(_JSON_START.match(line)))
        last, last_number = line, number
        yield from _from_json(text, number, line) if is_json else _from_line(text, number, line)
    if is_json and not last.rstrip().endswith("}"):
        yield text.weird(last_number, "the JSON ends early")


def _from_line(text: Text, number: int, line: str) -> Iterator[Counter | Weird]:
    if found := _LINE.match(line):
        yield _counter(text, number, found)
    elif not _SOURCE.match(line):
        yield text.weird(number, "not a line of nstat")


def _from_json(text: Text, number: int, line: str) -> Iterator[Counter]:
    for found in _JSON_PAIR.finditer(line):
        yield _counter(text, number, found)


def _counter(text: Text, number: int, found: re.Match[str]) -> Counter:
    return Counter(**text.at(number), family="nstat", scope="", name=found["name"], value=int(found["value"]))
