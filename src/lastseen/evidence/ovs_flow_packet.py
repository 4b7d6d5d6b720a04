"""A packet as Open vSwitch and OVN print it in logs: `tcp,dl_src=..,nw_src=..,tp_dst=..,tcp_flags=syn`.

The datapath's own way to print it is another: `eth_type(0x0800),ipv4(src=..,dst=..,proto=6),tcp(src=..,dst=..)`.
Source: Open vSwitch lib/flow.c (flow_format), lib/match.c and lib/odp-util.c (odp_flow_format), 2.0 to 3.3.
"""

import re

from lastseen.evidence.nf_log import endpoint_of
from lastseen.tables.facts_from_texts import LoggedPacket

__all__ = ["packet_of_flow", "packet_of_key"]

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


_LAYER = re.compile(r"(?:^|[,\s])(?P<name>ipv4|ipv6|tcp|udp|sctp)\((?P<fields>[^()]{0,400})\)")
_KEY_FIELD = re.compile(r"(?:^|,)(?P<name>src|dst|proto)=(?P<value>[0-9a-fA-F.:]{1,45})(?=,|$)")
"""A field that is matched exactly; one with a mask (`src=10.0.0.0/255.0.0.0`) names no packet."""


def packet_of_key(text: str) -> LoggedPacket | None:
    """The packet a datapath flow's key describes; None without a source and a destination address.

    >>> packet_of_key("in_port(2),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,frag=no),udp(src=68,dst=67)").dst.port
    67
    """
    layers = {
        layer["name"]: {field["name"]: field["value"] for field in _KEY_FIELD.finditer(layer["fields"])}
        for layer in _LAYER.finditer(text)
    }
    addresses = layers.get("ipv4") or layers.get("ipv6") or {}
    name = next((name for name in ("tcp", "udp", "sctp") if name in layers), "")
    ports = layers.get(name, {})
    src = endpoint_of(addresses.get("src", ""), ports.get("src", ""))
    dst = endpoint_of(addresses.get("dst", ""), ports.get("dst", ""))
    if src is None or dst is None:
        return None
    return LoggedPacket(src=src, dst=dst, proto=_NUMBERS.get(name))


def _flags(text: str) -> int | None:
    """The eight flag bits of `syn|ack`, or of a number (0: none); None when not printed or unknown."""
    if text == "0":
        return 0
    if not text or any(name not in _FLAGS for name in text.split("|")):
        return None
    return sum({_FLAGS[name] for name in text.split("|")})
