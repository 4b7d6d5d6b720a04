"""The packet part of a netfilter log line (`IN= OUT= SRC= DST= ...`), shared by every log that quotes one.

Field order and spelling are those of `dump_ipv4_packet` and `dump_ipv6_packet` in the kernel's
nf_log_common.c, nf_log_ipv4.c and nf_log_ipv6.c (5.10), later nf_log_syslog.c. Hand-trimmed lines are
common in bug reports, so no field but SRC and DST is required and the order is not relied on more than
needed.
"""

import ipaddress
import re
from functools import lru_cache

from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LoggedPacket

__all__ = ["endpoint_of", "packet_of"]

_MAX_U8 = 0xFF
_MAX_U16 = 0xFFFF
_MAX_U32 = 0xFFFF_FFFF
_PROTO_TCP = 6

_MAX_DIGITS = 10
"""Digits of the largest 32-bit number: longer ones are not the kernel's, and `int` of them may raise."""

_MAX_ADDRESS_CHARS = 64
"""An IPv6 address has 45 at most, a zone (`%eth0`) 16 more."""

_MAX_WORDS = 128
"""A full TCP line has about 40 words; what follows is not looked at."""

_PROTOCOLS = {
    "ICMP": 1, "TCP": 6, "UDP": 17, "ESP": 50, "AH": 51, "ICMPV6": 58, "SCTP": 132, "UDPLITE": 136,
}  # fmt: skip
"""Names the kernel prints for PROTO=; every other protocol is printed as its number."""

_TCP_FLAGS = {
    "CWR": 0x80, "ECE": 0x40, "URG": 0x20, "ACK": 0x10, "PSH": 0x08, "RST": 0x04, "SYN": 0x02, "FIN": 0x01,
}  # fmt: skip


_USUAL = re.compile(
    r"\s*IN=(?P<in>\S*) OUT=(?P<out>\S*) (?:MAC=\S* )?SRC=(?P<src>[0-9.]{7,15}) DST=(?P<dst>[0-9.]{7,15})"
    r" LEN=(?P<len>[0-9]{1,10}) TOS=\S* PREC=\S* TTL=(?P<ttl>[0-9]{1,10}) ID=(?P<id>[0-9]{1,10}) (?:[CDM][EF] ){0,3}"
    r"PROTO=TCP SPT=(?P<spt>[0-9]{1,10}) DPT=(?P<dpt>[0-9]{1,10}) SEQ=(?P<seq>[0-9]{1,10}) ACK=(?P<ack>[0-9]{1,10})"
    r" WINDOW=[0-9]{1,10} RES=\S* (?P<flags>(?:(?:CWR|ECE|URG|ACK|PSH|RST|SYN|FIN) ){0,8})URGP=[0-9]{1,10}\s*"
)
"""A whole TCP line in the kernel's own order: most lines of a long log, read three times as fast as word by word."""


def packet_of(text: str) -> LoggedPacket | None:
    """The packet that `text` describes, or None without a readable SRC and DST.

    Text before the first field is passed over. An ICMP error quotes the packet it is about in brackets:
    the outer packet is returned. A value out of its field's range counts as not printed.

    >>> packet_of("bad checksum IN= OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=40 PROTO=17 SPT=53 DPT=999").proto
    17
    """
    if (usual := _USUAL.fullmatch(text)) is not None:
        return _usual_packet(usual)
    words = text.partition(" [SRC=")[0].split(maxsplit=_MAX_WORDS)[:_MAX_WORDS]
    fields = _first_fields(words)
    src = endpoint_of(fields.get("SRC", ""), fields.get("SPT", ""))
    dst = endpoint_of(fields.get("DST", ""), fields.get("DPT", ""))
    if src is None or dst is None:
        return None
    proto = _protocol(fields.get("PROTO", ""))
    is_tcp = proto == _PROTO_TCP
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=proto,
        ip_len_bytes=_number(fields.get("LEN", ""), _MAX_U32),
        ip_id=_number(fields.get("ID", ""), _MAX_U16) if ":" not in src.address else None,
        ip_ttl=_number(fields.get("TTL", fields.get("HOPLIMIT", "")), _MAX_U8),
        tcp_seq=_number(fields.get("SEQ", ""), _MAX_U32) if is_tcp else None,
        tcp_ack=_number(fields.get("ACK", ""), _MAX_U32) if is_tcp else None,
        tcp_flags=_tcp_flags(words, fields) if is_tcp else None,
        in_device=fields.get("IN", ""),
        out_device=fields.get("OUT", ""),
    )


def _usual_packet(found: re.Match[str]) -> LoggedPacket | None:
    """The packet of a line that `_USUAL` matches; the same as its words one by one would give."""
    in_device, out_device, source, target, length, ttl, ident, spt, dpt, seq, ack, flags = found.groups()
    src, dst = endpoint_of(source, spt), endpoint_of(target, dpt)
    if src is None or dst is None:
        return None
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=_PROTO_TCP,
        ip_len_bytes=_number(length, _MAX_U32),
        ip_id=_number(ident, _MAX_U16),
        ip_ttl=_number(ttl, _MAX_U8),
        tcp_seq=_number(seq, _MAX_U32),
        tcp_ack=_number(ack, _MAX_U32),
        tcp_flags=_flag_bits(flags),
        in_device=in_device,
        out_device=out_device,
    )


@lru_cache(maxsize=256)
def _flag_bits(words: str) -> int:
    return sum({_TCP_FLAGS[word] for word in words.split()})


@lru_cache(
    maxsize=16_384
)  # Rows of one connection then share their ends, and a long log takes half the memory.
def endpoint_of(address: str, port: str = "") -> Endpoint | None:
    """Address (brackets allowed) and port as an `Endpoint`, or None where the address is none."""
    canonical = _canonical(address.strip("[]"))
    return Endpoint(address=canonical, port=_number(port, _MAX_U16) or 0) if canonical else None


@lru_cache(maxsize=1024)  # A log names few addresses often, and parsing them was a third of reading it.
def _canonical(address: str) -> str:
    """The address as `ipaddress` prints it, "" for what is none."""
    if len(address) > _MAX_ADDRESS_CHARS:
        return ""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""


def _first_fields(words: list[str]) -> dict[str, str]:
    """KEY -> value, the first of each: ICMP repeats ID= and SEQ= for the echo request."""
    fields: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            fields.setdefault(key, value)
    if "PHYSIN" in fields and not fields.get("IN"):
        fields["IN"] = fields["PHYSIN"]
    return fields


def _protocol(name: str) -> int | None:
    return _PROTOCOLS.get(name.upper(), _number(name, _MAX_U8))


def _tcp_flags(words: list[str], fields: dict[str, str]) -> int | None:
    """The flag bits; None where the line ends before them (no URGP, no flag word)."""
    named = [_TCP_FLAGS[word] for word in words if word in _TCP_FLAGS]
    return sum(set(named)) if named or "URGP" in fields else None


def _number(text: str, largest: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        return None
    value = int(text)
    return value if value <= largest else None
