"""`ovs-appctl ofproto/trace`: what the switch would do with a made-up packet. Recognised, never counted.

It is a thought experiment, not an observation: a file of the case should not be listed as unknown, but
nothing in it may speak for or against a fault.
Source: Open vSwitch ofproto/ofproto-dpif-trace.c (2.5 to 3.3).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ofproto/trace"

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/\"'])?ovs-appctl\s(?:[^;&|]{0,100}\s)?ofproto/trace\b[^;]*$")
_FLOW = re.compile(r"^(?:Bridge: \S+|Flow: \S+)")
_INSIDE = re.compile(r"^(?:bridge\(\"|Rule: table=|Final flow: |Megaflow: |Datapath actions: )")
_KNOWN = re.compile(
    r"^(?:\s|[-=]{3,}\s*$|\d{1,3}\. |bridge\(\""
    r"|(?:Bridge|Flow|Final flow|Megaflow|Datapath actions|Rule|Relevant fields):"
    r"|OpenFlow actions=|recirc\(|Resubmitted |This flow is |Translation failed|learning from packet"
    r"|No match\b)"
)


def recognise(head: Head) -> bool:
    """`Flow:` first and a bridge or a result after it; or the command says so."""
    if _COMMAND.search(head.command):
        return True
    return bool(_FLOW.match(head.first()) and head.matching(_INSIDE, within=60))


def read(text: Text) -> Iterator[Weird]:
    """No rows; a `Weird` for each line that belongs to no trace."""
    for number, line in text.lines():
        if line.strip() and not _KNOWN.match(line):
            yield text.weird(number, "not a line of ofproto/trace")
