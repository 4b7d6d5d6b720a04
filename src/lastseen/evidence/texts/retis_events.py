"""Events of Retis (`retis collect -o`, one JSON object a line): its drops, with their packets.

Three generations are read: flat fields under "skb" (1.0), nested ones (1.1 to 1.5), and the raw packet in base64
(1.6 and later). Source: Retis retis-events (skb.rs, skb_drop.rs, packet.rs, common.rs, time.rs) and its test data.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from lastseen.evidence.drop_reasons import reason_name
from lastseen.evidence.json_elements import number_of, text_of
from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.raw_packet import packet_of_bytes
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Drop, LoggedPacket, Version
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "retis events"

_NS = 1_000_000_000
_MAX_QUOTED = 8192
"""Characters of a quoted packet that are looked at: headers have a hundred bytes."""
_V6 = 6
_IPV6_HEADER = 40
_PROBABLY = re.compile(r'^\{"(?:common|startup)":\{|^\{.{0,4000}"(?:kernel|skb-tracking)":\{')

_Json = dict[str, Any]


def recognise(head: Head) -> bool:
    """The first line is an event with a kernel probe, or the startup event."""
    first = head.first()
    if not _PROBABLY.match(first):
        return False
    event = _object(first)
    return "startup" in event or (
        "common" in event and bool({"kernel", "userspace", "skb-drop"} & event.keys())
    )


def read(text: Text) -> Iterator[Drop | Version | Weird]:
    """One `Drop` an event of `skb-drop`; the kernel's release from the startup event. Other events give no rows.

    Times are CLOCK_MONOTONIC (clock "boot"), moved to the epoch ("wall") where the startup event tells how far.
    """
    offset_ns: int | None = None
    for number, line in text.lines():
        event = _object(line) if line.startswith("{") else {}
        if startup := _inside(event, "startup"):
            offset_ns = _offset_ns(startup)
            yield from _versions(text, number, startup)
        elif dropped := _inside(event, "skb-drop"):
            yield _drop(text, number, event, dropped=dropped, offset_ns=offset_ns)
        elif line.strip() and not event:
            yield text.weird(number, "not an event of Retis")


def _object(line: str) -> _Json:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _inside(event: _Json, *names: str) -> _Json:
    for name in names:
        inner = event.get(name)
        if not isinstance(inner, dict):
            return {}
        event = inner
    return event


def _offset_ns(startup: _Json) -> int | None:
    offset = _inside(startup, "clock_monotonic_offset")
    seconds, part = number_of(offset.get("sec")), number_of(offset.get("nsec"))
    return None if seconds is None or part is None else seconds * _NS + part


def _versions(text: Text, number: int, startup: _Json) -> Iterator[Version]:
    if version := text_of(startup.get("retis_version")):
        yield Version(**text.at(number), name="retis", version=version)
    if release := text_of(_inside(startup, "machine").get("kernel_release")):
        yield Version(**text.at(number), name="kernel", version=release)


def _drop(text: Text, number: int, event: _Json, *, dropped: _Json, offset_ns: int | None) -> Drop:
    stamp = number_of(_inside(event, "common").get("timestamp"))
    at_ns = stamp if stamp is None or offset_ns is None else stamp + offset_ns
    kernel = _inside(event, "kernel")
    stack = kernel.get("stack_trace")
    symbol = text_of(kernel.get("symbol"))
    return Drop(
        **text.at(number),
        at_ns=at_ns,
        clock="boot" if offset_ns is None else "wall",
        reason=reason_name(text_of(dropped.get("drop_reason")), {}),
        location=_caller(stack) if isinstance(stack, list) else symbol,
        packet=_packet(event),
    )


def _caller(stack: list[object]) -> str:
    """The function that gave the packet up: the first of the stack that is not the freeing itself."""
    names = [text_of(frame) for frame in stack]
    return next(
        (name for name in names if name and "kfree_skb" not in name and "skb_reason_drop" not in name), ""
    )


def _packet(event: _Json) -> LoggedPacket | None:
    skb = _inside(event, "skb")
    device = text_of((_inside(event, "dev") or _inside(skb, "dev")).get("name")) or text_of(
        skb.get("dev_name")
    )
    quoted = _inside(event, "packet").get("data") or _inside(skb, "packet").get("packet")
    if isinstance(quoted, str):
        try:
            return packet_of_bytes(base64.b64decode(quoted[:_MAX_QUOTED], validate=True), device)
        except (binascii.Error, ValueError):
            return None
    return _nested(skb, device) if "ip" in skb else _flat(skb, device)


def _nested(skb: _Json, device: str) -> LoggedPacket | None:
    ip, tcp, udp = _inside(skb, "ip"), _inside(skb, "tcp"), _inside(skb, "udp")
    v6 = "v6" in ip
    length = number_of(ip.get("len"))
    return _made(
        {
            "saddr": ip.get("saddr"), "daddr": ip.get("daddr"), "protocol": ip.get("protocol"),
            "sport": tcp.get("sport", udp.get("sport")), "dport": tcp.get("dport", udp.get("dport")),
            "length": length + _IPV6_HEADER if v6 and length is not None else length, "ttl": ip.get("ttl"),
            "id": _inside(ip, "v4").get("id"), "seq": tcp.get("seq"), "ack": tcp.get("ack_seq"),
            "flags": tcp.get("flags"),
        },
        device,
    )  # fmt: skip


def _flat(skb: _Json, device: str) -> LoggedPacket | None:
    length = number_of(skb.get("l3_len"))
    v6 = skb.get("ip_version") == _V6
    return _made(
        {
            "saddr": skb.get("saddr"), "daddr": skb.get("daddr"), "protocol": skb.get("protocol"),
            "sport": skb.get("sport"), "dport": skb.get("dport"),
            "length": length + _IPV6_HEADER if v6 and length is not None else length, "ttl": skb.get("ttl"),
            "seq": skb.get("tcp_seq"), "ack": skb.get("tcp_ack_seq"), "flags": skb.get("tcp_flags"),
        },
        device,
    )  # fmt: skip


def _made(fields: _Json, device: str) -> LoggedPacket | None:
    src = endpoint_of(text_of(fields["saddr"]), text_of(fields["sport"]))
    dst = endpoint_of(text_of(fields["daddr"]), text_of(fields["dport"]))
    if src is None or dst is None:
        return None
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=number_of(fields["protocol"]),
        ip_len_bytes=number_of(fields["length"]),
        ip_id=number_of(fields.get("id")),
        ip_ttl=number_of(fields["ttl"]),
        tcp_seq=number_of(fields["seq"]),
        tcp_ack=number_of(fields["ack"]),
        tcp_flags=number_of(fields["flags"]),
        in_device=device,
    )
