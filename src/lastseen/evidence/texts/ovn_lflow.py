"""`ovn-sbctl lflow-list` (or `dump-flows`): OVN's logical flows, which say in the cloud's own words what is dropped.

They have no counters; their cookies are those of the OpenFlow rules they became. Source: OVN utilities/ovn-sbctl.c
(Open vSwitch 2.6 to OVN 24.03); printed by OVN 23.03.1, with and without --uuid and --ovs.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import ctl
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovn-sbctl lflow-list"

_COMMAND = ctl("ovn-sbctl", "lflow-list|dump-flows|ls-list-flows")
_DATAPATH = re.compile(
    r"^Datapath: (?:\"(?P<name>[^\"]{1,128})\" )?(?:aka \"(?P<other>[^\"]{1,128})\" )?\(?(?P<uuid>[0-9a-f-]{8,36})\)?"
    r" {1,2}Pipeline: (?P<pipeline>\w{1,16})\s*$"
)
_FLOW = re.compile(
    r"^\s*(?:uuid=0x[0-9a-f]{1,8}, ?)?table=\s?(?P<table>\d{1,3})\s?\((?P<stage>\w{1,64})\s{0,40}\),"
    r" priority=\s{0,5}(?P<priority>\d{1,5})\s{0,5}, match=\("
)
_ACTION = "), action=("
_OPENFLOW = re.compile(r"^\s{4}(?:[a-z_]{1,20}=[^\s,]{1,64}, ){0,8}table=\d{1,3}[ ,]|^\s{4}no match\b")
_DROP_NOTE = "/* drop */"
"""What northd writes for a drop that is logged or tracked first."""


def recognise(head: Head) -> bool:
    """A `Datapath: ... Pipeline:` line, or a logical flow first; or the command says so."""
    return bool(
        _COMMAND.search(head.command) or head.matching(_DATAPATH, within=3) or _FLOW.match(head.first())
    )


def read(text: Text) -> Iterator[Rule | Weird]:
    """One `Rule` of layer "ovn" a logical flow; place "DATAPATH PIPELINE table=N STAGE". No counters.

    OpenFlow rules below a logical flow (--ovs) are passed over: `ovs-ofctl dump-flows` gives them with counters.
    """
    place = ""
    for number, line in text.lines():
        if found := _DATAPATH.match(line):
            place = f"{found['other'] or found['name'] or found['uuid']} {found['pipeline']}"
        elif rule := _rule(text, number, line, place):
            yield rule
        elif line.strip() and not _OPENFLOW.match(line):
            yield text.weird(number, "not a logical flow")


def _rule(text: Text, number: int, line: str, place: str) -> Rule | None:
    found = _FLOW.match(line)
    if found is None:
        return None
    match, cut, actions = line[found.end() :].partition(_ACTION)
    if not cut:
        return None
    actions = actions.rstrip().removesuffix(")")
    return Rule(
        **text.at(number),
        layer="ovn",
        place=f"{place} table={found['table']} {found['stage']}".strip(),
        priority=int(found["priority"]),
        match=match,
        actions=actions,
        packets=None,
        bytes=None,
        drops=actions.startswith("drop;") or _DROP_NOTE in actions,
    )
