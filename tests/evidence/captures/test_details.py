"""Every header field of chosen packets: those a rule asks for, each read from a packet that has it."""

import ipaddress
import struct
from pathlib import Path

import numpy as np
import packet_writer as w
import pytest

from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.details import read_details
from lastseen.tables.details import CHECKSUM_BAD, CHECKSUM_GOOD, CHECKSUM_UNKNOWN, COLUMNS, column

pytestmark = pytest.mark.kernel

A, B = "10.0.0.5", "192.0.2.80"


def fields(tmp_path: Path, *frames: bytes, link_type: int = 1, snap: int = 262144) -> list[dict[str, int]]:
    """The detail rows of these frames by column name."""
    path = tmp_path / "a.pcap"
    path.write_bytes(
        w.pcap([(i * 1000, f) for i, f in enumerate(frames)], link_type=link_type, snap_length=snap)
    )
    with open_bytes(path) as source:
        capture, _ = read_capture(source, "a.pcap")
        rows = read_details(source, capture, np.arange(len(frames)))
    return [{name: int(column(rows, name)[i]) for name in COLUMNS} for i in range(len(frames))]


def test_options_of_a_syn(tmp_path: Path) -> None:
    options = (
        w.mss(1402) + w.sack_permitted() + w.timestamps(7, 0) + w.window_scale(9) + bytes((34, 10)) + b"c" * 8
    )
    (row,) = fields(tmp_path, w.ethernet(w.ipv4(A, B, w.tcp(1, 2, flags="S", options=options))))
    assert (row["tcp_mss"], row["tcp_wscale"], row["tcp_sack_permitted"]) == (1402, 9, 1)
    assert (row["tcp_tsval"], row["tcp_tsecr"], row["tcp_fastopen"]) == (7, 0, 8)
    assert row["tcp_sack_left"] == -1


def test_a_segment_without_options_has_none(tmp_path: Path) -> None:
    (row,) = fields(tmp_path, w.ethernet(w.ipv4(A, B, w.tcp(1, 2))))
    absent = ("tcp_wscale", "tcp_tsval", "tcp_tsecr", "tcp_sack_left", "tcp_sack_right", "tcp_fastopen")
    assert [row[name] for name in absent] == [-1] * 6
    assert (row["tcp_mss"], row["tcp_sack_permitted"]) == (0, 0)


def test_edges_of_the_first_sack_block(tmp_path: Path) -> None:
    options = w.sack((4_000_000_000, 4_000_001_000), (5, 6))
    (row,) = fields(tmp_path, w.ethernet(w.ipv4(A, B, w.tcp(1, 2, options=options))))
    assert (row["tcp_sack_left"], row["tcp_sack_right"]) == (4_000_000_000, 4_000_001_000)


def test_addresses_compare_across_packets(tmp_path: Path) -> None:
    """IPv4 as a number; IPv6 as a digest that no IPv4 address has."""
    four = w.ethernet(w.ipv4(A, B, w.udp(1, 2)))
    there = w.ethernet(w.ipv6("2001:db8::1", "2001:db8::2", w.udp(1, 2)))
    back = w.ethernet(w.ipv6("2001:db8::2", "2001:db8::1", w.udp(1, 2)))
    rows = fields(tmp_path, four, there, back)
    assert (rows[0]["ip_src"], rows[0]["ip_dst"]) == (
        int(ipaddress.ip_address(A)),
        int(ipaddress.ip_address(B)),
    )
    assert (rows[1]["ip_src"], rows[1]["ip_dst"]) == (rows[2]["ip_dst"], rows[2]["ip_src"])
    assert rows[1]["ip_src"] != rows[1]["ip_dst"]
    assert min(rows[1]["ip_src"], rows[1]["ip_dst"]) > 2**32


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_know_their_place(tmp_path: Path, version: int) -> None:
    payload = w.udp(1, 2, b"x" * 100)
    if version == 4:
        packets = w.ipv4_fragments(A, B, payload, size=48, identification=9)
    else:
        packets = w.ipv6_fragments("2001:db8::1", "2001:db8::2", payload, size=48, identification=9)
    rows = fields(tmp_path, *map(w.ethernet, packets))
    assert [r["ip_frag_offset"] for r in rows] == [48 * i for i in range(len(rows))]
    assert [r["ip_mf"] for r in rows] == [1] * (len(rows) - 1) + [0]
    assert (rows[0]["dst_port"], rows[1]["dst_port"]) == (2, 0)


@pytest.mark.parametrize("captured", [70, 200])
def test_headers_behind_that_of_a_first_fragment(tmp_path: Path, captured: int) -> None:
    """More fragments follow a first one, whatever stands between its fragment header and its transport header."""
    first = w.fragment_header(0, more=True, identification=9)
    headers = [(44, first), (60, w.extension(words=9))]
    frame = w.ethernet(w.ipv6("2001:db8::1", "2001:db8::2", w.udp(5, 6, bytes(64)), extensions=headers))
    (row,) = fields(tmp_path, frame, snap=captured)
    assert (row["ip_mf"], row["ip_fragment"], row["ip_frag_offset"]) == (1, 1, 0)


def test_an_icmp_error_tells_the_packet_it_quotes_and_the_mtu(tmp_path: Path) -> None:
    quoted = w.ipv4(A, B, w.tcp(40000, 443, seq=77, data=b"x" * 900), identification=5)[:28]
    error = w.icmp(3, 4, rest=struct.pack(">HH", 0, 1400), data=quoted)
    (row,) = fields(tmp_path, w.ethernet(w.ipv4("10.9.9.9", A, error)))
    assert (row["icmp_type"], row["icmp_code"], row["icmp_mtu"]) == (3, 4, 1400)
    assert (row["quoted_src"], row["quoted_dst"]) == (
        int(ipaddress.ip_address(A)),
        int(ipaddress.ip_address(B)),
    )
    assert (row["quoted_src_port"], row["quoted_dst_port"]) == (40000, 443)
    assert (row["quoted_seq"], row["quoted_ip_id"]) == (77, 5)


def test_a_signed_packet_and_an_error_about_it(tmp_path: Path) -> None:
    """The checksum behind an authentication header is computed as without it; a quoted one is stepped over, too."""
    signed = w.ipv4(A, B, w.authentication(A, B, w.tcp(40000, 443, seq=77, data=b"x" * 90)), identification=5)
    broken = w.ipv4(A, B, w.authentication(A, B, w.tcp(40000, 443, data=b"x", checksum="wrong")))
    error = w.icmp(3, 4, rest=struct.pack(">HH", 0, 1400), data=signed[:52])
    six = ("2001:db8::1", "2001:db8::2")
    signed6 = w.ipv6(*six, w.authentication(*six, w.udp(5, 6, b"x" * 1300), icv_bytes=20))
    error6 = w.icmp6(2, rest=struct.pack(">I", 1280), data=signed6[:80])
    frames = [w.ethernet(packet) for packet in (signed, broken, w.ipv4("10.9.9.9", A, error))]
    rows = fields(tmp_path, *frames, w.ethernet(w.ipv6("2001:db8::9", six[0], error6)))
    assert [row["checksum"] for row in rows[:2]] == [CHECKSUM_GOOD, CHECKSUM_BAD]
    assert [row["payload_len"] for row in rows[:2]] == [90, 1]
    assert (rows[2]["quoted_src_port"], rows[2]["quoted_dst_port"], rows[2]["quoted_seq"]) == (40000, 443, 77)
    assert (rows[3]["quoted_src_port"], rows[3]["quoted_dst_port"]) == (5, 6)


def test_packet_too_big_of_ipv6(tmp_path: Path) -> None:
    quoted = w.ipv6("2001:db8::1", "2001:db8::2", w.udp(5, 6, b"x" * 1300))[:60]
    error = w.icmp6(2, rest=struct.pack(">I", 1280), data=quoted)
    (row,) = fields(tmp_path, w.ethernet(w.ipv6("2001:db8::9", "2001:db8::1", error)))
    assert (row["icmp_type"], row["icmp_mtu"], row["quoted_dst_port"], row["quoted_seq"]) == (2, 1280, 6, -1)


def test_an_echo_and_a_cut_error_quote_nothing(tmp_path: Path) -> None:
    cut = w.icmp(3, 1, data=b"\x45\0\0\x28")
    rows = fields(
        tmp_path, w.ethernet(w.ipv4(A, B, w.icmp(8, data=b"x" * 30))), w.ethernet(w.ipv4(A, B, cut))
    )
    assert [r["quoted_src"] for r in rows] == [-1, -1]
    assert [r["icmp_mtu"] for r in rows] == [-1, -1]


def question(name: str, kind: int, *, identification: int = 0x1234) -> bytes:
    """A DNS query for a name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return (
        struct.pack(">HHHHHH", identification, 0x0100, 1, 0, 0, 0)
        + labels
        + b"\0"
        + struct.pack(">HH", kind, 1)
    )


@pytest.mark.parametrize("kind", [1, 28])
def test_what_a_dns_query_asks_for(tmp_path: Path, kind: int) -> None:
    over_udp = w.ethernet(w.ipv4(A, B, w.udp(5353, 53, question("www.example.org", kind))))
    asked = question("a.example", kind)
    over_tcp = w.ethernet(w.ipv4(A, B, w.tcp(5353, 53, data=struct.pack(">H", len(asked)) + asked)))
    rows = fields(tmp_path, over_udp, over_tcp)
    assert [r["dns_qtype"] for r in rows] == [kind, kind]
    assert rows[0]["payload_head"] >> 40 == 0x1234


def test_a_compressed_or_cut_name_asks_for_nothing(tmp_path: Path) -> None:
    bad = struct.pack(">HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\x01\0\x01"
    cut = question("www.example.org", 28)[:-3]
    rows = fields(
        tmp_path, w.ethernet(w.ipv4(A, B, w.udp(1, 53, bad))), w.ethernet(w.ipv4(A, B, w.udp(1, 53, cut)))
    )
    assert [r["dns_qtype"] for r in rows] == [-1, -1]


def test_the_head_of_a_payload(tmp_path: Path) -> None:
    whole = w.ethernet(w.ipv4(A, B, w.tcp(1, 2, data=b"HTTP/1.1 200")))
    short = w.ethernet(w.ipv4(A, B, w.tcp(1, 2, data=b"\x15\x03")))
    rows = fields(tmp_path, whole, short)
    assert rows[0]["payload_head"].to_bytes(7, "big") == b"HTTP/1."
    assert rows[1]["payload_head"].to_bytes(7, "big") == b"\x15\x03\0\0\0\0\0"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (b"GET /a HTTP/1.1\r\nHost: a\r\n", b"GET /a HTTP/1.0\r\nVia: b\r\n", True),
        (b"GET /a HTTP/1.1\r\n", b"GET /b HTTP/1.1\r\n", False),
        (b"EHLO a\r\nmore", b"EHLO a\r\nless", True),
        (b"\x16\x03 \x03 random", b"\x16\x03 \x03 other", False),
        (b"x" * 48 + b"a", b"x" * 48 + b"b", True),
        (b"x" * 47 + b"a", b"x" * 47 + b"b", False),
        (b"short", b"short", True),
    ],
)
def test_the_first_line_of_a_payload(tmp_path: Path, one: bytes, other: bytes, *, alike: bool) -> None:
    """Of text without what follows its second space, of other bytes the first 48."""
    frames = [w.ethernet(w.ipv4(A, B, w.tcp(1, 2, data=data)), pad_to=60) for data in (one, other)]
    rows = fields(tmp_path, *frames)
    assert (rows[0]["payload_line"] == rows[1]["payload_line"]) is alike
    assert min(row["payload_line"] for row in rows) >= 0


def test_a_first_line_that_is_not_there(tmp_path: Path) -> None:
    """No payload, or cut before the line is told."""
    bare, long = (w.ethernet(w.ipv4(A, B, w.tcp(1, 2, data=data)), pad_to=60) for data in (b"", b"x" * 60))
    told = w.ethernet(w.ipv4(A, B, w.tcp(1, 2, data=b"GET / HTTP/1.1\r\n" + b"x" * 60)))
    rows = fields(tmp_path, bare, long, told, snap=14 + 20 + 20 + 16)
    assert [row["payload_line"] >= 0 for row in rows] == [False, False, True]


def _record(kind: int, size: int) -> bytes:
    return bytes((kind, 3, 3)) + size.to_bytes(2, "big") + b"\xa5" * size


def _told(kind: int, size: int, to_come: int = 0) -> int:
    return kind << 40 | size << 24 | to_come


@pytest.mark.parametrize(
    ("payload", "last"),
    [
        (_record(23, 300), _told(23, 300)),
        (b"tail of an earlier record" + _record(23, 40) + _record(23, 19), _told(23, 19)),
        (_record(21, 2), _told(21, 2)),
        (_record(22, 50) + _record(23, 3081)[:600], _told(23, 3081, 2486)),
        (_record(22, 50) + _record(23, 19)[:4], 0),
        (b"tail" + _record(23, 300)[:-1], 0),
        (_record(24, 300), 0),
        (_record(23, 300).replace(b"\x17\x03\x03", b"\x17\x04\x03"), 0),
        (_record(23, 300).replace(b"\x17\x03\x03", b"\x17\x03\x05"), 0),
        (b"\x17\x03\x03\xff\xff" + bytes(50), 0),
        (b"\x17\x03\x03\0\0", 0),
        (b"", 0),
        (b"\x17\x03\x03\0", 0),
    ],
)
def test_the_last_tls_record_of_a_payload(tmp_path: Path, payload: bytes, last: int) -> None:
    """Followed from the payload's beginning, or the one it ends with; what is no record, or no whole header, is none."""
    (row,) = fields(tmp_path, w.ethernet(w.ipv4(A, B, w.tcp(1, 2, data=payload)), pad_to=60))
    assert row["tls_last"] == last


def test_a_tls_record_that_was_not_captured_is_not_told(tmp_path: Path) -> None:
    """Cut by the snap length, or no TCP at all."""
    cut = w.ethernet(w.ipv4(A, B, w.tcp(1, 2, data=_record(23, 300))))
    udp = w.ethernet(w.ipv4(A, B, w.udp(1, 2, _record(23, 300))))
    assert [row["tls_last"] for row in fields(tmp_path, cut, udp, snap=200)] == [-1, -1]


@pytest.mark.parametrize(
    ("checksum", "state"), [("right", CHECKSUM_GOOD), ("wrong", CHECKSUM_BAD), ("zero", CHECKSUM_UNKNOWN)]
)
def test_the_checksum_of_a_tunnel(tmp_path: Path, checksum: w.Checksum, state: int) -> None:
    inner = w.ethernet(w.ipv4(A, B, w.tcp(1, 2)))
    body = struct.pack(">II", 0x08000000, 7 << 8) + inner
    frame = w.ethernet(w.ipv4("172.16.0.1", "172.16.0.2", w.udp(50123, 4789, body, checksum=checksum)))
    (row,) = fields(tmp_path, frame)
    assert (row["outer_src_port"], row["outer_checksum"], row["tcp_hdr_len"]) == (50123, state, 20)


def test_arp_tells_who_asks_for_whom(tmp_path: Path) -> None:
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + bytes.fromhex("02000000000a")
    body += ipaddress.ip_address(A).packed + bytes.fromhex("02000000000b") + ipaddress.ip_address(B).packed
    frame = bytes.fromhex("ffffffffffff02000000000a0806") + body
    tagged = frame[:12] + b"\x81\0\0\x05" + frame[12:]
    rows = fields(tmp_path, frame, tagged, frame[:30])
    assert [r["arp_op"] for r in rows] == [2, 2, 0]
    assert rows[0]["arp_sender_mac"] == 0x02000000000A
    assert (rows[1]["ip_src"], rows[1]["ip_dst"]) == (
        int(ipaddress.ip_address(A)),
        int(ipaddress.ip_address(B)),
    )
    cooked = b"\0\0\0\1\0\6" + b"\2" * 6 + b"\0\0\x08\x06" + body
    (row,) = fields(tmp_path, cooked, link_type=113)
    assert (row["arp_op"], row["ip_src"]) == (2, int(ipaddress.ip_address(A)))


def test_any_bytes_give_a_row(tmp_path: Path) -> None:
    """Nothing is read beyond the captured bytes, wherever they end."""
    inner = w.ethernet(w.ipv4(A, B, w.udp(53, 53, question("www.example.org", 28))))
    body = struct.pack(">II", 0x08000000, 7 << 8) + inner
    frame = w.ethernet(w.ipv4("172.16.0.1", "172.16.0.2", w.udp(50123, 4789, body)))
    for snap in range(1, len(frame)):
        assert fields(tmp_path, frame, snap=snap)[0]["frame_len"] == len(frame)
