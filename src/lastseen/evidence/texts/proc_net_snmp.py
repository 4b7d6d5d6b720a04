"""/proc/net/snmp, /proc/net/netstat and /proc/net/snmp6: the network MIBs, read into nstat's names.

Source: the kernel's net/ipv4/proc.c and net/ipv6/proc.c. The first two print two lines a MIB, names above values,
both begun by the MIB's name; the third a name and a value a line. Settings among them (Forwarding, RtoMin) count
nothing and give no rows, as nstat leaves them out, too.

Rows: `Counter` of family "nstat", scope "", name the MIB's prefix and item (TcpExtListenOverflows).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "/proc/net/snmp"

_COMMAND = re.compile(r"\s/proc/(?:\w{1,20}/)?net/(?:snmp6?|netstat)(?:\s|$)")
_NAMES = re.compile(r"^(?P<mib>[A-Z]\w{1,20}):(?P<names>(?:\s[A-Z]\w{1,60}){1,400})\s*$")
_EMPTY = re.compile(r"^(?P<mib>[A-Z]\w{1,20}):\s*$")
_VALUES = re.compile(r"^(?P<mib>[A-Z]\w{1,20}):(?P<values>(?:\s-?[0-9]{1,20}){1,400})\s*$")
_PAIR = re.compile(r"^(?P<name>(?:Ip|Icmp|Udp|UdpLite)6\w{1,60})\s{1,40}(?P<value>[0-9]{1,20})\s*$")
_SETTINGS = frozenset(
    {"IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn"}
)


def recognise(head: Head) -> bool:
    """A MIB's names with its values below, or lines of IPv6 names; or the command, with no output."""
    lines = [line for line in head.lines if line.strip()][:2]
    if not lines:
        return bool(_COMMAND.search(head.command))
    if names := _NAMES.match(lines[0]):
        return len(lines) > 1 and lines[1].startswith(f"{names['mib']}:") and bool(_VALUES.match(lines[1]))
    return all(_PAIR.match(line) for line in lines)


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter` a value; a line of values that does not fit its names is a weird."""
    mib, names = "", list[str]()
    for number, line in text.lines():
        if found := _PAIR.match(line):
            yield _counter(text, number, found["name"], found["value"])
        elif found := _NAMES.match(line) or _EMPTY.match(line):
            mib, names = found["mib"], (found.groupdict().get("names") or "").split()
        elif (found := _VALUES.match(line)) and found["mib"] == mib:
            yield from _values(text, number, found, names)
            mib = ""
        elif line.strip():
            yield text.weird(number, "neither a MIB's names nor as many values as it has names")


def _values(text: Text, number: int, found: re.Match[str], names: list[str]) -> Iterator[Counter | Weird]:
    values = found["values"].split()
    if len(values) != len(names):
        yield text.weird(number, "neither a MIB's names nor as many values as it has names")
        return
    for item, value in zip(names, values, strict=True):
        name = found["mib"] + item
        if name not in _SETTINGS and not value.startswith("-"):
            yield _counter(text, number, name, value)


def _counter(text: Text, number: int, name: str, value: str) -> Counter:
    return Counter(**text.at(number), family="nstat", scope="", name=name, value=int(value))
