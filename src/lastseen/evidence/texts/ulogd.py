"""The text files of ulogd2: packets that a rule sent to NFLOG (`-j NFLOG`, `log group N`).

Source: ulogd2 2.0, output/ulogd_output_LOGEMU.c (as the kernel's LOG lines, but without `kernel:`),
ulogd_output_GPRINT.c (`key=value,...`) and ulogd_output_JSON.c (an object a line). Captures of NFLOG are captures.

Rows: `LogLine` with its packet; `reason` is the rule's prefix. Connection tracking sends its "invalid" messages the
same way (nf_log 2 bound to nfnetlink_log), with its text for a prefix: these have their topic. LOGEMU has syslog's
time (clock "yearless"), JSON and GPRINT the packet's own (`oob.time.sec`), without it GPRINT's local one.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from lastseen.evidence.json_elements import number_of, text_of
from lastseen.evidence.kernel_messages import about, logged
from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.kernel_log import syslog_time_ns
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import LoggedPacket, LogLine
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ulogd"
MAX_TEXT_CHARS: Final = 1000

_EMU = re.compile(
    r"^(?P<time>[A-Z][a-z]{2}\s{1,2}[0-9]{1,2} [0-9:]{8}) (?P<host>\S{1,255}) "
    r"(?P<text>(?!kernel:).{0,128}?\s?IN=\S{0,20} OUT=\S{0,20} .{0,2000}SRC=.*)$"
)
_GPRINT = re.compile(
    r"^(?:timestamp=(?P<time>[0-9/]{10}-[0-9:]{8}),)?(?P<pairs>(?:raw|oob|ip|ip6)\.[\w.]{2,20}=.*)$"
)
_JSON = re.compile(r'^\{.{0,4000}?"(?:oob\.prefix|oob\.in|raw\.pktlen|oob\.protocol)"\s?:')
_NS: Final = 1_000_000_000
_FLAGS: Final = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}
_PROTO_TCP: Final = 6
_MAX_SECONDS: Final = 2**63 // _NS


def recognise(head: Head) -> bool:
    """Most of the first lines are of one of the three kinds."""
    count = min(20, sum(1 for line in head.lines if line.strip()))
    return any(2 * head.matching(pattern) > count for pattern in (_EMU, _GPRINT, _JSON))


def read(text: Text) -> Iterator[LogLine | Weird]:
    """One `LogLine` a packet."""
    for number, line in text.lines():
        if found := _EMU.match(line):
            message = found["text"][:MAX_TEXT_CHARS].strip()
            topic, reason, packet = about(message) or ("", *logged(message))
            at_ns = syslog_time_ns(found["time"])
            yield _row(
                text,
                number,
                message,
                (topic, reason),
                at_ns=at_ns,
                clock="yearless",
                zone_known=False,
                packet=packet,
            )
        elif (fields := _fields(line)) is not None:
            at_ns, prefix = _at_ns(fields), text_of(fields.get("oob.prefix")).strip()
            topic, reason, _ = about(prefix) or ("", prefix, None)
            yield _row(
                text,
                number,
                line[:MAX_TEXT_CHARS],
                (topic, reason),
                at_ns=at_ns,
                clock="" if at_ns is None else "wall",
                zone_known=at_ns is not None,
                packet=_packet(fields),
            )
        elif line.strip():
            yield text.weird(number, "not a packet that ulogd logged")


def _fields(line: str) -> Mapping[str, Any] | None:
    """The fields of a JSON or GPRINT line; None for any other. A name that comes twice keeps its last value."""
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return fields if isinstance(fields, dict) else None
    found = _GPRINT.match(line)
    if found is None:
        return None
    return {key: value for key, _, value in (pair.partition("=") for pair in found["pairs"].split(",")[:400])}


def _at_ns(fields: Mapping[str, Any]) -> int | None:
    """The packet's own time, or the one JSON puts before (ISO 8601 with its zone)."""
    seconds, part = number_of(fields.get("oob.time.sec")), number_of(fields.get("oob.time.usec"))
    if seconds is not None and seconds < _MAX_SECONDS:
        return seconds * _NS + min(part or 0, 999_999) * 1000
    try:
        moment = datetime.fromisoformat(text_of(fields.get("timestamp")))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    at_ns = (since.days * 86_400 + since.seconds) * _NS + since.microseconds * 1000
    return at_ns if 0 <= at_ns < _MAX_SECONDS * _NS else None


def _packet(fields: Mapping[str, Any]) -> LoggedPacket | None:
    def first(*names: str) -> object:
        return next((fields[name] for name in names if name in fields), None)

    proto = number_of(first("ip.protocol", "ip6.nexthdr"))
    src = endpoint_of(
        text_of(first("ip.saddr.str", "src_ip", "ip.saddr")),
        text_of(first("src_port", "tcp.sport", "udp.sport")),
    )
    dst = endpoint_of(
        text_of(first("ip.daddr.str", "dest_ip", "ip.daddr")),
        text_of(first("dest_port", "tcp.dport", "udp.dport")),
    )
    if src is None or dst is None:
        return None
    is_tcp = proto == _PROTO_TCP
    set_flags = [bit for name, bit in _FLAGS.items() if fields.get(f"tcp.{name}") in (True, 1, "1")]
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=proto,
        ip_len_bytes=number_of(fields.get("ip.totlen")),
        ip_id=number_of(fields.get("ip.id")) if ":" not in src.address else None,
        ip_ttl=number_of(first("ip.ttl", "ip6.hoplimit")),
        tcp_seq=number_of(fields.get("tcp.seq")) if is_tcp else None,
        tcp_ack=number_of(fields.get("tcp.ackseq")) if is_tcp else None,
        tcp_flags=sum(set_flags) if is_tcp and "tcp.syn" in fields else None,
        in_device=text_of(fields.get("oob.in")),
        out_device=text_of(fields.get("oob.out")),
    )


def _row(
    text: Text,
    number: int,
    message: str,
    about_it: tuple[str, str],
    *,
    at_ns: int | None,
    clock: str,
    zone_known: bool,
    packet: LoggedPacket | None,
) -> LogLine:
    return LogLine(
        **text.at(number),
        at_ns=at_ns,
        clock=clock,
        zone_known=zone_known,
        text=message,
        topic=about_it[0],
        reason=about_it[1],
        packet=packet,
    )
