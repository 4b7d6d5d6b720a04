"""Every encapsulation leads to the same innermost segment."""

import packet_writer as w
import pytest
import samples
from decoded import Fields, fields, read
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.tables import packets as table

Frames = dict[str, bytes]


def only(data: bytes, link_type: int = 1) -> Fields | None:
    """The fields of a capture's only packet."""
    capture, weirds = read(w.pcap([(0, data)], link_type=link_type))
    assert not weirds
    return fields(capture, 0)


def is_the_segment(found: Fields | None) -> bool:
    """Whether it is `samples.SEGMENT`."""
    assert found is not None
    ends = (found.src, found.dst) in {(samples.SRC, samples.DST), (samples.SRC6, samples.DST6)}
    numbers = (found.sport, found.dport, found.seq, found.ack, found.window, found.length, found.flags)
    identification = 4242 if found.info & table.INFO_IP_ID else 1  # IPv6: the timestamp stands there
    return ends and numbers == (40000, 443, 0xFFFFFFF0, 77, 501, 40, 0x18) and found.ip_id == identification


@pytest.mark.parametrize("name", samples.ETHERNET_FRAMES)
def test_ethernet_frame_holds_the_segment(name: str) -> None:
    found = only(samples.ETHERNET_FRAMES[name])
    assert is_the_segment(found)
    assert found is not None
    assert found.info & ~table.INFO_IP_ID == table.INFO_TIMESTAMPS
    assert found.padding == (4 if name == "trailer" else 0)


@pytest.mark.parametrize("name", samples.OTHER_LINKS)
def test_other_link_holds_the_segment(name: str) -> None:
    link_type, data = samples.OTHER_LINKS[name]
    assert is_the_segment(only(data, link_type))


@pytest.mark.parametrize(
    ("name", "tunnel", "depth", "vni"),
    [
        ("plain", "", 0, 0),
        ("geneve options", "geneve", 1, 42),
        ("vxlan", "vxlan", 1, 42),
        ("vxlan-gpe", "vxlan", 1, 42),
        ("gre full", "gre", 1, 42),
        ("erspan 2", "erspan", 1, 42),
        ("erspan 3 platform", "erspan", 1, 42),
        ("sit", "ipip", 1, 0),
        ("gtpu extension", "gtpu", 1, 42),
        ("nested", "gre", 3, 0),
    ],
)
def test_tunnel_is_named(name: str, tunnel: str, depth: int, vni: int) -> None:
    found = only(samples.ETHERNET_FRAMES[name])
    assert found is not None
    assert (found.tunnel, found.depth, found.vni) == (tunnel, depth, vni)


def test_padding_inside_a_tunnel_is_counted() -> None:
    """A bare ACK padded to 60 bytes before it entered the tunnel has 6 bytes of padding."""
    padded = w.ethernet(w.ipv4(samples.SRC, samples.DST, w.tcp(1, 2)), pad_to=60)
    found = only(samples.carried(w.geneve(padded, vni=1)))
    assert found is not None
    assert (found.padding, found.length) == (6, 0)


def test_tunnel_without_ip_inside_leaves_the_outer_packet() -> None:
    arp = w.ethernet(bytes(28), kind=0x0806)
    found = only(samples.carried(w.vxlan(arp, vni=1)))
    assert found is not None
    assert (found.protocol, found.dport, found.tunnel) == (17, 4789, "")


def test_encrypted_wifi_is_not_read() -> None:
    assert only(w.wifi(samples.V4, encrypted=True), 105) is None


def test_total_length_zero_takes_the_frame() -> None:
    """TSO leaves the IP total length 0: the payload is what the frame holds."""
    packet = w.ipv4(samples.SRC, samples.DST, w.tcp(1, 2, data=b"y" * 3000), total_length=0)
    found = only(w.ethernet(packet))
    assert found is not None
    assert found.length == 3000
    assert found.info & table.INFO_LENGTH_UNKNOWN


@pytest.mark.parametrize("fragments", [w.ipv4_fragments, w.ipv6_fragments])
def test_fragments_are_one_datagram(fragments: object) -> None:
    """All fragments share a flow named by the identification, and keep their offsets."""
    ends = (samples.SRC, samples.DST) if fragments is w.ipv4_fragments else (samples.SRC6, samples.DST6)
    data = bytes([44, 0, 0, 0]) * 100  # would look like extension headers
    pieces = fragments(*ends, w.udp(7, 9, data), size=80, identification=777)  # type: ignore[operator]
    capture, weirds = read(w.pcap([(0, w.ethernet(piece)) for piece in pieces]))
    assert not weirds
    assert len(capture.flows) == 1
    found = [fields(capture, row) for row in range(len(pieces))]
    assert [f.ack for f in found if f] == [80 * i for i in range(len(pieces))]
    assert {(f.sport, f.protocol, f.info & table.INFO_FRAGMENT) for f in found if f} == {
        (777, 17, table.INFO_FRAGMENT)
    }


def test_fragments_of_a_signed_datagram_are_one_datagram() -> None:
    """The authentication header stands in the first fragment only; IPv6 puts the fragment header before it."""
    four = w.authentication(samples.SRC, samples.DST, w.udp(7, 9, bytes(100)))
    six = w.authentication(samples.SRC6, samples.DST6, w.udp(7, 9, bytes(100)))
    pieces = w.ipv4_fragments(samples.SRC, samples.DST, four, size=64, identification=777)
    pieces += w.ipv6_fragments(samples.SRC6, samples.DST6, six, size=64, identification=777)
    capture, weirds = read(w.pcap([(0, w.ethernet(piece)) for piece in pieces]))
    assert not weirds
    assert capture.flows[:, table.FLOW_PACKETS].tolist() == [3, 3]
    assert [f.protocol for f in (fields(capture, row) for row in range(6)) if f] == [51] * 6


@pytest.mark.parametrize(
    ("captured", "protocol"), [(14 + 20 + 7, 51), (14 + 20 + 23, None), (14 + 20 + 36, 17)]
)
def test_a_signed_packet_that_the_snap_length_cut(captured: int, protocol: int | None) -> None:
    """Within the authentication header nothing behind it is guessed; without its ports it has no flow."""
    signed = w.authentication(samples.SRC, samples.DST, w.udp(7, 9, bytes(100)))
    frame = w.ethernet(w.ipv4(samples.SRC, samples.DST, signed))
    capture, _ = read(w.pcap([(0, frame)], snap_length=captured))
    found = fields(capture, 0)
    assert (found and found.protocol) == protocol
    assert int(capture.packets[0, table.MISC]) >> 24 & table.INFO_CUT


def test_transport_header_longer_than_the_ip_packet_has_no_flow() -> None:
    """Ports beyond the IP packet's own end are padding, not ports."""
    packet = w.ipv4(samples.SRC, samples.DST, w.tcp(1, 2), total_length=30)
    capture, _ = read(w.pcap([(0, w.ethernet(packet))]))
    assert fields(capture, 0) is None
    assert int(capture.packets[0, table.MISC]) >> 24 & table.INFO_MALFORMED


def test_sctp_keeps_its_ports_when_the_payload_is_cut() -> None:
    frame = w.ethernet(w.ipv4(samples.SRC, samples.DST, w.sctp(36412, 36422, bytes(400))))
    capture, _ = read(w.pcap([(0, frame)], snap_length=64))
    found = fields(capture, 0)
    assert found is not None
    assert (found.sport, found.dport) == (36412, 36422)
    assert found.info & table.INFO_CUT


addresses = st.one_of(
    st.tuples(st.ip_addresses(v=4).map(str), st.ip_addresses(v=4).map(str)),
    st.tuples(st.ip_addresses(v=6).map(str), st.ip_addresses(v=6).map(str)),
)
ports = st.integers(0, 0xFFFF)
words = st.integers(0, 0xFFFFFFFF)
flag_letters = st.sets(st.sampled_from("FSRPAUEC")).map("".join)


@given(addresses, ports, ports, words, words, flag_letters, ports, ports, st.binary(max_size=64))
@settings(max_examples=60)
def test_any_segment_comes_back(
    ends: tuple[str, str],
    sport: int,
    dport: int,
    seq: int,
    ack: int,
    flags: str,
    window: int,
    ip_id: int,
    data: bytes,
) -> None:
    """What the writer writes the reader reads, in a plain frame and in a tunnel."""
    segment = w.tcp(sport, dport, seq=seq, ack=ack, flags=flags, window=window, data=data)
    frame = w.ethernet(w.ip(*ends, segment, identification=ip_id), pad_to=60)
    bits = sum(w.FLAG_BITS[letter] for letter in flags)
    for captured in (frame, samples.carried(w.geneve(frame, vni=5))):
        found = only(captured)
        assert found is not None
        assert (found.src, found.dst, found.sport, found.dport) == (*ends, sport, dport)
        assert (found.seq, found.ack, found.length, found.flags) == (seq, ack, len(data), bits)
        assert (found.window, found.ip_id) == (window, ip_id)


@given(st.data())
@settings(max_examples=60)
def test_direction_and_flow_do_not_depend_on_order(data: st.DataObject) -> None:
    """Both directions of a connection are one flow, however packets are interleaved."""
    pairs = [("10.0.0.1", 5, "10.0.0.2", 5), ("10.0.0.1", 5, "10.0.0.1", 6), ("10.0.0.9", 80, "10.0.0.2", 81)]
    picks = data.draw(st.lists(st.tuples(st.sampled_from(pairs), st.booleans()), min_size=1, max_size=20))
    ends = [pair[2:] + pair[:2] if back else pair for pair, back in picks]
    packets = [(0, w.ethernet(w.ipv4(s, d, w.tcp(sp, dp)))) for s, sp, d, dp in ends]
    capture, _ = read(w.pcap(packets))
    assert len(capture.flows) == len({pair for pair, _ in picks})
    found = [fields(capture, row) for row in range(len(picks))]
    assert [(f.src, f.sport, f.dst, f.dport) for f in found if f] == ends
    assert int(capture.flows[:, table.FLOW_PACKETS].sum()) == len(picks)
