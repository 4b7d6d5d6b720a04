"""Ends of packets as values: by the flow they belong to, and by who sent them."""

import numpy as np

from lastseen.tables.endpoints import Endpoint, ends_at, ends_of
from lastseen.tables.packets import (
    FLOW,
    FLOW_A,
    FLOW_B,
    FLOW_COLUMNS,
    FLOW_PORTS,
    FLOW_PROTO,
    PACKET_COLUMNS,
    Capture,
)

ONE, OTHER = Endpoint(address="10.0.0.1", port=443), Endpoint(address="10.0.0.2", port=5000)


def capture(*words: int) -> Capture:
    """Packets with these FLOW words, of one flow from port 443 of 10.0.0.1 to port 5000 of 10.0.0.2."""
    packets = np.zeros((len(words), PACKET_COLUMNS), np.uint32)
    packets[:, FLOW] = words
    flows = np.zeros((1, FLOW_COLUMNS), np.uint32)
    flows[0, [FLOW_A + 3, FLOW_B + 3]] = 0x0A000001, 0x0A000002
    flows[0, [FLOW_PORTS, FLOW_PROTO]] = 443 << 16 | 5000, 4 << 8 | 6
    return Capture(
        file="a", format="pcap", interfaces=(), packets=packets, flows=flows,
        offsets=np.zeros(len(words), np.int64), lengths=np.zeros((len(words), 2), np.uint32),
    )  # fmt: skip


def test_the_sender_is_the_source() -> None:
    assert ends_at(capture(0), 0) == (ONE, OTHER)
    assert ends_at(capture(1), 0) == (OTHER, ONE)


def test_a_packet_without_a_flow_has_no_ends() -> None:
    assert ends_at(capture(2), 0) == (Endpoint(address=""), Endpoint(address=""))


def test_ends_are_told_once_for_each_flow_and_direction() -> None:
    assert ends_of(capture(0, 1, 0, 1), np.array([0, 2])) == [(ONE, OTHER)]
    assert ends_of(capture(0, 1, 0, 1), np.arange(4)) == [(ONE, OTHER), (OTHER, ONE)]
