"""`ovs-appctl upcall/show`: how many datapath flows there are, and how many are allowed.

At the limit new flows are not installed and every packet goes through ovs-vswitchd, which loses some. Source: Open
vSwitch ofproto/ofproto-dpif-upcall.c (2.0 to 3.3); printed by version 3.1.0.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import appctl
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-appctl upcall/show"

_COMMAND = appctl("upcall/show")
_DATAPATH = re.compile(r"^(?P<name>[\w.@-]{1,128}):\s*$")
_FLOWS = re.compile(r"^\s*flows\s{0,16}: (?=\(current )")
_PAIR = re.compile(r"\((?P<key>[a-z]{1,16}) (?P<value>\d{1,20})\)")
_NUMBER = re.compile(r"^\s*(?P<key>offloaded flows|dump duration)\s{0,16}: (?P<value>\d{1,20})(?:ms)?\s*$")
_UFID = re.compile(r"^\s*ufid enabled\s{0,16}: (?P<value>true|false)\s*$")
_KEYS = re.compile(r"^\s*(?P<id>\d{1,10}): \(keys\s{1,16}(?P<keys>\d{1,20})\)")

_NAMES = {"offloaded flows": "offloaded_flows", "dump duration": "dump_duration_ms"}


def recognise(head: Head) -> bool:
    """A `flows : (current N) (avg N) ...` row among the first lines; or the command says so."""
    return bool(_COMMAND.search(head.command) or head.matching(_FLOWS, within=3))


def read(text: Text) -> Iterator[Counter | Setting | Weird]:
    """`Counter`s of family "ovs_upcall", scope the datapath: flows_current, flows_avg, flows_max, flows_limit, ...

    Each revalidator's share is "keys_N"; whether flows have ids is a `Setting` of scope "ovs_upcall:DATAPATH".
    """
    datapath = ""
    for number, line in text.lines():
        if found := _DATAPATH.match(line):
            datapath = found["name"]
        elif found := _UFID.match(line):
            scope = f"ovs_upcall:{datapath}"
            yield Setting(**text.at(number), scope=scope, name="ufid", value=found["value"])
        elif pairs := _pairs(line):
            for name, value in pairs:
                yield Counter(**text.at(number), family="ovs_upcall", scope=datapath, name=name, value=value)
        elif line.strip():
            yield text.weird(number, "not a line of upcall/show")


def _pairs(line: str) -> list[tuple[str, int]]:
    if found := _FLOWS.match(line):
        return [(f"flows_{pair['key']}", int(pair["value"])) for pair in _PAIR.finditer(line, found.end())]
    if found := _NUMBER.match(line):
        return [(_NAMES[found["key"]], int(found["value"]))]
    if found := _KEYS.match(line):
        return [(f"keys_{found['id']}", int(found["keys"]))]
    return []
