"""The log of ovs-vswitchd (and of the other Open vSwitch and OVN daemons, which log alike).

`TIME|SEQUENCE|MODULE|LEVEL|MESSAGE`, times in UTC; a container's log has the time it was
written before that. Source: Open vSwitch lib/vlog.c, the default pattern for
files (2.0 to 3.3); messages of dpif.c, dpif-netlink.c, ofproto-dpif-upcall.c and ofproto-dpif-xlate.c; OVN's
lib/acl-log.c for the access rules it logs with the packet (20.03 to 24.03; printed by 23.03.1).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from lastseen.evidence.ovs_flow_packet import packet_of_flow, packet_of_key
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import LoggedPacket, LogLine
from lastseen.tables.sources import Weird

__all__ = ["KIND", "MAY_MATTER", "read", "recognise"]

KIND = "ovs-vswitchd log"
MAY_MATTER = re.compile(
    r"\|acl_log|lost packet|nreasonably long|Message too long|translation depth|resubmit actions|\(Invalid argument\)"
)
"""A word of every text that gets a topic."""

_LINE = re.compile(
    r"^(?:\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?)?"
    r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?Z\|\d{1,10}\|"
    r"(?P<text>[\w-]{1,64}(?:\([^()|]{1,64}\))?\|[A-Z]{2,5}\|(?P<message>.*))$"
)
_CONTINUED = re.compile(r"^\s+\S")
_TOPICS = (
    ("ovs_lost_packet", re.compile(r"lost packet on (?:handler \d+|port channel )")),
    ("ovs_too_long", re.compile(r"error sending Ethernet packet on \S{1,32}: Message too long")),
    ("ovs_slow_flow_dump", re.compile(r"Spent an unreasonably long \d+ms dumping flows")),
    ("ovs_slow_main_loop", re.compile(r"Unreasonably long \d+ms poll interval")),
    (
        "ovs_recursion",
        re.compile(r"over (?:max translation depth \d+|\d+ resubmit actions)|resubmit actions recursed over"),
    ),
    (
        "ovs_flow_refused",
        re.compile(r"(?:failed to put\b.{0,40}|execute .{0,2000} failed )\(Invalid argument\)"),
    ),
)
"""Messages that speak of packets or flows the switch could not keep up with, carry out or send (netdev-linux.c)."""
_FLOW = re.compile(r"(?: while processing | on packet )(?P<flow>.*)$")
_ACL = re.compile(
    r"^acl_log(?:\([^()|]{1,64}\))?\|[A-Z]{2,5}\|name=\"?(?P<name>[^\",]{1,128})\"?, verdict=(?P<verdict>[a-z-]{1,20}),"
    r" severity=[a-z]{1,12}(?:, direction=(?P<direction>[a-z-]{1,20}))?: (?P<flow>.*)$"
)


def recognise(head: Head) -> bool:
    """Most of the first lines are `TIME|SEQUENCE|MODULE|LEVEL|MESSAGE`."""
    return 2 * head.matching(_LINE) > min(20, sum(1 for line in head.lines if line.strip()))


def read(text: Text) -> Iterator[LogLine | Weird]:
    """One `LogLine` a line, clock "wall"; `text` starts at the module. Indented lines continue a message.

    A packet that an access rule of OVN logged has topic "ovn_acl" and its reason is "VERDICT NAME DIRECTION". A flow
    that could not be installed or translated is told by its packet; a port that any packet may have is 0.
    """
    seen = False
    for number, line in text.lines():
        row = _row(text, number, line)
        seen = seen or row is not None
        if row:
            yield row
        elif line.strip() and not (seen and _CONTINUED.match(line)):
            yield text.weird(number, "not a line of an Open vSwitch log")


def _row(text: Text, number: int, line: str) -> LogLine | None:
    found = _LINE.match(line)
    at_ns = _at_ns(found) if found else None
    if found is None or at_ns is None:
        return None
    message = found["message"]
    if acl := _ACL.match(found["text"]):
        topic, packet = "ovn_acl", packet_of_flow(acl["flow"])
        reason = f"{acl['verdict']} {acl['name']} {acl['direction'] or ''}".rstrip()
    else:
        topic = next((name for name, pattern in _TOPICS if pattern.search(message)), "")
        reason, packet = (message, _packet(message)) if topic else ("", None)
    return LogLine(
        **text.at(number),
        at_ns=at_ns,
        clock="wall",
        zone_known=True,
        text=found["text"],
        topic=topic,
        reason=reason,
        packet=packet,
    )


def _packet(message: str) -> LoggedPacket | None:
    """The packet a message ends with: as a flow behind fixed words, or as the key of a datapath flow."""
    flow = _FLOW.search(message)
    return packet_of_flow(flow["flow"]) if flow else packet_of_key(message)


def _at_ns(found: re.Match[str]) -> int | None:
    """Whole seconds through datetime, the fraction by hand: a float would lose the nanoseconds."""
    try:
        moment = datetime.fromisoformat(found["seconds"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000 + int((found["fraction"] or "").ljust(9, "0"))
