"""tcpdump's text: one line a packet, or several with -v and with tunnels, as 3.9 to 4.99 and 5.0 print them.

`Flags [S.]` came with 4.0, before it was `S 1:1(0) ack 2`. A packet begins at a line with a time (or, with -t, at
`IP `); indented lines and what follows a bare VXLAN header belong to it. Of nested headers the innermost packet is
the one described, as everywhere in lastseen. Read in print-ip.c, print-tcp.c, print-geneve.c, print-vxlan.c,
print-ether.c of the versions named.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lastseen.evidence.listings.icmp_lines import is_error, set_icmp
from lastseen.evidence.listings.printed import ICMP, ICMP6, TCP, UDP, Printed, address_of, port_of, time_ns
from lastseen.tables.packets import FLAGS

__all__ = ["is_bare_tunnel", "is_tcpdump", "tcpdump_packets"]

_TIME: Final = r"(?:(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{1,9}|\d{9,10}\.\d{1,9})"
_DEVICE: Final = r"(?:[\w.@:-]{1,64}\s{1,8}(?:In|Out|B|M|P)\s{1,4}|(?:In|Out|B|M|P)\s{1,3}(?=\w\w:))"
"""What `-i any` puts before a packet: since 4.99 the interface and the direction, before that the direction."""
_START: Final = re.compile(rf"^\s{{0,8}}(?:(?P<no>\d{{1,9}})\s{{1,4}})?(?:(?P<time>{_TIME})\s+)?{_DEVICE}?")
_MAC: Final = r"(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}"
_TIMED: Final = re.compile(
    rf"^\s{{0,8}}(?:\d{{1,9}}\s{{1,4}})?{_TIME}\s+{_DEVICE}?"
    rf"(?:IP6?[ ,]|IP: IP|ARP\b|{_MAC} (?:\([^)]{{0,60}}\) )?> |{_MAC} ethertype|PPPoE |MPLS |LLDP|STP"
    r"|.{0,300}?\((?:tos 0x[0-9a-f]{1,2}|hlim \d|flowlabel 0x|class 0x))"
)
_UNTIMED: Final = re.compile(
    rf"^{_DEVICE}?(?:(?:(?:MPLS|PPPoE) .{{0,80}}?|IP: )?IP6? (?:\(|[\w.:%-]{{1,255}} > |bad-len)"
    rf"|ARP, |{_MAC} > .{{0,60}}?ethertype)"
)
"""With -t there is no time: a packet begins with what stands behind it otherwise."""
_ETHER: Final = re.compile(
    rf"(?P<src>{_MAC})(?: \([^)]{{0,60}}\))? > (?P<dst>{_MAC}|Broadcast)"
    r"(?: \([^)]{0,60}\))?, (?:802\.1Q, )?ethertype [^,]{1,60}, length (?P<len>\d{1,6}):"
)
_VLAN: Final = re.compile(r"\bvlan (\d{1,4}),")
_ENDS: Final = re.compile(r"(?<![\w.:%*-])(?P<src>[\w.:%*-]{1,255}+) > (?P<dst>[\w.:%*-]{1,255}?):(?=\s|$)")
_ALONE: Final = re.compile(
    r"(?P<a>[0-9a-f:.]{2,45}) > (?P<b>[0-9a-f:.]{2,45}): (?:[A-Z]{2,6}[0-9]? |frag \(0\|\d{1,5}\) ){1,6}"
    r"(?P<p>\w{1,20}) > (?P<q>\w{1,20}):(?=\s)"
)
_JOINED: Final = r"\g<a>.\g<p> > \g<b>.\g<q>:"
"""Behind IPv6 extension headers ports stand alone; joined to the addresses they read like any other."""
_IP4: Final = re.compile(
    r"\(tos (?P<tos>0x[0-9a-f]{1,2})(?:,[A-Z0-9()]{1,20})?, ttl (?P<ttl>\d{1,3}), id (?P<id>\d{1,5}),"
    r" offset (?P<offset>\d{1,5}), flags \[(?P<flags>[^\]]{0,20})\],"
    r" proto:? [^,]{1,30}?\(?(?P<proto>\d{1,3})\)?, length:? (?P<len>\d{1,5})"
)
_IP6: Final = re.compile(
    r"\((?:class (?P<class>0x[0-9a-f]{2}), )?(?:flowlabel 0x[0-9a-f]{1,5}, )?hlim (?P<hlim>\d{1,3}),"
    r" next-header [^()]{1,30}\((?P<proto>\d{1,3})\) payload length: (?P<len>\d{1,5})\)"
)
_FLAGS: Final = re.compile(r"Flags \[(?P<flags>[A-Za-z.|]{1,9}|none)\]")
_OLD_FLAGS: Final = re.compile(r"(?P<flags>[SFPRWEU.]{1,7}) (?=\d{1,10}:|ack \d|win \d|\[|cksum |$)")
_OLD_SEQ: Final = re.compile(r"(?P<seq>\d{1,10}):\d{1,10}\((?P<len>\d{1,7})\)")
_SEQ: Final = re.compile(r"\bseq (?P<seq>\d{1,10})(?::(?P<end>\d{1,10}))?")
_ACK: Final = re.compile(r"\back (\d{1,10})")
_WIN: Final = re.compile(r"\bwin (\d{1,7})")
_LENGTH: Final = re.compile(r"\blength (\d{1,7})")
_OPTIONS: Final = re.compile(
    r"(?:options )?[\[<](?P<options>(?:mss|nop|sack|sackOK|TS|timestamp|wscale|eol)\b[^\]>]{0,400})[\]>]"
)
_CHECKSUM: Final = re.compile(r"cksum 0x[0-9a-f]{1,4} \((?P<says>correct|incorrect)")
_DIGITS: Final = re.compile(r"\b\d{1,10}\b")
_SACK: Final = re.compile(r"\{(\d{1,10}):(\d{1,10})\}")
_UDP: Final = re.compile(r"(?:\[[^\]]{0,60}\] )?UDP, length:? (\d{1,6})")
_DNS: Final = re.compile(r"(?:\[[^\]]{0,60}\] )?\d{1,5}[*+%|-]{0,4} .{0,400}\((\d{1,5})\)\s*$")
_TUNNELS: Final = (
    ("geneve", re.compile(r"Geneve, .{0,60}?vni (0x[0-9a-f]{1,6}|\d{1,8})")),
    ("vxlan", re.compile(r"VXLAN, .{0,60}?vni (0x[0-9a-f]{1,6}|\d{1,8})")),
    ("vxlan", re.compile(r"OTV, .{0,60}?instance (\d{1,8})")),
    ("gre", re.compile(r"GREv\d(?:, .{0,60}?key=(0x[0-9a-f]{1,8}))?")),
)
_BARE: Final = re.compile(r"(?:VXLAN, .{0,60}vni|OTV, .{0,60}instance) \d{1,8}\s*$")
"""The end of a line whose tunnelled packet stands on the next one; OTV is how tcpdump takes VXLAN on port 8472."""
_OPTION_BYTES: Final = {
    "mss": 4,
    "sackOK": 2,
    "TS": 10,
    "timestamp": 10,
    "nop": 1,
    "wscale": 3,
    "eol": 1,
    "sack": 2,
}
_LAYER: Final = re.compile(r"^[A-Z][A-Za-z0-9]{1,9}")
_SAYS_ICMP: Final = re.compile(r"\s+ICMP6?[ ,]")
_HEX: Final = re.compile(r"^\s+0x[0-9a-f]{4}: ")
_MOST_LINES: Final = 8
"""Lines of one packet that are looked at: three headers of a tunnel with -v have five."""
_LETTERS: Final = {**{letter: FLAGS[letter] for letter in "SFPRUE"}, ".": FLAGS["A"], "W": FLAGS["C"]}


def is_tcpdump(line: str) -> bool:
    """Whether a line is the first of a packet."""
    return _TIMED.match(line) is not None or _UNTIMED.match(line) is not None


def is_bare_tunnel(line: str) -> bool:
    """Whether the packet in this tunnel header stands on the next line, which looks like one of its own."""
    return ("VXLAN" in line or "OTV" in line) and bool(_BARE.search(line))


def tcpdump_packets(numbered: Iterable[tuple[int, str]]) -> Iterator[Printed | int]:
    """Every packet of the lines; a line number where a line belongs to none."""
    number, lines = 0, list[str]()
    for at, line in numbered:
        if not line.strip():
            continue
        if is_tcpdump(line) and not (lines and is_bare_tunnel(lines[-1])):
            if lines:
                yield _packet(number, lines)
            number, lines = at, [line]
        elif lines and (line[0].isspace() or is_bare_tunnel(lines[-1])):
            if len(lines) < _MOST_LINES and not _HEX.match(line):
                lines.append(line)
        else:
            yield at
    if lines:
        yield _packet(number, lines)


def _packet(number: int, lines: list[str]) -> Printed:
    packet = Printed(line=number)
    start = _START.match(lines[0])
    if start is not None:
        packet.frame = int(start["no"]) if start["no"] else None
        packet.time_ns = time_ns(start["time"]) if start["time"] else None
    rest = [lines[0][start.end() if start else 0 :], *lines[1:]]
    text = " ".join(line.strip() for line in rest)
    if text.count(" > ") > 1:
        text = _ALONE.sub(_JOINED, text)
    _set_frame(packet, text)
    packet.layer = next(iter(_LAYER.findall(text[:16])), "")
    ends = list(_ENDS.finditer(text))
    if not ends:
        return packet
    # Behind the addresses of an ICMP error stand, with -v, those of the packet it quotes.
    at = next((i for i, end in enumerate(ends) if _SAYS_ICMP.match(text, end.end())), len(ends) - 1)
    last = ends[at]
    _set_tunnel(packet, text[: last.start()], ends[: at + 1])
    _set_network(packet, text[ends[at - 1].end() if at else 0 : last.start()])
    _set_transport(packet, last, text[last.end() :].lstrip())
    if packet.proto in (ICMP, ICMP6):
        _set_icmp(packet, text[last.end() :], ends[at + 1 :], text)
    return packet


def _set_icmp(packet: Printed, said: str, quoted: list[re.Match[str]], text: str) -> None:
    """What an ICMP message says; of the packet it quotes its own headers say more than the message."""
    length = _LENGTH.search(said)
    packet.length = int(length[1]) if length else None
    set_icmp(packet, said, is_tshark=False)
    if quoted and is_error(packet):
        packet.quoted = Printed(line=packet.line)
        begin = len(text) - len(said)
        _set_network(packet.quoted, text[begin : quoted[0].start()])
        _set_transport(packet.quoted, quoted[0], text[quoted[0].end() :].lstrip())


def _set_frame(packet: Printed, text: str) -> None:
    """What -e prints: addresses and lengths of the outermost and the innermost frame."""
    frames = list(_ETHER.finditer(text)) if "ethertype" in text else []
    if not frames:
        return
    packet.frame_len, inner = int(frames[0]["len"]), frames[-1]
    packet.inner_len = int(inner["len"])
    packet.eth_src = _mac(inner["src"])
    packet.eth_dst = -1 if inner["dst"] == "Broadcast" else _mac(inner["dst"])
    if vlan := _VLAN.search(text[inner.end() : inner.end() + 40]):
        packet.vlan = int(vlan[1])


def _mac(shown: str) -> int:
    return int("".join(part.rjust(2, "0") for part in shown.split(":")), 16)


def _set_tunnel(packet: Printed, before: str, ends: list[re.Match[str]]) -> None:
    for name, pattern in _TUNNELS:
        for found in pattern.finditer(before):
            packet.tunnel, packet.vni = name, int(found[1] or "0", 0)
    if len(ends) > 1:
        packet.tunnel = packet.tunnel or "ipip"
        packet.outer = _split(ends[0]["src"])[0], _split(ends[0]["dst"])[0]


def _set_network(packet: Printed, text: str) -> None:
    """What -v prints of the IP header."""
    if found := _IP4.search(text):
        packet.version, packet.proto = 4, int(found["proto"])
        packet.dsfield, packet.ttl, packet.ip_id = int(found["tos"], 16), int(found["ttl"]), int(found["id"])
        packet.df, packet.ip_len = int("DF" in found["flags"]), int(found["len"])
        packet.fragment = (0x2000 if "+" in found["flags"] else 0) | int(found["offset"]) // 8 & 0x1FFF
    elif found := _IP6.search(text):
        packet.version, packet.proto, packet.ttl = 6, int(found["proto"]), int(found["hlim"])
        packet.dsfield, packet.ip_len, packet.df = int(found["class"] or "0", 16), int(found["len"]) + 40, 1


def _split(shown: str) -> tuple[str, int, int]:
    """(address, IP version, port) of "10.0.0.1.443", "host.https", "fe80::1.22"; port -1: a bare address."""
    address, version = address_of(shown)
    if version:
        return address, version, -1
    head, _, port = shown.rpartition(".")
    address, version = address_of(head)
    if version or port.isdecimal() or port_of(port):
        return address, version, port_of(port)
    return shown, 0, -1


def _set_transport(packet: Printed, ends: re.Match[str], rest: str) -> None:
    src, dst = _split(ends["src"]), _split(ends["dst"])
    flags = _FLAGS.match(rest) or _FLAGS.search(rest[:40])
    old = None if flags else _OLD_FLAGS.match(rest)
    packet.proto = packet.proto or _proto(rest, is_tcp=bool(flags or old), has_ports=src[2] >= 0 <= dst[2])
    has_ports = packet.proto in (TCP, UDP) and not packet.fragment
    packet.src, packet.dst = src[0], dst[0]
    packet.version = packet.version or src[1] or dst[1]
    if not has_ports:
        return
    packet.sport, packet.dport = max(src[2], 0), max(dst[2], 0)
    if found := flags or old:
        _set_tcp(packet, found["flags"], rest)
    elif udp := _UDP.match(rest) or _DNS.match(rest):
        packet.length = int(udp[1])


def _proto(rest: str, *, is_tcp: bool, has_ports: bool) -> int:
    """What the text behind the addresses is, where no IP header is printed: ports without TCP's flags are UDP's."""
    if is_tcp:
        return TCP
    for name, proto in (("ICMP6", ICMP6), ("ICMP", ICMP), ("sctp", 0)):
        if rest.startswith(name):
            return proto
    return UDP if has_ports else 0


def _set_tcp(packet: Printed, flags: str, rest: str) -> None:
    packet.layer = "TCP"
    names = "" if flags == "none" else flags
    packet.flags = sum({_LETTERS[letter] for letter in names if letter in _LETTERS})
    options = _OPTIONS.search(rest)
    before, behind = (rest[: options.start()], rest[options.end() :]) if options else (rest, rest)
    if seq := _SEQ.search(before):
        packet.seq = int(seq["seq"])
        packet.length = (int(seq["end"]) - packet.seq) & 0xFFFFFFFF if seq["end"] else None
    elif old := _OLD_SEQ.search(before):
        packet.seq, packet.length = int(old["seq"]), int(old["len"])
    if ack := _ACK.search(before):
        packet.ack = int(ack[1])
        packet.flags |= FLAGS["A"]
    if window := _WIN.search(before):
        packet.window = int(window[1])
    if length := _LENGTH.search(behind):
        packet.length = int(length[1])
    elif packet.length is None and _is_old_and_empty(before):
        packet.length = 0
    packet.is_cut = packet.length is None
    if found := _CHECKSUM.search(before):
        packet.checksum_says = found["says"]
    _set_options(packet, options["options"] if options else "", known=not packet.is_cut)


def _is_old_and_empty(text: str) -> bool:
    """Before 4.0 an acknowledgment without data had no length: `. ack 1 win 49680`."""
    return "Flags [" not in text and bool(_WIN.search(text))


def _set_options(packet: Printed, shown: str, *, known: bool) -> None:
    size = 0
    for option in shown.split(",") if shown else ():
        words = option.split()
        name = words[0] if words else ""
        if name not in _OPTION_BYTES:
            known = False
            continue
        size += _OPTION_BYTES[name]
        number = int(words[1]) if len(words) > 1 and words[1].isdecimal() else None
        if name == "mss" and number is not None:
            packet.mss = number & 0xFFFF
        elif name == "wscale" and number is not None:
            packet.scale = min(number, 14)
        elif name == "sack":
            packet.sacks = tuple((int(low), int(high)) for low, high in _SACK.findall(option))
            size += 8 * len(packet.sacks)
        packet.sack_permitted |= name == "sackOK"
        if name in ("TS", "timestamp"):
            packet.timestamps = _pair(option)
    packet.option_bytes = (size + 3) // 4 * 4 if known else None


def _pair(option: str) -> tuple[int, int]:
    """`TS val 340493 ecr 28089204`; before 4.0 `timestamp 340493 28089204`."""
    first, second, *_ = [*map(int, _DIGITS.findall(option)), 0, 0]
    return first & 0xFFFFFFFF, second & 0xFFFFFFFF
