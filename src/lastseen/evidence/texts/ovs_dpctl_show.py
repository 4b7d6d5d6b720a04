"""`ovs-dpctl show [-s]` (= `ovs-appctl dpctl/show`): a datapath's lookups and its ports' counters.

`lost` counts packets the kernel could not hand to ovs-vswitchd: no OpenFlow counter shows them. Which rows
exist depends on the version (masks 2.1, cache 2.17, UPCALL 3.2); so does the indent (tabs, two or four
blanks), and it is not looked at. Source: Open vSwitch lib/dpctl.c (2.5 to 3.3).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-dpctl show"

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?(?:ovs-dpctl\s(?:-[^;&|\s]{1,50}\s){0,5}|ovs-appctl\s(?:[^;&|]{0,100}\s)?dpctl/)"
    r"show\b[^;&]*$"
)
_DATAPATH = re.compile(r"^(?P<name>[\w.@-]{1,128}):\s*$")
_TOTALS = re.compile(r"^\s*(?P<row>lookups|flows|masks|cache|masks-cache):\s*(?=\S)")
_CACHES = re.compile(r"^\s*caches:\s*$")
_PORT = re.compile(r"^\s*port \d{1,10}: (?P<name>\S{1,64})(?: \((?P<kind>[\w-]{1,32})(?::.*)?\))?\s*$")
_PORT_ROW = re.compile(r"^\s*(?:(?:RX|TX|UPCALL) (?:packets|bytes)|collisions):(?:\d|\?)")
_LOOKUPS = re.compile(r"^\s*lookups: hit:\d+ missed:\d+ lost:\d+")
_PAIR = re.compile(r"(?:(?P<side>RX|TX|UPCALL) )?(?P<key>[a-z]{1,16}):(?P<value>\d{1,20}|\?)(?=\s|$)")
_ALONE = re.compile(r"\d{1,20}")

_PREFIX = {"lookups": "", "masks": "masks_", "cache": "cache_", "masks-cache": "masks_cache_"}


def recognise(head: Head) -> bool:
    """A `lookups: hit:.. missed:.. lost:..` row among the first lines; or the command says so."""
    return bool(_COMMAND.search(head.command) or head.matching(_LOOKUPS, within=5))


def read(text: Text) -> Iterator[Counter | Interface | Weird]:
    """`Counter`s of families "datapath" (hit, missed, lost, masks_hit, ...) and "datapath_port"; `?` is None.

    Each port also gives an `Interface`, its kind the type in brackets. Ratios (`hit/pkt`) are left out.
    """
    datapath, port = "", ""
    for number, line in text.lines():
        if not line.strip() or _CACHES.match(line):
            continue
        if found := _DATAPATH.match(line):
            datapath, port = found["name"], ""
        elif found := _PORT.match(line):
            port = found["name"]
            yield Interface(**text.at(number), name=port, kind=found["kind"] or "")
        elif found := _TOTALS.match(line):
            yield from _totals(text, number, found["row"], line[found.end() :], datapath=datapath)
        elif port and _PORT_ROW.match(line):
            yield from _port_row(text, number, line, port)
        else:
            yield text.weird(number, "not a line of a datapath's statistics")


def _totals(text: Text, number: int, row: str, rest: str, *, datapath: str) -> Iterator[Counter | Weird]:
    pairs = [(_PREFIX.get(row, "") + found["key"], found["value"]) for found in _PAIR.finditer(rest)]
    if row == "flows" and _ALONE.fullmatch(rest.strip()):
        pairs = [("flows", rest.strip())]
    if not pairs:
        yield text.weird(number, f"no number in the '{row}' row")
    for name, value in pairs:
        yield Counter(**text.at(number), family="datapath", scope=datapath, name=name, value=_value(value))


def _port_row(text: Text, number: int, line: str, port: str) -> Iterator[Counter]:
    prefix = ""
    for found in _PAIR.finditer(line):
        prefix = f"{found['side'].lower()}_" if found["side"] else prefix
        name, value = prefix + found["key"], _value(found["value"])
        yield Counter(**text.at(number), family="datapath_port", scope=port, name=name, value=value)


def _value(text: str) -> int | None:
    return None if text == "?" else int(text)
