"""`ovs-appctl fdb/show BRIDGE` and `fdb/stats-show`: behind which port the switch has learned each MAC address.

A MAC learned on the wrong port sends its packets there. Source: Open vSwitch ofproto/ofproto-dpif.c and
lib/mac-learning.c (2.0 to 3.3); headings and statistics printed by version 3.1.0, "static" ages since 2.16.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import appctl
from lastseen.evidence.texts.ovs_ofctl_flows import bridge_of, section_bridge
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-appctl fdb/show"

_COMMAND = appctl("fdb/show|fdb/stats-show")
_HEADING = re.compile(r"^\s*port\s{1,8}VLAN\s{1,8}MAC\s{1,40}Age\s*$")
_ENTRY = re.compile(
    r"^\s*(?P<port>\S{1,64})\s{1,16}(?P<vlan>\d{1,4})\s{1,8}(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})"
    r"\s{1,16}(?P<age>\d{1,10}|static|\?)\s*$"
)
_STATISTICS = re.compile(r"^\s*Statistics for bridge \"(?P<bridge>[^\"]{1,64})\":\s*$")
_SIZE = re.compile(
    r"^\s*Current/maximum MAC entries in the table\s{0,8}: (?P<value>\d{1,10})/(?P<max>\d{1,10})\s*$"
)
_COUNT = re.compile(
    r"^\s*(?:Total number of|Current) (?P<name>[a-z ]{3,30}) MAC entries[a-z ]{0,20}: (?P<value>\d{1,20})\s*$"
)


def recognise(head: Head) -> bool:
    """The heading of the table or of the statistics; or the command says so."""
    first = head.first()
    if _COMMAND.search(head.command) or _HEADING.match(first) or _STATISTICS.match(first):
        return True
    return bool(section_bridge(first) and head.matching(_HEADING, within=4))


def read(text: Text) -> Iterator[Setting | Counter | Weird]:
    """A `Setting` of scope "fdb:BRIDGE" an address: name "vlan=N MAC", value the port (number, LOCAL or name).

    The statistics are `Counter`s of family "ovs_fdb", scope the bridge: entries, learned, expired, evicted, ...
    """
    bridge = bridge_of(text.command, "fdb/show") or bridge_of(text.command, "fdb/stats-show")
    for number, line in text.lines():
        if (section := section_bridge(line)) is not None:
            bridge = section or bridge
        elif found := _STATISTICS.match(line):
            bridge = found["bridge"]
        elif found := _ENTRY.match(line):
            name = f"vlan={found['vlan']} {found['mac']}"
            yield Setting(**text.at(number), scope=f"fdb:{bridge}", name=name, value=found["port"])
        elif found := _SIZE.match(line) or _COUNT.match(line):
            yield from _counters(text, number, bridge, found)
        elif line.strip() and not _HEADING.match(line):
            yield text.weird(number, "not a learned address")


def _counters(text: Text, number: int, bridge: str, found: re.Match[str]) -> Iterator[Counter]:
    groups = found.groupdict()
    values = {groups.get("name", "entries").replace(" ", "_"): groups["value"]}
    if "max" in groups:
        values["entries_maximum"] = groups["max"]
    for name, value in values.items():
        yield Counter(**text.at(number), family="ovs_fdb", scope=bridge, name=name, value=int(value))
