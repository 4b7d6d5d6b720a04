"""ICMP errors that quote a missing packet: who threw it away, and why, in the words of whoever did it."""

from dataclasses import dataclass
from typing import Final

__all__ = ["IPV4", "Quote", "meaning"]

IPV4: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An ICMP error about a packet that was lost at a hop, or whose fate there is unproven.

    `hop`: index into the matching's hops; `row`: that packet, at the hop's upstream point. `point`, `error_row`: a
    sighting of the error, that of the point nearest `row`. `ip_version`: 4 ICMP, 6 ICMPv6. `mtu`: None where it tells
    none.
    """

    hop: int
    row: int
    point: int
    error_row: int
    ip_version: int
    type: int
    code: int
    mtu: int | None


_MEANINGS: Final = {
    (4, 3, 0): "network unreachable",
    (4, 3, 1): "host unreachable",
    (4, 3, 2): "protocol unreachable",
    (4, 3, 3): "port unreachable",
    (4, 3, 4): "fragmentation needed",
    (4, 3, 9): "network administratively prohibited",
    (4, 3, 10): "host administratively prohibited",
    (4, 3, 13): "administratively prohibited",
    (4, 11, 0): "time to live exceeded",
    (4, 11, 1): "fragment reassembly time exceeded",
    (6, 1, 0): "no route",
    (6, 1, 1): "administratively prohibited",
    (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable",
    (6, 1, 5): "source address failed policy",
    (6, 1, 6): "route rejected",
    (6, 2, 0): "packet too big",
    (6, 3, 0): "hop limit exceeded",
    (6, 3, 1): "fragment reassembly time exceeded",
}
"""By IP version, type and code (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1, RFC 4443 3)."""


def meaning(ip_version: int, kind: int, code: int, mtu: int | None) -> str:
    """What an error says: "fragmentation needed, MTU 1400"; type and code where they have no name here.

    >>> meaning(4, 3, 4, 1400)
    'fragmentation needed, MTU 1400'
    >>> meaning(4, 3, 14, None)
    'type 3 code 14'
    """
    said = _MEANINGS.get((ip_version, kind, code), f"type {kind} code {code}")
    return said if mtu is None else f"{said}, MTU {mtu}"
