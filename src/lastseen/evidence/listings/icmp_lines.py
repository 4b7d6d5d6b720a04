"""ICMP as tshark and tcpdump print it: type and code, the MTU it allows, and what is told of the packet it quotes.

Sources: tcpdump's print-icmp.c and print-icmp6.c (3.9 to 4.99), Wireshark's packet-icmp.c and packet-icmpv6.c (1.10 to
4.4); RFC 792, RFC 4443 for the numbers.
"""

import re
from typing import Final

from lastseen.evidence.listings.printed import ICMP, ICMP6, TCP, UDP, Printed, address_of, port_of

__all__ = ["is_error", "set_icmp"]

UNREACHABLE, SOURCE_QUENCH, REDIRECT, ECHO, EXCEEDED, PARAMETER = 3, 4, 5, 8, 11, 12
UNREACHABLE6, TOO_BIG6, EXCEEDED6, PARAMETER6, ECHO6, REPLY6 = 1, 2, 3, 4, 128, 129
FRAGMENTATION_NEEDED: Final = 4

_ERRORS: Final = {ICMP: (UNREACHABLE, SOURCE_QUENCH, REDIRECT, EXCEEDED, PARAMETER),
                  ICMP6: (UNREACHABLE6, TOO_BIG6, EXCEEDED6, PARAMETER6)}  # fmt: skip
_ADDRESS: Final = r"(?P<dst>[\w.:%-]{1,255}?)"
_DUMP: Final = tuple(
    (re.compile(pattern), kind, code)
    for pattern, kind, code in (
        (rf"{_ADDRESS} (?P<proto>tcp|udp) port (?P<port>[\w-]{{1,40}}) unreachable", UNREACHABLE, 3),
        (rf"{_ADDRESS} protocol \d{{1,3}} port \d{{1,5}} unreachable", UNREACHABLE, 3),
        (rf"{_ADDRESS} protocol \d{{1,3}} unreachable", UNREACHABLE, 2),
        (
            rf"{_ADDRESS} unreachable - need to frag(?: \(mtu (?P<mtu>\d{{1,5}})\))?",
            UNREACHABLE,
            FRAGMENTATION_NEEDED,
        ),
        (rf"{_ADDRESS} unreachable - source route failed", UNREACHABLE, 5),
        (rf"{_ADDRESS} unreachable - source host isolated", UNREACHABLE, 8),
        (rf"net {_ADDRESS} unreachable - unknown", UNREACHABLE, 6),
        (rf"host {_ADDRESS} unreachable - unknown", UNREACHABLE, 7),
        (rf"host {_ADDRESS} unreachable - admin prohibited filter", UNREACHABLE, 13),
        (rf"net {_ADDRESS} unreachable - admin prohibited", UNREACHABLE, 9),
        (rf"host {_ADDRESS} unreachable - admin prohibited", UNREACHABLE, 10),
        (rf"net {_ADDRESS} unreachable - tos prohibited", UNREACHABLE, 11),
        (rf"host {_ADDRESS} unreachable - tos prohibited", UNREACHABLE, 12),
        (rf"host {_ADDRESS} unreachable - host precedence violation", UNREACHABLE, 14),
        (rf"host {_ADDRESS} unreachable - precedence cutoff", UNREACHABLE, 15),
        (rf"net {_ADDRESS} unreachable", UNREACHABLE, 0),
        (rf"host {_ADDRESS} unreachable", UNREACHABLE, 1),
        (r"time exceeded in-transit", EXCEEDED, 0),
        (r"ip reassembly time exceeded", EXCEEDED, 1),
        (rf"redirect {_ADDRESS} to (?:net|\S{{1,20}}-net)", REDIRECT, 0),
        (rf"redirect {_ADDRESS} to ", REDIRECT, 1),
        (r"source quench", SOURCE_QUENCH, 0),
        (r"parameter problem", PARAMETER, 0),
        (r"echo request, id (?P<id>\d{1,5}), seq (?P<seq>\d{1,5})", ECHO, 0),
        (r"echo reply, id (?P<id>\d{1,5}), seq (?P<seq>\d{1,5})", 0, 0),
    )
)
"""tcpdump's words, the longer before those they begin with."""
_DUMP6: Final = tuple(
    (re.compile(pattern), kind, code)
    for pattern, kind, code in (
        (rf"unreachable port, +{_ADDRESS} (?P<proto>tcp|udp) port (?P<port>[\w-]{{1,40}})", UNREACHABLE6, 4),
        (rf"unreachable route +{_ADDRESS}(?=[,\s]|$)", UNREACHABLE6, 0),
        (rf"unreachable prohibited +{_ADDRESS}(?=[,\s]|$)", UNREACHABLE6, 1),
        (rf"beyond scope +{_ADDRESS}(?=[,\s]|$)", UNREACHABLE6, 2),
        (rf"unreachable address +{_ADDRESS}(?=[,\s]|$)", UNREACHABLE6, 3),
        (r"packet too big, mtu (?P<mtu>\d{1,10})", TOO_BIG6, 0),
        (rf"time exceeded in-transit(?: for +{_ADDRESS}(?=[,\s]|$))?", EXCEEDED6, 0),
        (r"ip reassembly time exceeded", EXCEEDED6, 1),
        (r"parameter problem", PARAMETER6, 0),
        (r"echo request(?:, id (?P<id>\d{1,5}))?, seq (?P<seq>\d{1,5})", ECHO6, 0),
        (r"echo reply(?:, id (?P<id>\d{1,5}))?, seq (?P<seq>\d{1,5})", REPLY6, 0),
    )
)
_SHARK_CODES: Final = (
    "network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed",
    "source route failed", "network unknown", "host unknown", "source host isolated",
    "network administratively prohibited", "host administratively prohibited", "network unreachable for tos",
    "host unreachable for tos", "communication administratively", "host precedence", "precedence cutoff",
)  # fmt: skip
"""Wireshark's names of the codes of "destination unreachable", by number; some have "destination" before them."""
_SHARK_CODES6: Final = (
    "no route", "administratively prohibited", "beyond scope", "address unreachable", "port unreachable",
    "source address", "reject route",
)  # fmt: skip
_SHARK_ECHO: Final = re.compile(
    r"Echo \(ping\) (?P<what>request|reply) +id=0x(?P<id>[0-9a-f]{1,4}), seq=(?P<seq>\d{1,5})"
)
_BRACKETS: Final = re.compile(r"\(([^)]{1,80})\)")


def is_error(packet: Printed) -> bool:
    """Whether it tells its receiver what became of a packet it sent."""
    return packet.icmp_type in _ERRORS.get(packet.proto, ())


def set_icmp(packet: Printed, said: str, *, is_tshark: bool) -> None:
    """Type, code and whatever else is told, of a packet known to be ICMP; without a type it stays what it is."""
    if is_tshark:
        _set_tshark(packet, said)
        return
    for pattern, kind, code in _DUMP6 if packet.proto == ICMP6 else _DUMP:
        if found := pattern.search(said[:200]):
            packet.icmp_type, packet.icmp_code = kind, code
            told = found.groupdict()
            packet.icmp_rest = _rest(told, is_mtu6=packet.proto == ICMP6)
            if told.get("dst"):
                packet.quoted = Printed(line=packet.line, dst=address_of(told["dst"])[0], src=packet.dst)
                packet.quoted.proto = {"tcp": TCP, "udp": UDP}.get(told.get("proto") or "", 0)
                packet.quoted.dport = port_of(told.get("port") or "0")
            return


def _rest(told: dict[str, str | None], *, is_mtu6: bool) -> int:
    """The second word of the header: an MTU (IPv4: 16 bits), or the identifier and number of an echo."""
    mtu = int(told.get("mtu") or 0)
    if mtu:
        return mtu & (0xFFFFFFFF if is_mtu6 else 0xFFFF)
    return (int(told.get("id") or 0) & 0xFFFF) << 16 | int(told.get("seq") or 0) & 0xFFFF


def _set_tshark(packet: Printed, said: str) -> None:
    low, is6 = said[:200].lower().lstrip(), packet.proto == ICMP6
    inside = found[1] if (found := _BRACKETS.search(low)) else ""
    if echo := _SHARK_ECHO.match(said.lstrip()):
        is_request = echo["what"] == "request"
        packet.icmp_type = (ECHO6 if is_request else REPLY6) if is6 else ECHO if is_request else 0
        packet.icmp_code, packet.icmp_rest = 0, int(echo["id"], 16) << 16 | int(echo["seq"]) & 0xFFFF
    elif low.startswith("destination unreachable"):
        names = _SHARK_CODES6 if is6 else _SHARK_CODES
        codes = [
            code for code, name in enumerate(names) if inside.removeprefix("destination ").startswith(name)
        ]
        if codes:  # "host unreachable for tos" begins with another one's name
            packet.icmp_type, packet.icmp_code = (UNREACHABLE6 if is6 else UNREACHABLE), max(codes)
    elif low.startswith(("time-to-live exceeded", "time exceeded")):
        packet.icmp_type, packet.icmp_code = (EXCEEDED6 if is6 else EXCEEDED), int("reassembly" in inside)
    elif is6 and low.startswith("packet too big"):
        packet.icmp_type, packet.icmp_code = TOO_BIG6, 0
    elif not is6 and low.startswith("redirect"):
        packet.icmp_type, packet.icmp_code = REDIRECT, int("network" not in inside)
    elif not is6 and low.startswith("source quench"):
        packet.icmp_type, packet.icmp_code = SOURCE_QUENCH, 0
