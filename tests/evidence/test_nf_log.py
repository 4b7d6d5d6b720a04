"""The packet part of netfilter log lines."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.nf_log import endpoint_of, packet_of
from lastseen.tables.endpoints import Endpoint

FLAG_WORDS = ("CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN")

V4 = (
    "IN=w1 OUT= MAC=6a:8d:a1:0c:2c:83:5a:77:9b:7a:a6:0c:08:00 SRC=10.91.1.2 DST=10.91.2.2 LEN=40 TOS=0x00 "
    "PREC=0x00 TTL=64 ID=57349 DF PROTO=TCP SPT=80 DPT=46222 SEQ=1483371634 ACK=389542710 WINDOW=63 RES=0x00 "
    "ACK FIN URGP=0 "
)
V6 = (
    "IN= OUT=bond0 SRC=2c0f:0000:0000:0000:0000:0000:0000:0001 DST=2a00::2 LEN=2928 TC=0 HOPLIMIT=64 "
    "FLOWLBL=867133 PROTO=TCP SPT=48920 DPT=25 SEQ=2689938314 ACK=4200412020 WINDOW=447 RES=0x00 ACK PSH URGP=0 "
    "OPT (0101080A2F36C1C120EDFB91) UID=8 GID=12"
)


def test_every_field_of_an_ipv4_segment() -> None:
    """Addresses, lengths, numbers and flags as printed; ACK= and the word ACK are two things."""
    packet = packet_of(V4)
    assert packet is not None
    assert packet.src == Endpoint(address="10.91.1.2", port=80)
    assert packet.dst == Endpoint(address="10.91.2.2", port=46222)
    assert (packet.proto, packet.ip_len_bytes, packet.ip_id, packet.ip_ttl) == (6, 40, 57349, 64)
    assert (packet.tcp_seq, packet.tcp_ack, packet.tcp_flags) == (1483371634, 389542710, 0x11)
    assert (packet.in_device, packet.out_device) == ("w1", "")


def test_ipv6_has_a_hop_limit_and_no_ip_id() -> None:
    """The address is canonical, UID and OPT are no flags."""
    packet = packet_of(V6)
    assert packet is not None
    assert packet.src.address == "2c0f::1"
    assert (packet.ip_id, packet.ip_ttl, packet.ip_len_bytes) == (None, 64, 2928)
    assert (packet.tcp_flags, packet.out_device) == (0x18, "bond0")


def test_the_echo_id_of_icmp_is_not_the_ip_id() -> None:
    """ID= and SEQ= of the echo request follow those of the header; ICMPv6 has only the echo's."""
    v4 = packet_of("SRC=10.0.0.1 DST=10.0.0.2 LEN=84 TTL=63 ID=7 PROTO=ICMP TYPE=8 CODE=0 ID=999 SEQ=1 ")
    v6 = packet_of("SRC=fe80::1 DST=fe80::2 LEN=84 HOPLIMIT=63 PROTO=ICMPv6 TYPE=128 CODE=0 ID=999 SEQ=1 ")
    assert v4 is not None
    assert v6 is not None
    assert (v4.proto, v4.ip_id, v4.tcp_seq) == (1, 7, None)
    assert (v6.proto, v6.ip_id, v6.tcp_seq) == (58, None, None)


def test_the_outer_packet_of_an_icmp_error() -> None:
    """What the error quotes in brackets does not fill the outer packet's fields."""
    packet = packet_of(
        "IN= OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=576 ID=5 PROTO=ICMP TYPE=3 CODE=4 "
        "[SRC=10.0.0.2 DST=10.9.9.9 LEN=1500 PROTO=TCP SPT=1 DPT=2 ] MTU=1400"
    )
    assert packet is not None
    assert packet.src == Endpoint(address="10.0.0.1")
    assert packet.proto == 1


def test_protocol_by_number_and_by_unknown_name() -> None:
    """A protocol the kernel has no name for is a number; a name nobody knows is not printed."""
    by_number, unknown = (
        packet_of("SRC=1.1.1.1 DST=2.2.2.2 PROTO=47"),
        packet_of("SRC=1.1.1.1 DST=2.2.2.2 PROTO=X"),
    )
    assert by_number is not None
    assert unknown is not None
    assert (by_number.proto, unknown.proto) == (47, None)


def test_a_trimmed_line_has_what_it_has() -> None:
    """Fields that were cut off are unknown, not zero."""
    packet = packet_of("SRC=10.0.2.1 DST=10.0.96.7 LEN=1040 ...")
    assert packet is not None
    assert (packet.ip_len_bytes, packet.proto, packet.tcp_flags, packet.ip_id) == (1040, None, None, None)


def test_flags_cut_off_are_unknown_and_no_flags_are_zero() -> None:
    """A line that ends before URGP= and shows no flag word says nothing about flags."""
    cut, none = packet_of(V4.split("RES=", maxsplit=1)[0]), packet_of(V4.replace("ACK FIN ", ""))
    assert cut is not None
    assert none is not None
    assert (cut.tcp_flags, none.tcp_flags) == (None, 0)


def test_values_out_of_range_count_as_not_printed() -> None:
    """A hostile line cannot put a number into a column that cannot hold it."""
    packet = packet_of(
        f"SRC=1.1.1.1 DST=2.2.2.2 LEN={'9' * 5000} TTL=256 ID=65536 PROTO=TCP SPT=70000 SEQ=\u0663"
    )
    assert packet is not None
    assert (packet.ip_len_bytes, packet.ip_ttl, packet.ip_id, packet.src.port, packet.tcp_seq) == (
        None, None, None, 0, None,
    )  # fmt: skip


def test_the_bridge_port_where_the_device_is_empty() -> None:
    """PHYSIN= is the port of a bridge the packet came in on."""
    packet = packet_of("IN= OUT= PHYSIN=tap1 SRC=1.1.1.1 DST=2.2.2.2")
    assert packet is not None
    assert packet.in_device == "tap1"


def test_no_packet_without_both_addresses() -> None:
    """Text without them, or with what is no address, is no packet."""
    assert packet_of("SRC=1.1.1.1 LEN=40") is None
    assert packet_of("SRC=here DST=there") is None
    assert endpoint_of("") is None
    assert endpoint_of("[fe80::1]", "53") == Endpoint(address="fe80::1", port=53)


@given(
    src=st.ip_addresses(v=4),
    dst=st.ip_addresses(v=4),
    ports=st.tuples(st.integers(1, 65535), st.integers(1, 65535)),
    numbers=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    flags=st.integers(0, 255),
)
def test_round_trip(
    src: ipaddress.IPv4Address,
    dst: ipaddress.IPv4Address,
    ports: tuple[int, int],
    numbers: tuple[int, int],
    flags: int,
) -> None:
    """A line in the kernel's format gives back the values it was made of."""
    words = " ".join(word for bit, word in enumerate(FLAG_WORDS) if flags & (0x80 >> bit))
    packet = packet_of(
        f"IN= OUT= SRC={src} DST={dst} LEN=40 TTL=1 ID=2 PROTO=TCP SPT={ports[0]} DPT={ports[1]} "
        f"SEQ={numbers[0]} ACK={numbers[1]} WINDOW=1 RES=0x00 {words} URGP=0"
    )
    assert packet is not None
    assert (packet.src.address, packet.src.port) == (str(src), ports[0])
    assert (packet.dst.address, packet.dst.port) == (str(dst), ports[1])
    assert (packet.tcp_seq, packet.tcp_ack, packet.tcp_flags) == (*numbers, flags)


@given(st.text(), st.sampled_from(["", "SRC=1.1.1.1 DST=2.2.2.2 ", "SRC=", "PROTO=TCP SEQ="]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the log."""
    packet_of(start + text)


_NUMBERS = st.one_of(st.integers(0, 2**34), st.sampled_from([0, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32]))


@given(
    st.lists(_NUMBERS, min_size=7, max_size=7),
    st.lists(st.sampled_from(FLAG_WORDS), max_size=8),
    st.sampled_from(["10.91.1.2", "10.91.1.256", "010.1.1.1", "1.2.3"]),
    st.sampled_from(["", "DF ", "CE DF ", "MF "]),
)
def test_a_line_in_the_usual_order_says_what_its_words_say(
    numbers: list[int], flags: list[str], source: str, fragment: str
) -> None:
    """One more word at the end, and it is read word by word; numbers too large for their field are left out."""
    length, ttl, ip_id, port, seq, ack, window = numbers
    text = (
        f"IN=w1 OUT= MAC=6a:8d SRC={source} DST=10.91.2.2 LEN={length} TOS=0x00 PREC=0x00 TTL={ttl} ID={ip_id} "
        f"{fragment}PROTO=TCP SPT={port} DPT=443 SEQ={seq} ACK={ack} WINDOW={window} RES=0x00 "
        f"{''.join(flag + ' ' for flag in flags)}URGP=0 "
    )
    assert packet_of(text) == packet_of(f"{text}x")
