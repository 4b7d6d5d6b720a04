"""`ovn-trace`: what OVN's logical flows would do with one packet, as a detailed, summary or minimal trace.

A thought experiment, not an observation: it tells which logical table would drop a packet, and no rule counts it.
Source: OVN utilities/ovn-trace.c (Open vSwitch 2.7 to OVN 24.03); printed by OVN 23.03.1.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import ctl
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Traced
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovn-trace"

_COMMAND = ctl("ovn-trace", r"\S.*")
_ASKED = re.compile(r"^(?:# )?(?P<flow>[a-z0-9_]{1,24}[=,]\S{1,4000})\s*$")
_FORM = re.compile(r"^# (?:Detailed|Summary|Minimal) trace\.\s*$")
_PIPELINE = re.compile(r"^\s*(?P<pipeline>ingress|egress)\(dp=\"(?P<dp>[^\"]{1,128})\"")
_TABLE = re.compile(r"^\s*(?P<table>\d{1,3})\. (?P<stage>\w{1,64})(?: \(\S{1,80}\))?: ")
_NO_MATCH = re.compile(r"^\s*(?P<table>\d{1,3})\. no match\b")
_DROP = re.compile(r"^\s*drop;")
_OUTPUT = re.compile(
    r"^\s*/\* output to \"(?P<port>[^\"]{0,128})\"|^\s*output\(\"(?P<minimal>[^\"]{1,128})\"\);"
)
_LOGGED = re.compile(r"^\s*LOG: ACL .{0,200}?verdict=(?P<verdict>drop|reject)\b")
_KNOWN = re.compile(r"^\s|^[-=]{3,}\s*$|^[a-z_0-9]{1,40}\b.{0,2000}[({;/]|^\}|^LOG: |^#|^/\*|^\*\*")
_MINIMAL = re.compile(r"^\s*(?:ct_next\(|output\(\"|LOG: ACL )")


def recognise(head: Head) -> bool:
    """The packet asked about as a comment, then a pipeline, a table or a form's heading; or the command says so."""
    if _COMMAND.search(head.command):
        return True
    # The first line, `# PACKET`, looks like a command after a root prompt.
    if not (_ASKED.match(head.command) or _ASKED.match(head.first()) or _FORM.match(head.first())):
        return False
    return bool(head.matching(_PIPELINE) or head.matching(_FORM) or head.matching(_MINIMAL))


def read(text: Text) -> Iterator[Traced | Weird]:
    """One `Traced` of layer "ovn" for each end of the packet's way: an output, a `drop;`, or no match.

    Place "DATAPATH PIPELINE table=N STAGE"; a summary has no tables, a minimal trace no place. A rule that logs a
    drop has the logged line as its actions. Where several forms follow each other, the first is read.
    """
    asked = _ASKED.match(text.command)
    flow, pipeline, table, forms = asked["flow"] if asked else "", "", "", 0
    for number, line in text.lines():
        if _FORM.match(line):
            forms += 1
        elif found := _ASKED.match(line):
            flow, pipeline, table, forms = found["flow"], "", "", 0
        elif forms > 1:
            continue
        elif found := _PIPELINE.match(line):
            pipeline, table = f"{found['dp']} {found['pipeline']}", ""
        elif found := _TABLE.match(line):
            table = f"table={found['table']} {found['stage']}"
        elif end := _end(line):
            drops, actions = end
            place = f"{pipeline} {table}".strip()
            yield Traced(**text.at(number), layer="ovn", flow=flow, place=place, drops=drops, actions=actions)
        elif line.strip() and not _KNOWN.match(line):
            yield text.weird(number, "not a line of ovn-trace")


def _end(line: str) -> tuple[bool, str] | None:
    """(whether the packet is dropped here, what is done) for a line that ends its way."""
    if found := _OUTPUT.match(line):
        return False, f'output to "{found["port"] or found["minimal"] or ""}"'
    if _DROP.match(line) or _NO_MATCH.match(line) or _LOGGED.match(line):
        return True, line.strip()[:400]
    return None
