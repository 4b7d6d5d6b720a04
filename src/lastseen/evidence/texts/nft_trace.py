"""`nft monitor trace`: the way of marked packets through the ruleset, read for those a rule or policy dropped.

Source: nftables src/monitor.c and src/netlink.c, `trace_print_*` (0.9 to 1.1). A packet is printed once for each
chain, each rule it met follows with the verdict; an id joins them. There are no times.

Rows: `Drop` a dropping verdict: reason "NETFILTER_DROP" (the kernel's name for a ruleset's verdict), location
"nft FAMILY TABLE CHAIN: RULE" or "...: policy", packet as last printed under the same id.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Drop, LoggedPacket
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "nft monitor trace"
MAX_PACKETS: Final = 10_000
"""Packets kept under way; a trace interleaves few."""

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/\"'])?nft\s(?:-\S{1,20}\s){0,5}monitor\b")
_LINE = re.compile(
    r"^trace id (?P<id>[0-9a-f]{1,8}) (?P<family>ip|ip6|inet|arp|bridge|netdev) (?P<table>\S{1,128})"
    r" (?P<chain>\S{1,128}) (?P<what>packet:|rule|unknown rule|verdict|policy)(?: (?P<rest>.*))?$"
)
_VERDICT = re.compile(r"^(?P<rule>.*) \(verdict (?P<verdict>[^()]{1,140})\)\s*$")
_CHANGE = re.compile(r"^(?:add|delete|insert|replace|flush|rename|create|destroy) |^# new generation ")
"""`nft monitor` without `trace` prints changes of the ruleset among the traces."""
_DROPS: Final = ("drop", "reject")
_REASON: Final = "NETFILTER_DROP"
_FLAG_BITS: Final = {
    "cwr": 0x80, "ecn": 0x40, "urg": 0x20, "ack": 0x10, "psh": 0x08, "rst": 0x04, "syn": 0x02, "fin": 0x01,
}  # fmt: skip
_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "sctp": 132}
_IP6_HEADER_BYTES: Final = 40
_MAX_WORDS: Final = 128
_MAX_NUMBER: Final = 0xFFFF


def recognise(head: Head) -> bool:
    """A `trace id` line among the first ones; or the command, with no output."""
    return head.matching(_LINE) > 0 if head.first() else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Drop | Weird]:
    """One `Drop` a packet that was dropped; every other line of a trace is known and gives nothing."""
    packets: OrderedDict[str, LoggedPacket] = OrderedDict()
    for number, line in text.lines():
        found = _LINE.match(line)
        if found is None:
            if line.strip() and not _CHANGE.match(line):
                yield text.weird(number, "not a line of nft monitor trace")
        elif found["what"] == "packet:":
            if (packet := _packet(found["rest"] or "")) is not None:
                packets[found["id"]] = packet
                packets.move_to_end(found["id"])
            if len(packets) > MAX_PACKETS:
                packets.popitem(last=False)
        elif (rule := _dropping(found["what"], found["rest"] or "")) is not None:
            place = f"nft {found['family']} {found['table']} {found['chain']}: {rule}"
            packet = packets.pop(found["id"], None)
            yield Drop(**text.at(number), at_ns=None, clock="", reason=_REASON, location=place, packet=packet)


def _dropping(what: str, rest: str) -> str | None:
    """The rule or policy that dropped; None where the verdict is another."""
    if what == "policy":
        return "policy" if rest.split()[:1] == ["drop"] else None
    found = _VERDICT.match(rest)
    if found is None or not found["verdict"].startswith(_DROPS):
        return None
    return found["rule"].strip()


def _packet(described: str) -> LoggedPacket | None:
    """The packet of words such as `ip saddr 10.0.0.1 ... tcp sport 80`; None without addresses."""
    tokens = described.replace("{", " ").replace("}", " ").split(maxsplit=_MAX_WORDS)[:_MAX_WORDS]
    fields: dict[str, str] = {}
    for (first, second), value in zip(pairwise(tokens), tokens[2:], strict=False):
        fields.setdefault(f"{first} {second}", value)
    named = dict(reversed([(a, b) for a, b in pairwise(tokens) if a in {"iif", "oif"}]))
    ip = "ip6" if "ip6 saddr" in fields else "ip"
    transport = next((name for name in ("tcp", "udp", "sctp") if f"{name} sport" in fields), "")
    src = endpoint_of(fields.get(f"{ip} saddr", ""), fields.get(f"{transport} sport", ""))
    dst = endpoint_of(fields.get(f"{ip} daddr", ""), fields.get(f"{transport} dport", ""))
    if src is None or dst is None:
        return None
    name = transport or fields.get("ip protocol", "") or fields.get("ip6 nexthdr", "")
    length = _number(fields.get(f"{ip} length", ""))
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=_PROTOCOLS.get(name),
        ip_len_bytes=length + _IP6_HEADER_BYTES if length is not None and ip == "ip6" else length,
        ip_id=_number(fields.get("ip id", "")),
        ip_ttl=_number(fields.get("ip ttl", fields.get("ip6 hoplimit", ""))),
        tcp_flags=_flags(described) if transport == "tcp" else None,
        in_device=named.get("iif", "").strip('"'),
        out_device=named.get("oif", "").strip('"'),
    )


_FLAGS = re.compile(
    r"\btcp flags(?: ==)? (?P<flags>(?:0x[0-9a-f]{1,4}|[a-z]{3}(?:\s?[|,]\s?[a-z]{3}){0,7}))(?=\s|$)"
)


def _flags(described: str) -> int | None:
    found = _FLAGS.search(described)
    if found is None:
        return None
    if found["flags"].startswith("0x"):
        return int(found["flags"], base=16) & 0xFF
    bits = [_FLAG_BITS.get(name) for name in re.split(r"\s?[|,]\s?", found["flags"])]
    return None if None in bits else sum(bit for bit in set(bits) if bit is not None)


def _number(printed: str) -> int | None:
    is_number = printed.isascii() and printed.isdecimal() and len(printed) < len(str(_MAX_NUMBER)) + 1
    return int(printed) if is_number and int(printed) <= _MAX_NUMBER else None
