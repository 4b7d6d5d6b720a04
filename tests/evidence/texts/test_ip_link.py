"""`ip link` in all layouts of its counters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ip_link as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface, Setting
from lastseen.tables.sources import Weird

UP_TO_5_9 = """\
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff
    RX: bytes  packets  errors  dropped overrun mcast   
    1000       11       1       2       3       4       
    RX errors: length   crc     frame   fifo    missed
               5        6       7       8       9       
    TX: bytes  packets  errors  dropped carrier collsns 
    2000       12       1       2       3       4       
    TX errors: aborted  fifo   window heartbeat transns
               5        6       7       8       9       
"""
FROM_5_10 = """\
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff
    RX: bytes  packets  errors  dropped missed  mcast   
    1000       11       1       2       9       4       
    RX errors: length   crc     frame   fifo    overrun
               5        6       7       8       3       
    TX: bytes  packets  errors  dropped carrier collsns 
    2000       12       1       2       3       4       
    TX errors: aborted  fifo   window heartbeat transns
               5        6       7       8       9       
"""
FROM_5_14 = """\
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff
    RX:  bytes packets errors dropped  missed   mcast           
          1000      11      1       2       9       4 
    RX errors:  length    crc   frame    fifo overrun otherhost nohandler
                     5      6       7       8       3        33        44
    TX:  bytes packets errors dropped carrier collsns           
          2000      12      1       2       3       4 
    TX errors: aborted   fifo  window heartbt transns
                     5      6       7       8       9
"""
DETAILS = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0  allmulti 0 minmtu 0 maxmtu 0 numtxqueues 1 
    RX:  bytes packets errors dropped  missed   mcast           
             0       0      0       0       0       0 
    TX:  bytes packets errors dropped carrier collsns           
             0       0      0       0       0       0 
8: tap3f1c9a2e-7b@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1442 qdisc noqueue master ovs-system state UP mode DEFAULT group default qlen 1000
    link/ether 46:e3:17:91:91:91 brd ff:ff:ff:ff:ff:ff link-netns vm promiscuity 2  allmulti 0 minmtu 68 maxmtu 65535 
    veth 
    openvswitch_slave addrgenmode eui64 numtxqueues 2 numrxqueues 2 gso_max_size 65536 gso_max_segs 65535 
    alias bridge of a friend
    RX:  bytes packets errors dropped  missed   mcast           
          2537      26      0       0       0       0 
    TX:  bytes packets errors dropped carrier collsns           
          4479      17      0       0       0       0 
10: genev_sys_6081: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 65000 qdisc noqueue master ovs-system state UNKNOWN mode DEFAULT group default qlen 1000
    link/ether f2:c3:06:4a:ad:55 brd ff:ff:ff:ff:ff:ff promiscuity 2  allmulti 0 minmtu 68 maxmtu 65465 
    geneve external id 0 ttl auto dstport 6081 udp6zerocsumrx 
    openvswitch_slave addrgenmode eui64 numtxqueues 1 numrxqueues 1 
11: vxlan1: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN mode DEFAULT group default qlen 1000
    link/ether b2:cf:d3:d1:05:42 brd ff:ff:ff:ff:ff:ff promiscuity 0 
    vxlan id 42 dev eth0 srcport 0 0 dstport 4789 ttl auto ageing 300 noudpcsum noudp6zerocsumtx noudp6zerocsumrx 
"""
FOLDED = (
    "2: ens3: <BROADCAST,UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000"
    "\\    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff\n"
)


def _rows(sample: str) -> list[Interface | Counter | Setting | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str) -> dict[tuple[str, str], int | None]:
    return {(row.scope, row.name): row.value for row in _rows(sample) if isinstance(row, Counter)}


def _interfaces(sample: str) -> dict[str, Interface]:
    return {row.name: row for row in _rows(sample) if isinstance(row, Interface)}


@pytest.mark.parametrize("sample", [UP_TO_5_9, FROM_5_10, FROM_5_14])
def test_a_counter_has_one_name_in_every_layout(sample: str) -> None:
    """Missed and overrun changed rows in 5.10; their names do not tell which row."""
    values = {name: value for (_, name), value in _values(sample).items()}
    assert [values[f"rx_{name}"] for name in ("bytes", "packets", "errors", "dropped", "overrun", "mcast")] == [
        1000, 11, 1, 2, 3, 4,
    ]  # fmt: skip
    assert [values[f"rx_{name}_errors"] for name in ("length", "crc", "frame", "fifo")] == [5, 6, 7, 8]
    assert values["rx_missed"] == 9
    assert [values[f"tx_{name}"] for name in ("bytes", "packets", "errors", "dropped", "carrier", "collsns")] == [
        2000, 12, 1, 2, 3, 4,
    ]  # fmt: skip
    assert [values[f"tx_{name}_errors"] for name in ("aborted", "fifo", "window", "heartbeat")] == [
        5,
        6,
        7,
        8,
    ]
    assert values["tx_transns"] == 9
    assert not [row for row in _rows(sample) if isinstance(row, Weird)]
    assert _recognised(sample)


def test_columns_that_are_there_only_when_not_zero() -> None:
    """otherhost (6.0) and nohandler."""
    values = _values(FROM_5_14)
    assert (values["eth0", "rx_otherhost"], values["eth0", "rx_nohandler"]) == (33, 44)
    assert ("eth0", "rx_otherhost") not in _values(FROM_5_10)


def test_interfaces_with_details() -> None:
    """Kind, master, MAC and state; the peer is no part of the name; an alias is no kind."""
    interfaces = _interfaces(DETAILS)
    tap = interfaces["tap3f1c9a2e-7b"]
    assert (tap.ifindex, tap.mtu_bytes, tap.kind, tap.master) == (8, 1442, "veth", "ovs-system")
    assert (tap.mac, tap.state, tap.source.line) == ("46:e3:17:91:91:91", "UP", 7)
    assert interfaces["lo"].kind == ""
    assert interfaces["genev_sys_6081"].kind == "geneve"
    assert interfaces["vxlan1"].kind == "vxlan"
    assert _values(DETAILS)["tap3f1c9a2e-7b", "rx_packets"] == 26
    assert not [row for row in _rows(DETAILS) if isinstance(row, Weird)]


def test_how_a_tunnel_is_set_up() -> None:
    """Whether the outer checksum is written; what is not printed is unknown."""
    found = {(row.scope, row.name): row.value for row in _rows(DETAILS) if isinstance(row, Setting)}
    assert found["tunnel:vxlan1", "udpcsum"] == "off"
    assert found["tunnel:vxlan1", "dstport"] == "4789"
    assert found["tunnel:genev_sys_6081", "external"] == "on"
    assert ("tunnel:genev_sys_6081", "udpcsum") not in found


def test_one_line_output() -> None:
    """`ip -o link` folds the block with a backslash."""
    assert _interfaces(FOLDED)["ens3"].mac == "52:54:00:00:01:01"
    assert _recognised(FOLDED)


def test_cut_and_shuffled_blocks_are_weird() -> None:
    """Numbers that do not fit their names, lines before any interface, unindented text."""
    assert isinstance(_rows("    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff\n")[0], Weird)
    assert any(isinstance(row, Weird) for row in _rows(FROM_5_14.replace("      11 ", " ")))
    assert any(isinstance(row, Weird) for row in _rows(FROM_5_14.replace("1000 ", "1.0k ")))
    assert any(isinstance(row, Weird) for row in _rows(FROM_5_14 + "hello\n"))


def test_shuffled_lines_do_not_raise() -> None:
    """The same lines backwards."""
    assert _rows("\n".join(reversed(DETAILS.splitlines())))


def test_a_word_that_comes_twice_in_a_damaged_line_raises_nothing() -> None:
    """The MTU is the one that makes the line a header."""
    (device,) = _rows("2: eth0: <UP> mtu 1500 qdisc mq mtu 15UP state UP\n")
    assert isinstance(device, Interface)
    assert device.mtu_bytes == 1500


def test_recognition() -> None:
    """`ip addr` is not claimed; nor what only looks like it."""
    assert _recognised("", "ip -n vm -s link")
    assert _recognised("", "ip -d link show dev eth0")
    assert not _recognised("", "ip link set eth0 up")
    assert not _recognised("", "ip addr")
    assert not _recognised(
        "2: eth0: <UP> mtu 1500 qdisc mq state UP group default qlen 1000\n    inet 10.0.0.1/8 scope host\n"
    )
    assert not _recognised("1: first point\n2: second point\n")
    assert not _recognised("")


@given(
    st.text(),
    st.sampled_from(["", "2: eth0: <UP> mtu 1500\n", "2: eth0: <UP> mtu 1500\n    RX: bytes packets\n  "]),
)
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
