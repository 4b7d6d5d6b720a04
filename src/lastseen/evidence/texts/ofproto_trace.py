"""`ovs-appctl ofproto/trace`: what the switch would do with a made-up packet. Recognised, never counted.

It is a thought experiment, not an observation: a file of the case should not be listed as unknown, but
nothing in it may speak for or against a fault.
Source: Open vSwitch ofproto/ofproto-dpif-trace.c (2.5 to 3.3).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Traced
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
_ASKED = re.compile(r"^Flow: (?P<flow>\S.{0,4000})$")
_BRIDGE = re.compile(r"^(?:bridge\(\"(?P<bridge>[^\"]{1,64})\"\)|Bridge: (?P<old>\S{1,64}))\s*$")
_TABLE = re.compile(r"^\s{0,40}(?:(?P<table>\d{1,3})\. |Rule: table=(?P<old>\d{1,3})\s)")
_RESULT = re.compile(r"^Datapath actions: (?P<actions>.{0,8000})$")


def recognise(head: Head) -> bool:
    """`Flow:` first and a bridge or a result after it; or the command says so."""
    if _COMMAND.search(head.command):
        return True
    return bool(_FLOW.match(head.first()) and head.matching(_INSIDE, within=60))


def read(text: Text) -> Iterator[Traced | Weird]:
    """One `Traced` of layer "openflow" for each set of datapath actions; place "BRIDGE table=N", the last one entered.

    A packet that goes through connection tracking gives several: one until it is sent there, one after it.
    """
    flow, bridge, table = "", "", ""
    for number, line in text.lines():
        if found := _ASKED.match(line):
            flow, table = found["flow"], ""
        elif found := _BRIDGE.match(line):
            bridge = found["bridge"] or found["old"]
        elif found := _TABLE.match(line):
            table = found["table"] or found["old"]
        elif found := _RESULT.match(line):
            actions = found["actions"].strip()
            place = f"{bridge} table={table}".strip() if table else bridge
            drops = actions == "drop" or not actions
            yield Traced(
                **text.at(number), layer="openflow", flow=flow, place=place, drops=drops, actions=actions
            )
        elif line.strip() and not _KNOWN.match(line):
            yield text.weird(number, "not a line of ofproto/trace")
