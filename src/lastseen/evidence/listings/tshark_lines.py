"""tshark's one line a packet: `[no.] time src -> dst PROTO length info`, in the shapes of Wireshark 1.0 to 4.4.

The arrow was `->` up to 1.12 and is `→` since 2.0, the ports' one `>` up to 1.12 (wireshark: tshark.c,
print_columns(); packet-tcp.c, tcp_info_append_*). Copies from documents lose addresses, numbers and line breaks,
so a record is known by its arrow, protocol and length, wherever it stands; what stands before is taken when it is
an address.
"""

import re
from collections.abc import Iterator
from typing import Final

from lastseen.evidence.listings.icmp_lines import set_icmp
from lastseen.evidence.listings.printed import ICMP, ICMP6, TCP, UDP, Printed, address_of, port_of, time_ns
from lastseen.tables.packets import FLAGS

__all__ = ["is_tshark", "tshark_packets"]

_BLANK: Final = "[ \t\u00a0]"
_LAYERS: Final = {
    TCP: (
        "TCP", "TLS", "SSL", "HTTP", "SSH", "SMB", "MYSQL", "PGSQL", "FTP", "SMTP", "IMAP", "POP", "LDAP", "REDIS",
        "RESP", "AMQP", "MQTT", "OPENFLOW", "BGP", "WEBSOCKET", "KAFKA", "RTSP", "SOCKS", "TELNET", "ISCSI", "GIT",
        "JSON", "OVSDB", "MPTCP", "RDP", "VNC", "IRC", "XMPP", "DISTCC", "TPKT", "MEMCACHE",
    ),
    UDP: (
        "UDP", "DNS", "MDNS", "LLMNR", "NTP", "DHCP", "SSDP", "QUIC", "GQUIC", "NBNS", "SNMP", "SIP", "STUN", "RTP",
        "RTCP", "RADIUS", "TFTP", "SYSLOG", "BOOTP", "DTLS", "WIREGUARD",
    ),
    ICMP: ("ICMP",),
    ICMP6: ("ICMPV6",),
}  # fmt: skip
"""What runs over what, by the beginning of the printed name; ICMPv6 is looked for first."""
_OTHER: Final = (
    "ARP", "IPV4", "IPV6", "LLDP", "STP", "IGMP", "SCTP", "GRE", "ESP", "OSPF", "VRRP", "0X", "ETHER", "GENEVE",
    "VXLAN", "IP", "EAPOL", "LACP", "CDP", "CARP", "GTP", "PPP", "SLL", "VLAN",
)  # fmt: skip

_RECORD: Final = re.compile(
    rf"(?:→|->){_BLANK}{{0,40}}(?:(?P<dst>[0-9A-Za-z][0-9A-Za-z:.%_-]{{0,254}}){_BLANK}{{1,40}})?"
    rf"(?:GTP <)?(?P<layer>[A-Za-z][\w./+-]{{0,31}}|0x[0-9a-f]{{4}})>?{_BLANK}{{1,40}}"
    rf"(?:(?P<len>\d{{1,6}})(?!{_BLANK}{{0,3}}(?:→|>|->)|[.\d])(?:{_BLANK}|$))?"
)
_BEFORE: Final = re.compile(
    rf"^{_BLANK}*(?:(?P<no>\d{{1,9}}){_BLANK}+)?"
    rf"(?:(?P<time>(?:\d{{4}}-\d\d-\d\d[ T])?(?:\d\d:\d\d:)?-?\d{{1,10}}\.\d{{1,9}}Z?){_BLANK}+)?"
    rf"(?P<src>[0-9A-Za-z][0-9A-Za-z:.%_-]{{0,254}})?{_BLANK}*$"
)
_TAIL: Final = re.compile(
    rf"(?:(?:^|{_BLANK})(?P<no>\d{{1,9}}){_BLANK}+(?P<time>\d{{1,10}}\.\d{{6,9}}))?"
    rf"(?:^|{_BLANK})(?P<src>(?:\d{{1,3}}\.){{3}}\d{{1,3}}|[0-9a-fA-F:]{{2,39}}::?[0-9a-fA-F]{{0,4}}){_BLANK}*$"
)
_PORTS: Final = re.compile(
    rf"(?P<sport>[\w.+-]{{1,40}})(?:\((?P<snum>\d{{1,5}})\))?{_BLANK}*(?:→|->|>){_BLANK}*"
    r"(?P<dport>[\w.+-]{1,40})(?:\((?P<dnum>\d{1,5})\))?"
)
_ARROWS: Final = re.compile("→|>")
_FLAG_LIST: Final = re.compile(r"\[(?P<flags>[A-Za-z<>]{2,8}(?:, ?[A-Za-z]{2,8}){0,8})\]")
_TAG: Final = re.compile(r"\[TCP ([^\]]{1,80})\]")
_NUMBER: Final = re.compile(r"\b(Seq|Ack|Win|Len|MSS|TSval|TSecr|WS|SLE|SRE)=(\d{0,10})")
_LONG_FLAGS: Final = {
    "FIN": FLAGS["F"], "SYN": FLAGS["S"], "RST": FLAGS["R"], "PSH": FLAGS["P"], "ACK": FLAGS["A"],
    "URG": FLAGS["U"], "ECE": FLAGS["E"], "ECN": FLAGS["E"], "CWR": FLAGS["C"],
}  # fmt: skip
_LARGEST_PIECE: Final = 2000
"""Characters of a record that are looked at: a longer one is prose behind it."""
_LARGEST_PREFIX: Final = 400


def is_tshark(line: str) -> bool:
    """Whether a line holds at least one packet of tshark's."""
    return next(_records(line), None) is not None


def tshark_packets(number: int, line: str) -> list[Printed]:
    """The packets of one line, which may be many where line breaks got lost."""
    found = list(_records(line))
    if not found:
        return []
    ends = [record.start() for record, _ in found[1:]] + [len(line)]
    packets, begin = [], 0
    for (record, proto), end in zip(found, ends, strict=True):
        packet = Printed(line=number, layer=record["layer"], proto=proto)
        packet.frame_len = int(record["len"]) if record["len"] else None
        before = line[max(begin, record.start() - _LARGEST_PREFIX) : record.start()]
        _set_ends(packet, before, record["dst"] or "", is_first=not begin)
        _set_info(packet, line[record.end() : min(end, record.end() + _LARGEST_PIECE)])
        packets.append(packet)
        begin = record.end()
    return packets


def _records(line: str) -> Iterator[tuple[re.Match[str], int]]:
    """Where packets begin, each with its IP protocol."""
    if "→" not in line and "->" not in line:
        return
    for found in _RECORD.finditer(line):
        proto = _proto(found["layer"])
        has_ports = found["len"] is None and _PORTS.match(line, found.end())
        if proto is not None and (found["len"] is not None or has_ports):
            yield found, proto


def _proto(layer: str) -> int | None:
    """The IP protocol a printed name stands for; 0: a known name with no protocol of interest; None: no name."""
    name = layer.upper()
    for proto in (ICMP6, ICMP, UDP, TCP):
        if name.startswith(_LAYERS[proto]):
            return proto
    return 0 if name.startswith(_OTHER) else None


def _set_ends(packet: Printed, before: str, dst: str, *, is_first: bool) -> None:
    """Number, time and addresses. In the middle of a line only what is clearly an address is one."""
    found = (_BEFORE.match(before) if is_first else None) or _TAIL.search(before)
    if found is not None:
        packet.frame = int(found["no"]) if found["no"] else None
        packet.time_ns = time_ns(found["time"]) if found["time"] else None
        packet.src, packet.version = address_of(found["src"] or "")
    packet.dst, version = address_of(dst)
    packet.version = packet.version or version


def _set_info(packet: Printed, info: str) -> None:
    packet.info = info[:60]
    packet.tags = tuple(found[1] for found in _TAG.finditer(info[:400]))[:4]
    if packet.layer.upper() == "TCP":
        _set_tcp(packet, info)
    elif packet.proto in (ICMP, ICMP6):
        set_icmp(packet, info, is_tshark=True)
    elif packet.layer.upper() == "UDP" and (ports := _PORTS.search(info[:120])):
        packet.sport, packet.dport = _port(ports, "s"), _port(ports, "d")
        packet.length = next((int(n) for key, n in _NUMBER.findall(info) if key == "Len" and n), None)


def _port(ports: re.Match[str], side: str) -> int:
    return port_of(ports[f"{side}num"] or ports[f"{side}port"])


def _set_tcp(packet: Printed, info: str) -> None:
    """Ports, flags, numbers and options of a line whose topmost protocol is TCP."""
    untagged = _TAG.sub("", info)
    ports = _PORTS.search(untagged[:160])
    if ports is None:  # a segment of a message that another line shows has its text in place of ports
        packet.is_cut = not untagged.strip() or _ARROWS.search(untagged[:160]) is not None
        return
    packet.sport, packet.dport = _port(ports, "s"), _port(ports, "d")
    if flags := _FLAG_LIST.search(untagged):
        names = [name.strip() for name in flags["flags"].split(",")]
        packet.flags = sum({_LONG_FLAGS.get(name, 0) for name in names})
    values: dict[str, list[int]] = {}
    for key, value in _NUMBER.findall(info):
        packet.is_cut |= not value
        values.setdefault(key, []).append(int(value or -1))
    packet.seq, packet.ack = _first(values, "Seq"), _first(values, "Ack")
    packet.window, packet.length = _first(values, "Win"), _first(values, "Len")
    packet.is_cut |= packet.length is None or packet.flags is None
    _set_options(packet, values, "SACK_PERM" in info)


def _first(values: dict[str, list[int]], key: str) -> int | None:
    found = values.get(key, [-1])[0]
    return None if found < 0 else found


def _set_options(packet: Printed, values: dict[str, list[int]], sack_permitted: bool) -> None:
    """Which options there are; tshark prints no NOPs, so their bytes are rounded up to whole words."""
    packet.mss, packet.scale = _first(values, "MSS") or 0, _first(values, "WS")
    packet.sack_permitted = sack_permitted
    if "TSval" in values:
        packet.timestamps = max(values["TSval"][0], 0), max(values.get("TSecr", [0])[0], 0)
    packet.sacks = tuple(zip(values.get("SLE", []), values.get("SRE", []), strict=False))
    if packet.scale is not None:
        packet.scale = max(packet.scale, 1).bit_length() - 1  # tshark prints the factor
    if packet.length is None:
        return
    size = 4 * bool(packet.mss) + 3 * ("WS" in values) + 2 * sack_permitted + 10 * ("TSval" in values)
    size += 2 + 8 * len(packet.sacks) if packet.sacks else 0
    packet.option_bytes = (size + 3) // 4 * 4
