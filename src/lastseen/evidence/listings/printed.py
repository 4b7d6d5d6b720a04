"""One packet as a line of tshark or tcpdump tells it, before the lines around it complete it.

None means that the line does not say it. Names and numbers of services are here because both tools print them alike.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import date as calendar
from functools import lru_cache
from typing import Final

__all__ = ["ICMP", "ICMP6", "TCP", "UDP", "Printed", "address_of", "port_of", "time_ns"]

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
NS: Final = 1_000_000_000
MAX_SECONDS: Final = 0xFFFFFFFF
"""What a capture file can hold."""

_SERVICES: Final = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68,
    "tftp": 69, "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "ntp": 123, "imap2": 143,
    "imap": 143, "snmp": 161, "bgp": 179, "ldap": 389, "https": 443, "microsoft-ds": 445, "submission": 587,
    "ldaps": 636, "imaps": 993, "pop3s": 995, "nfs": 2049, "mysql": 3306, "rdp": 3389, "postgresql": 5432,
    "amqp": 5672, "redis": 6379, "geneve": 6081, "openflow": 6653, "http-alt": 8080, "webcache": 8080,
    "us-cli": 8082, "pcsync-https": 8443, "vxlan": 4789, "openvswitch": 6640, "isakmp": 500, "x11": 6000,
}  # fmt: skip
"""Names both tools print for ports without -n (IANA service names)."""

_TIME: Final = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T])?(?:(?P<hours>\d\d):(?P<minutes>\d\d):)?"
    r"(?P<seconds>-?\d{1,10})\.(?P<part>\d{1,9})Z?"
)


@dataclass(slots=True, kw_only=True)
class Printed:
    """What is known of one packet. Filled by a parser, completed by `completing`.

    `frame`: the number printed. `time_ns`: as printed, since whatever the listing counts from. `src`, `dst`:
    address or host name, "" not printed. `layer`: the protocol's name as printed. `scale`: the window's shift count.
    `timestamps`: TSval and TSecr. `fragment`: that word of the IP header, without DF. `option_bytes`: length of the
    TCP options as far as they are printed. `inner_len`: length of the innermost Ethernet frame. `tags`: what
    tshark's analysis says ("Out-Of-Order"). `icmp_type`: -1, not told; `icmp_rest`: the second word of ICMP's header;
    `quoted`: what is told of the packet an ICMP error quotes. `info`: the beginning of what is said of the protocol.
    `is_cut`: the line breaks off.
    """

    line: int
    frame: int | None = None
    time_ns: int | None = None
    src: str = ""
    dst: str = ""
    sport: int = 0
    dport: int = 0
    proto: int = 0
    layer: str = ""
    flags: int | None = None
    seq: int | None = None
    ack: int | None = None
    length: int | None = None
    window: int | None = None
    frame_len: int | None = None
    inner_len: int | None = None
    option_bytes: int | None = None
    mss: int = 0
    scale: int | None = None
    sack_permitted: bool = False
    timestamps: tuple[int, int] | None = None
    sacks: tuple[tuple[int, int], ...] = ()
    version: int = 0
    ip_id: int | None = None
    ttl: int | None = None
    dsfield: int | None = None
    df: int | None = None
    ip_len: int | None = None
    fragment: int = 0
    checksum_says: str = ""
    eth_src: int = -1
    eth_dst: int = -1
    vlan: int = -1
    tunnel: str = ""
    vni: int = 0
    outer: tuple[str, str] = ("", "")
    tags: tuple[str, ...] = ()
    icmp_type: int = -1
    icmp_code: int = 0
    icmp_rest: int = 0
    quoted: "Printed | None" = None
    info: str = ""
    is_cut: bool = False


@lru_cache(maxsize=16_384)  # Each line names its addresses several times, and a listing few of them.
def address_of(shown: str) -> tuple[str, int]:
    """(canonical address, IP version) of what is printed; a host name comes back as it is, with version 0."""
    try:
        found = ipaddress.ip_address(shown.partition("%")[0])
    except ValueError:
        return shown, 0
    return str(found), found.version


def port_of(shown: str) -> int:
    """The number of a port; 0 for a service whose number is not known here."""
    if shown.isdecimal() and len(shown) < len("100000"):
        return int(shown) & 0xFFFF
    return _SERVICES.get(shown.lower(), 0)


def time_ns(shown: str) -> int | None:
    """A printed time in ns: since the epoch with a date, else since midnight or since the listing's own start."""
    found = _TIME.fullmatch(shown)
    if found is None:
        return None
    sign = -1 if found["seconds"].startswith("-") else 1
    whole = abs(int(found["seconds"])) + 3600 * int(found["hours"] or 0) + 60 * int(found["minutes"] or 0)
    days = _days(found["date"]) if found["date"] else 0
    if days is None:
        return None
    return sign * (min(whole + 86_400 * days, MAX_SECONDS) * NS + int(found["part"].ljust(9, "0")))


@lru_cache(maxsize=64)
def _days(date: str) -> int | None:
    """Days since 1970-01-01 (proleptic Gregorian); None for no date."""
    try:
        return calendar.fromisoformat(date).toordinal() - calendar(1970, 1, 1).toordinal()
    except ValueError:
        return None
