"""A packet as Open vSwitch and OVN print it in logs: `tcp,dl_src=..,nw_src=..,tp_dst=..,tcp_flags=syn`.

Source: Open vSwitch lib/flow.c (flow_format) and lib/match.c, 2.0 to 3.3.
"""

import re

from lastseen.evidence.nf_log import endpoint_of
from lastseen.tables.facts_from_texts import LoggedPacket

__all__ = ["packet_of_flow"]

_FIELD = re.compile(r"(?:^|,)(?P<name>[a-z_0-9]{1,24})=(?P<value>[^,\s\"]{1,128})")
_PROTOCOL = re.compile(r"(?:^|[, ])(?P<name>tcp6|tcp|udp6|udp|sctp6|sctp|icmp6|icmp)(?=,|$)")
_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmp6": 58, "tcp6": 6, "udp6": 17, "sctp6": 132}
_FLAGS = {
    "fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10, "urg": 0x20, "ece": 0x40, "cwr": 0x80,
}  # fmt: skip
_TCP = 6
_MAX_TTL = 255


def packet_of_flow(text: str) -> LoggedPacket | None:
    """The packet a flow describes; None without a source and a destination address.

    >>> packet_of_flow("tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=5,tp_dst=80,tcp_flags=syn").tcp_flags
    2
    """
    fields = {found["name"]: found["value"] for found in _FIELD.finditer(text)}
    src = endpoint_of(fields.get("nw_src", fields.get("ipv6_src", "")), fields.get("tp_src", ""))
    dst = endpoint_of(fields.get("nw_dst", fields.get("ipv6_dst", "")), fields.get("tp_dst", ""))
    if src is None or dst is None:
        return None
    protocol = _PROTOCOL.search(text)
    proto = _NUMBERS[protocol["name"]] if protocol else None
    ttl = fields.get("nw_ttl", "")
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=proto,
        ip_ttl=int(ttl) if ttl.isascii() and ttl.isdecimal() and int(ttl[:9]) <= _MAX_TTL else None,
        tcp_flags=_flags(fields.get("tcp_flags", "")) if proto == _TCP else None,
    )


def _flags(text: str) -> int | None:
    """The eight flag bits of `syn|ack`, or of a number (0: none); None when not printed or unknown."""
    if text == "0":
        return 0
    if not text or any(name not in _FLAGS for name in text.split("|")):
        return None
    return sum({_FLAGS[name] for name in text.split("|")})
