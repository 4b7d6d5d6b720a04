"""`ovs-ofctl dump-flows BRIDGE`: one OpenFlow rule a line, with or without its counters.

The keys before the match differ with version and options, so they are taken off the front one by one;
what is left before `actions=` is the match. Source: Open vSwitch lib/ofp-flow.c (2.5 to 3.3), and
`ovs-appctl bridge/dump-flows`, which prints the same with a comma before `actions=`.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "bridge_of", "read", "recognise", "section_bridge"]

KIND = "ovs-ofctl dump-flows"

DEFAULT_PRIORITY = 32768
"""OFP_DEFAULT_PRIORITY: the one priority Open vSwitch does not print (lib/match.c)."""

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?(?:ovs-ofctl\s(?:[^;&|]{0,100}\s)?|ovs-appctl\s(?:[^;&|]{0,100}\s)?bridge/)"
    r"dump-flows\b[^;&]*$"
)
_HEADING = re.compile(r"^\s*(?:NXST|OFPST)_FLOW reply(?: \(OF\d\.\d\))? \(xid=0x[0-9a-f]+\):")
_SECTION = re.compile(r"^ov[sn]-(?:ofctl|appctl) (?:[\w/-]{1,40} ){1,6}(?P<bridge>[^\s-]\S{0,63})\s*$")
_DATE = re.compile(r"^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[AP]M )?[A-Z]{2,5} \d{4}\s*$")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}[mK]")
_ACTIONS = re.compile(r"(?:^|[\s,])actions=")
_KEY = re.compile(
    r"\s*(?P<key>cookie|duration|table|table_id|n_packets|n_bytes|idle_timeout|hard_timeout|importance"
    r"|idle_age|hard_age)=(?P<value>\"[^\"]{0,64}\"|[^,\s]{1,64}),(?:\s+|$)"
)
_FLAG = re.compile(
    r"\s*(?:send_flow_rem|check_overlap|reset_counts|no_packet_counts|no_byte_counts)(?:\s+|$)"
)
_PRIORITY = re.compile(r"^priority=(?P<priority>\d{1,5})(?:,|$)")
_COUNT = re.compile(r"\d{1,20}")
_WITH_STATS = re.compile(
    r"^\s*(?:cookie=0x[0-9a-f]+, |table_id=\d+, )?duration=[\d.]+s, (?:table=\S+, )?n_packets=\d"
)
_NO_STATS = re.compile(
    r"^ ?(?:cookie=0x[0-9a-f]+, )?(?:table=\w+, )?(?:[a-z_]+ ){0,5}"
    r"(?:priority=\d{1,5}(?:,\S*)?|[a-z]\w*[=,]\S*) actions=\S"
)


def recognise(head: Head) -> bool:
    """A reply heading, or mostly rules with or without counters; or the command says so."""
    if _COMMAND.search(head.command) or head.matching(_HEADING, within=3):
        return True
    rules = head.matching(_WITH_STATS) + head.matching(_NO_STATS)
    return 2 * rules > min(20, sum(1 for line in head.lines if line.strip()))


def read(text: Text) -> Iterator[Rule | Weird]:
    """One `Rule` of layer "openflow" a line; place "BRIDGE table=N", or "table=N" alone."""
    bridge = bridge_of(text.command, "dump-flows")
    for number, raw in text.lines():
        line = _COLOUR.sub("", raw) if "\x1b" in raw else raw
        if (section := section_bridge(line)) is not None:
            bridge = section or bridge
        elif not line.strip() or _HEADING.match(line):
            continue
        else:
            yield _rule(text, number, line, bridge) or text.weird(number, "not an OpenFlow rule")


def bridge_of(command: str, word: str) -> str:
    """The bridge a command names after `word` ("" if none); `unix:.../br-int.mgmt` counts as br-int."""
    words = iter(command.split())
    for one in words:
        if one.strip("\"'").endswith(word):
            break
    for one in words:
        if one in {"-O", "-t", "--protocols"}:
            next(words, None)
        elif one.startswith(("|", ">", "<", ";", "&", "2>")):
            return ""
        elif not one.startswith("-"):
            name = re.split(r"[|;&<>]", one)[0].strip("\"'")
            return name.rpartition("/")[2].removesuffix(".mgmt")
    return ""


def section_bridge(line: str) -> str | None:
    """The bridge of a line that begins a section of ovs-bugtool, "" for its dates; None for any other line.

    It runs a command for one bridge after the other, with the command and now and then the date above.
    """
    if found := _SECTION.match(line):
        return found["bridge"]
    return "" if _DATE.match(line) else None


def _rule(text: Text, number: int, line: str, bridge: str) -> Rule | None:
    found = _ACTIONS.search(line)
    if found is None:
        return None
    keys, match = _keys(line[: found.end() - len("actions=")])
    priority, match = _priority(match.strip().rstrip(","))
    if " " in match:
        return None
    actions = line[found.end() :].strip()
    return Rule(
        **text.at(number),
        layer="openflow",
        place=f"{bridge} table={keys.get('table', keys.get('table_id', '0'))}".strip(),
        priority=priority,
        match=match,
        actions=actions,
        packets=_count(keys.get("n_packets", "")),
        bytes=_count(keys.get("n_bytes", "")),
        drops=actions == "drop",
    )


def _keys(head: str) -> tuple[dict[str, str], str]:
    """The `key=value, ` pairs off the front, and what follows them: the match."""
    keys: dict[str, str] = {}
    at = 0
    while found := _KEY.match(head, at) or _FLAG.match(head, at):
        if "key" in found.re.groupindex:
            keys[found["key"]] = found["value"].strip('"')
        at = found.end()
    return keys, head[at:]


def _priority(match: str) -> tuple[int, str]:
    found = _PRIORITY.match(match)
    if found is None:
        return DEFAULT_PRIORITY, match
    return int(found["priority"]), match[found.end() :]


def _count(text: str) -> int | None:
    return int(text) if _COUNT.fullmatch(text) else None
