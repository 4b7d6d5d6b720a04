"""Whatever a file holds, reading ends without an exception, and each damage is told once."""

import packet_writer as w
import pytest
import samples
from decoded import fields, read
from hypothesis import given, settings
from hypothesis import strategies as st

FRAMES = [
    samples.ETHERNET_FRAMES[name] for name in ("plain", "geneve options", "ipv6 extensions", "gtpu extension")
]
PCAP = w.pcap([(i * 1000 + 10**18, frame) for i, frame in enumerate(FRAMES)])
BLOCKS = w.Pcapng(big_endian=True)
PCAPNG = b"".join((
    BLOCKS.section(), BLOCKS.interface(name="eth0", resolution=9), *(BLOCKS.packet(10**18, f) for f in FRAMES),
    BLOCKS.statistics(10**18, if_drop=1),
))  # fmt: skip


@pytest.mark.parametrize("whole", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_truncated_at_every_byte(whole: bytes) -> None:
    """Whole packets before the cut are kept; a cut inside a record is one weird, a cut between two is none."""
    full, _ = read(whole)
    for size in range(len(whole)):
        capture, weirds = read(whole[:size])
        kept = int((full.offsets + full.lengths[:, 0] <= size).sum())
        assert kept - 1 <= len(capture.packets) <= kept  # a pcapng block goes on behind its packet
        assert (capture.packets == full.packets[: len(capture.packets)]).all()
        assert len(weirds) <= 1
        assert all(weird.offset is not None and weird.offset <= size for weird in weirds)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\xd4\xc3\xb2", bytes(1000), b"PK\x03\x04" * 9, PCAP[:24] + bytes(4096), PCAPNG + bytes(4096),
     PCAP + b"\xff" * 64, PCAPNG + b"\xff" * 64],
)  # fmt: skip
def test_one_weird_for_one_damage(data: bytes) -> None:
    capture, weirds = read(data)
    assert len(weirds) == 1
    assert len(capture.packets) in {0, 4}


def test_zero_filled_tail_is_called_so() -> None:
    for data in (PCAP, PCAPNG):
        capture, (weird,) = read(data + bytes(999))
        assert "zero-filled" in weird.reason
        assert (weird.offset, len(capture.packets)) == (len(data), 4)


def test_header_only_is_an_empty_capture() -> None:
    capture, weirds = read(w.pcap([]))
    assert (len(capture.packets), weirds, capture.format) == (0, [], "pcap")


@pytest.mark.parametrize("name", [n for n in samples.ETHERNET_FRAMES if n != "trailer"])
def test_any_snap_length_gives_the_same_packet_or_none(name: str) -> None:
    """A shorter snap length hides the packet, or shows a tunnel's outside, but never invents another one."""
    frame = samples.ETHERNET_FRAMES[name]
    whole, _ = read(w.pcap([(0, frame)]))
    full = fields(whole, 0)
    assert full is not None
    for size in range(len(frame)):
        capture, _ = read(w.pcap([(0, frame)], snap_length=size))
        found = fields(capture, 0)
        if found is not None and found.protocol == 6:
            assert (found.src, found.sport, found.seq, found.length) == (
                full.src,
                full.sport,
                full.seq,
                full.length,
            )


@pytest.mark.parametrize("link_type", [0, 1, 9, 50, 51, 101, 105, 108, 113, 127, 228, 229, 239, 276, 4711])
@given(st.data())
@settings(max_examples=40)
def test_garbage_packets_never_raise(link_type: int, data: st.DataObject) -> None:
    """Random bytes, also where a header announces more than there is."""
    packets = [(10**18, data.draw(st.binary(max_size=120))) for _ in range(3)]
    capture, _ = read(w.pcap(packets, link_type=link_type))
    assert len(capture.packets) == 3


@given(
    st.sampled_from([PCAP, PCAPNG]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1),
)
@settings(max_examples=200)
def test_mutated_captures_never_raise(whole: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(whole)
    for at, value in changes:
        data[at % len(data)] = value
    capture, weirds = read(bytes(data))
    assert len(capture.packets) <= len(data) // 16
    assert len(weirds) <= 2 + len(capture.interfaces)


@given(st.binary(max_size=300), st.sampled_from([PCAP[:4], PCAP[:24], PCAPNG[:28], PCAPNG[:80]]))
@settings(max_examples=200)
def test_garbage_behind_a_good_beginning_never_raises(tail: bytes, head: bytes) -> None:
    read(head + tail)


@pytest.mark.parametrize("field", [0, 4, 8, 12])
def test_huge_numbers_in_a_record_header(field: int) -> None:
    """A captured length of 4 GiB ends the reading there; a huge time or wire length is only odd."""
    data = bytearray(PCAP)
    data[24 + field : 28 + field] = b"\xff" * 4
    capture, weirds = read(bytes(data))
    assert (len(capture.packets), len(weirds)) == ((0, 1) if field in {4, 8} else (4, 0))


def test_thousands_of_interfaces_do_not_hang() -> None:
    """Every interface is kept up to what a flow key can name; then the file counts as damaged."""
    data = BLOCKS.section() + BLOCKS.interface() * 70_000
    capture, weirds = read(data)
    assert 60_000 < len(capture.interfaces) <= 0x10000
    assert len(weirds) == 1
