"""Flow rows as text: one form for one address, whatever the protocol, version and tunnel."""

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.tables.connections import CONNECTION
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.flow_text import (
    address_and_port,
    connection_text,
    endpoint_text,
    endpoint_texts,
    group_texts,
    tunnel_text,
)
from lastseen.tables.packets import FLOW_COLUMNS, FLOW_IS_DATAGRAM, Capture
from lastseen.tables.points import Point


def flow(a: str, b: str, *, ports: tuple[int, int] = (0, 0), protocol: int = 6, more: int = 0) -> np.ndarray:
    row = np.zeros(FLOW_COLUMNS, np.uint32)
    one, other = ipaddress.ip_address(a), ipaddress.ip_address(b)
    row[0:4] = np.frombuffer(int(one).to_bytes(16, "big"), ">u4")
    row[4:8] = np.frombuffer(int(other).to_bytes(16, "big"), ">u4")
    row[8], row[9] = ports[0] << 16 | ports[1], protocol | one.version << 8 | more
    return row


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (flow("10.0.0.1", "10.0.0.2", ports=(40000, 443)), "10.0.0.1:40000 > 10.0.0.2:443"),
        (flow("10.0.0.1", "10.0.0.2"), "10.0.0.1:0 > 10.0.0.2:0"),
        (flow("2001:db8::1", "::1", ports=(1, 2)), "[2001:db8::1]:1 > [::1]:2"),
        (flow("10.0.0.1", "10.0.0.2", ports=(5353, 53), protocol=17), "udp 10.0.0.1:5353 > 10.0.0.2:53"),
        (flow("10.0.0.1", "10.0.0.2", protocol=1), "icmp 10.0.0.1 > 10.0.0.2"),
        (flow("fe80::1", "ff02::1", protocol=58), "icmpv6 fe80::1 > ff02::1"),
        (flow("10.0.0.1", "10.0.0.2", protocol=99), "proto 99 10.0.0.1 > 10.0.0.2"),
        (
            flow("10.0.0.1", "10.0.0.2", ports=(7, 7), protocol=17, more=FLOW_IS_DATAGRAM),
            "udp 10.0.0.1 > 10.0.0.2",
        ),
    ],
)
def test_a_connection_reads_as_one_writes_it(row: np.ndarray, said: str) -> None:
    assert connection_text(row) == said


def test_the_originator_stands_first() -> None:
    row = flow("10.0.0.1", "10.0.0.2", ports=(443, 40000))
    assert connection_text(row, 1) == "10.0.0.2:40000 > 10.0.0.1:443"
    assert (endpoint_text(row, 0), endpoint_text(row, 1)) == ("10.0.0.1:443", "10.0.0.2:40000")


@given(
    st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.ip_addresses(network="::ffff:0:0/96")))
)
def test_addresses_read_as_ipaddress_prints_them(addresses: list[ipaddress.IPv4Address]) -> None:
    """One row or many, v4 and v6 mixed."""
    rows = np.array([flow(str(a), str(a), ports=(1, 2)) for a in addresses], np.uint32).reshape(
        -1, FLOW_COLUMNS
    )
    expected = [f"[{a}]:2" if a.version == 6 else f"{a}:2" for a in addresses]
    assert endpoint_texts(rows, np.ones(len(rows), np.int64)) == expected


@pytest.mark.parametrize(
    ("kind", "key", "depth", "said"),
    [
        (0, 0, 0, None),
        (1, 100, 1, "geneve vni 100 192.168.50.11 > 192.168.50.21"),
        (2, 0, 1, "vxlan vni 0 192.168.50.11 > 192.168.50.21"),
        (3, 0, 1, "gre 192.168.50.11 > 192.168.50.21"),
        (4, 0, 1, "ipip 192.168.50.11 > 192.168.50.21"),
        (6, 7, 2, "gtpu teid 7 192.168.50.11 > 192.168.50.21 (innermost of 2)"),
        (99, 7, 1, "tunnel kind 99 192.168.50.11 > 192.168.50.21"),
    ],
)
def test_a_tunnel_is_named_with_its_key_and_ends(kind: int, key: int, depth: int, said: str | None) -> None:
    row = flow("10.0.0.1", "10.0.0.2")
    row[10], row[11] = kind | depth << 8, key
    row[16], row[17] = int(ipaddress.ip_address("192.168.50.11")), int(ipaddress.ip_address("192.168.50.21"))
    assert tunnel_text(row) == said


def test_a_tunnel_over_ipv6_has_no_addresses() -> None:
    row = flow("10.0.0.1", "10.0.0.2")
    row[10], row[11] = 1 | 1 << 8, 5
    assert tunnel_text(row) == "geneve vni 5"


@pytest.mark.parametrize(
    ("address", "port", "said"),
    [("10.0.0.1", 53, "10.0.0.1:53"), ("::1", 53, "[::1]:53"), ("::1", 0, "::1")],
)
def test_an_endpoint_reads_the_same(address: str, port: int, said: str) -> None:
    assert address_and_port(Endpoint(address=address, port=port)) == said


def test_groups_beyond_the_connections_are_flows() -> None:
    """Group 0 is the connection, group 1 the other flow, -1 none."""
    rows = np.array([flow("10.0.0.1", "10.0.0.2", ports=(443, 5)), flow("10.0.0.3", "10.0.0.4", protocol=1)])
    table = np.zeros(1, CONNECTION)
    table["originator"] = 1
    capture = Capture(
        file="a", format="pcap", interfaces=(), packets=np.zeros((0, 8), np.uint32), flows=rows,
        offsets=np.zeros(0, np.int64), lengths=np.zeros((0, 2), np.uint32),
    )  # fmt: skip
    point = Point(
        name="a", file="a", node="", interface="", capture=capture, connections=table,
        group_of=np.zeros(0, np.int32), flow_groups=np.array([1], np.uint32),
    )  # fmt: skip
    texts = ["icmp 10.0.0.3 > 10.0.0.4", "", "10.0.0.2:5 > 10.0.0.1:443"]
    assert group_texts(point, [1, -1, 0]) == texts
    assert group_texts(point, [0], [True]) == ["10.0.0.1:443 > 10.0.0.2:5"]
