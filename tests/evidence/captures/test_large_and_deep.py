"""Packets longer than 16 bits can tell, and tunnels inside tunnels: read as far as promised, the rest is said."""

import packet_writer as w
import pytest
import samples
from decoded import Fields, fields, read
from hypothesis import given
from hypothesis import strategies as st

from lastseen.tables import packets as table
from lastseen.tables.sources import Weird

DEEPER = "a tunnel inside 4 others: what it carries is not read"


def first(frame: bytes, *, snap_length: int = 262144) -> tuple[Fields, list[Weird]]:
    capture, weirds = read(w.pcap([(0, frame)], snap_length=snap_length))
    found = fields(capture, 0)
    assert found is not None
    return found, weirds


@pytest.mark.parametrize("name", samples.LARGE_FRAMES)
@pytest.mark.parametrize("snap_length", [128, 262144])
def test_a_payload_beyond_65535_bytes_is_counted(name: str, snap_length: int) -> None:
    found, weirds = first(samples.LARGE_FRAMES[name], snap_length=snap_length)
    assert not weirds
    assert (found.sport, found.dport, found.seq, found.length) == (40000, 443, 5, 100_000)
    assert found.padding == (4 if name == "jumbogram with a trailer" else 0)
    assert bool(found.info & table.INFO_LENGTH_UNKNOWN) is (name == "ipv4 without a length")


def test_big_tcp_of_ipv6_without_its_option() -> None:
    """Before the option is written the length is 0, as captured on the sender: the frame tells."""
    found, weirds = first(w.ethernet(w.ipv6(samples.SRC6, samples.DST6, samples.LARGE, payload_length=0)))
    assert (found.length, weirds) == (100_000, [])
    assert found.info & table.INFO_LENGTH_UNKNOWN


@pytest.mark.parametrize("said", [0, 1000, 0xFFFF, 100_029, 2**32 - 1])
def test_a_jumbo_length_that_cannot_be_is_not_believed(said: int) -> None:
    """One that needed no jumbogram, or one beyond the frame: the frame tells."""
    found, _ = first(w.ethernet(samples.jumbogram(said=said)))
    assert found.length == 100_000
    assert found.info & table.INFO_LENGTH_UNKNOWN


@pytest.mark.parametrize("tunnel", ["gre", "ipip", "gtpu"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_tunnels_are_followed_to_a_depth_of_4(tunnel: str, depth: int) -> None:
    found, weirds = first(w.ethernet(samples.nested(tunnel, depth=depth)))
    assert (found.sport, found.dport, found.length) == (40000, 443, 40)
    assert (found.tunnel, found.depth, weirds) == (tunnel, depth, [])


@given(
    tunnel=st.sampled_from(["gre", "ipip", "gtpu"]),
    depth=st.integers(5, 40),
    packets=st.integers(1, 3),
)
def test_a_deeper_tunnel_is_said(tunnel: str, depth: int, packets: int) -> None:
    """It stays a packet of the fifth tunnel, and the capture says how many there were."""
    frame = w.ethernet(samples.nested(tunnel, depth=depth))
    capture, weirds = read(w.pcap([(n, frame) for n in range(packets)]))
    found = fields(capture, 0)
    assert found is not None
    assert (found.depth, found.tunnel) == (4, tunnel)
    assert found.protocol == {"gre": 47, "ipip": 4, "gtpu": 17}[tunnel]
    assert weirds == [Weird(file="test.pcap", reason=DEEPER, count=packets)]


def test_esp_is_said_to_be_opaque() -> None:
    """In the open and in a tunnel."""
    esp = w.ipv4(*samples.OUTER, w.Payload(protocol=50, data=bytes(range(60))))
    frames = [w.ethernet(esp), samples.carried(w.geneve(w.ethernet(esp), vni=7))]
    _, weirds = read(w.pcap([(n, frame) for n, frame in enumerate(frames)]))
    assert weirds == [Weird(file="test.pcap", reason="ESP: encrypted, what it carries is not read", count=2)]
