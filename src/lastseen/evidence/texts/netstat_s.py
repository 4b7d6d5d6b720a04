"""`netstat -s` (and `-s6`): the network MIBs as sentences, read back into nstat's names.

Source: net-tools statistics.c, 1.60 to 2.10: tables of sentences; what has none is printed as `Name: value`, and a
sentence that may be absent stands for zero as well as for a kernel that does not count it: such a counter gives no
row.

| line | name |
|---|---|
| `12 segments retransmitted` below `Tcp:` | TcpRetransSegs |
| `3 times the listen queue of a socket overflowed` below `TcpExt:` | TcpExtListenOverflows |
| `destination unreachable: 9` below `ICMP input histogram:` | IcmpInDestUnreachs |
| `TCPOrigDataSent: 161` below `TcpExt:` | TcpExtTCPOrigDataSent |
"""

import re
from collections.abc import Iterator

from lastseen.evidence.netstat_sentences import ICMP6_ONLY, ICMP_IN, ICMP_OUT, SENTENCES
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "netstat -s"

_COMMAND = re.compile(
    r"(?:^|[\s/])netstat\s+(?:-\S{1,20}\s+){0,4}(?:-[a-z46]{0,8}s[a-z46]{0,8}|--statistics)(?:\s|$)"
)
_SECTION = re.compile(
    r"^(?P<name>Ip|Icmp|IcmpMsg|Tcp|Udp|UdpLite|TcpExt|IpExt|MPTcpExt|Sctp|Ip6|Icmp6|Udp6|UdpLite6|Tcp6):\s*$"
)
_HISTOGRAM = re.compile(r"^\s+ICMP (?P<way>input|output) histogram[:.]\s*$")
_NAMED = re.compile(r"^\s+(?P<name>[A-Z]\w{1,60}): (?P<value>[0-9]{1,20})\s*$")
_ICMP = re.compile(r"^\s+(?P<what>[a-zA-Z0-9 ]{3,60}): (?P<value>[0-9]{1,20})\s*$")
_NUMBER = re.compile(r"(?<!\S)[0-9]{1,20}(?!\S)")
_SETTING = re.compile(r"^\s+(?:Forwarding(?: is|:)|Default TTL is|RTO algorithm is)\s")
_NO_COUNT = "IpForwarding"
"""Newer kernels' value of a setting, which the tool prints among the counters."""


def recognise(head: Head) -> bool:
    """The first line is `Ip:` or another section and a sentence follows; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    if not _SECTION.match(first):
        return False
    return any(_sentence(line) in sentences for line in head.lines for sentences in SENTENCES.values())


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter` of family "nstat", scope "", a line whose name is known."""
    section, way = "", ""
    for number, line in text.lines():
        if not line.strip():
            continue
        if found := _SECTION.match(line):
            section, way = found["name"], ""
        elif section.startswith("Icmp") and (found := _HISTOGRAM.match(line)):
            way = found["way"]
        elif section and not _SETTING.match(line):
            name, value = _counted(section, way, line)
            if name and name != _NO_COUNT:
                yield Counter(**text.at(number), family="nstat", scope="", name=name, value=value)
            elif not name:
                yield text.weird(number, "not a known sentence of netstat -s")
        elif not section:
            yield text.weird(number, "a line before the first section")


def _counted(section: str, way: str, line: str) -> tuple[str, int]:
    """nstat's name for a line and its value; ("", 0) for a line nobody knows."""
    if found := _NAMED.match(line):
        name = found["name"]
        return name if name.startswith(section) and section[-1] == "6" else section + name, int(
            found["value"]
        )
    if way and (found := _ICMP.match(line)):
        known = (ICMP_IN if way == "input" else ICMP_OUT).get(found["what"].lower())
        if known:
            known = ICMP6_ONLY.get(known, known) if section[-1] == "6" else known
            return section + known, int(found["value"])
    number = _NUMBER.search(line)
    item = SENTENCES.get(section, {}).get(_sentence(line))
    if number is None or item is None:
        return "", 0
    return section + item, int(number[0])


def _sentence(line: str) -> str:
    """The line in lower case with `#` for its number, without indent and full stop."""
    return " ".join(_NUMBER.sub("#", line[:200], count=1).lower().rstrip(". ").split())
