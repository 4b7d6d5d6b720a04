"""`ovs-ofctl dump-groups` and `dump-group-stats BRIDGE`: where a group sends packets, and how many each bucket took.

A fast-failover or select group whose live buckets all fail discards what it is given, and no flow's counter tells.
Source: Open vSwitch lib/ofp-group.c (2.0 to 3.3); printed by version 3.1.0 for OpenFlow 1.0 to 1.5.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import ofctl
from lastseen.evidence.texts.ovs_ofctl_flows import bridge_of, section_bridge
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-ofctl groups"

_COMMAND = ofctl("dump-groups|dump-group-stats")
_HEADING = re.compile(r"^\s*(?:NXST|OFPST)_GROUP(?:_DESC)? reply(?: \(OF\d\.\d\))? \(xid=0x[0-9a-f]{1,8}\):")
_GROUP = re.compile(r"^\s*group_id=(?P<id>\d{1,10}),(?P<rest>.*)$")
_TYPE = re.compile(r"^type=(?P<type>[a-z_]{1,20})(?P<rest>(?:,.*)?)$")
_STATISTICS = re.compile(r"^(?:duration=[\d.]{1,20}s,)?ref_count=\d")
_COUNT = re.compile(
    r"(?:^|,)(?:bucket(?P<bucket>\d{1,10}):)?(?P<name>ref_count|packet_count|byte_count)=(?P<value>\d{1,20})(?=,|$)"
)
_BUCKET = re.compile(r"(?:^|,)bucket=")
_BUCKET_DROPS = re.compile(r"(?:^|,)actions=drop\s*$")

_NAMES = {"packet_count": "packets", "byte_count": "bytes", "ref_count": "references"}


def recognise(head: Head) -> bool:
    """A reply heading, or a group first; or the command says so."""
    if _COMMAND.search(head.command) or head.matching(_HEADING, within=3):
        return True
    found = _GROUP.match(head.first())
    return found is not None and bool(_TYPE.match(found["rest"]) or _STATISTICS.match(found["rest"]))


def read(text: Text) -> Iterator[Rule | Counter | Weird]:
    """A `Rule` of layer "openflow_group" a group, or `Counter`s of family "openflow_group", scope "BRIDGE/GROUP".

    Place "BRIDGE group=N", match "type=...", actions the buckets as printed; a group drops when every bucket does.
    Counters: packets, bytes, references, and bucketN_packets, bucketN_bytes.
    """
    bridge = bridge_of(text.command, "dump-groups") or bridge_of(text.command, "dump-group-stats")
    for number, line in text.lines():
        found = _GROUP.match(line)
        if (section := section_bridge(line)) is not None:
            bridge = section or bridge
        elif found and (kind := _TYPE.match(found["rest"])):
            yield _group(text, number, f"{bridge} group={found['id']}".strip(), kind)
        elif found and _STATISTICS.match(found["rest"]):
            yield from _counters(text, number, f"{bridge}/{found['id']}".lstrip("/"), found["rest"])
        elif line.strip() and not _HEADING.match(line):
            yield text.weird(number, "not an OpenFlow group")


def _group(text: Text, number: int, place: str, kind: re.Match[str]) -> Rule:
    rest = kind["rest"].strip(",")
    buckets = _BUCKET.split(rest)
    return Rule(
        **text.at(number),
        layer="openflow_group",
        place=place,
        priority=None,
        match=f"type={kind['type']}",
        actions=rest,
        packets=None,
        bytes=None,
        drops=all(_BUCKET_DROPS.search(bucket) for bucket in buckets[1:]),
    )


def _counters(text: Text, number: int, scope: str, rest: str) -> Iterator[Counter]:
    prefix = ""
    for found in _COUNT.finditer(rest):
        prefix = f"bucket{found['bucket']}_" if found["bucket"] else prefix
        name, value = prefix + _NAMES[found["name"]], int(found["value"])
        yield Counter(**text.at(number), family="openflow_group", scope=scope, name=name, value=value)
