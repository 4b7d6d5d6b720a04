"""`ovs-ofctl dump-ports BRIDGE`: the counters of each OpenFlow port.

A drop counted here is the device's (a full queue), never an OpenFlow rule's, which is why the names follow
the interface statistics of Open vSwitch and not its flows. Source: Open vSwitch lib/ofp-port.c (2.0 to 3.3).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.ovs_ofctl_flows import bridge_of, section_bridge
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-ofctl dump-ports"

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/\"'])?ovs-ofctl\s(?:[^;&|]{0,100}\s)?dump-ports(?![-\w])[^;&]*$")
_HEADING = re.compile(r"^\s*OFPST_PORT reply(?: \(OF\d\.\d\))? \(xid=0x[0-9a-f]+\):")
_PORT = re.compile(r"^\s*port\s+(?P<port>\"[^\"]{1,64}\"|[^\s:\"]{1,64}):\s+(?=rx pkts=)")
_DIRECTION = re.compile(r"^\s*(?P<direction>rx|tx)(?= pkts=| rfc2819)(?: rfc2819)?")
_CUSTOM = re.compile(r"^\s*CUSTOM Statistics\s*")
_DURATION = re.compile(r"^\s*duration=(?:[\d.]+s|\?)")
_PAIRS = re.compile(r"^\s*[\w.-]+=(?:\d|\?)")
_PAIR = re.compile(r"(?P<key>[\w.-]{1,128})=(?P<value>\d{1,20}|\?)(?=,|\s|$)")

_NAMES = {
    "pkts": "packets",
    "drop": "dropped",
    "errs": "errors",
    "frame": "frame_err",
    "over": "over_err",
    "crc": "crc_err",
    "coll": "collisions",
}
"""Printed key -> the name's second half, as in the `statistics` column of an Open vSwitch interface."""


def recognise(head: Head) -> bool:
    """A reply heading, or a `port N: rx pkts=` line first; or the command says so."""
    return bool(
        _COMMAND.search(head.command) or head.matching(_HEADING, within=3) or _PORT.match(head.first())
    )


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter` of family "openflow_port" a printed number; scope "BRIDGE/PORT" (or "PORT"), `?` is None.

    Counters a port adds of its own (under "CUSTOM Statistics") keep their names.
    """
    bridge = bridge_of(text.command, "dump-ports")
    scope, prefix = "", ""
    for number, line in text.lines():
        if (section := section_bridge(line)) is not None:
            bridge, scope = section or bridge, ""
            continue
        if not line.strip() or _HEADING.match(line) or (scope and _DURATION.match(line)):
            continue
        rest = line
        if found := _PORT.match(line):
            scope = f"{bridge}/{found['port'].strip(chr(34))}".lstrip("/")
            rest = line[found.end() :]
        if found := _DIRECTION.match(rest) or _CUSTOM.match(rest):
            prefix = f"{found['direction']}_" if found.re is _DIRECTION else ""
            rest = rest[found.end() :]
        elif not _PAIRS.match(rest):
            yield text.weird(number, "not a port's counters")
            continue
        if scope:
            yield from _counters(text, number, rest, scope=scope, prefix=prefix)
        else:
            yield text.weird(number, "counters before any port")


def _counters(text: Text, number: int, line: str, *, scope: str, prefix: str) -> Iterator[Counter]:
    for found in _PAIR.finditer(line):
        name = _NAMES.get(found["key"], found["key"]) if prefix else found["key"]
        value = None if found["value"] == "?" else int(found["value"])
        yield Counter(**text.at(number), family="openflow_port", scope=scope, name=prefix + name, value=value)
