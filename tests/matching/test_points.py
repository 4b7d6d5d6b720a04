"""Which points a case has, what they are called, where they are."""

from datetime import UTC, datetime

import packet_writer as w
import pytest
from captured import points_of, read
from conversation_writer import Conversation, Point

from lastseen.evidence.case_toml import CaseToml, PointToml
from lastseen.matching import match
from lastseen.matching.points import build_points
from lastseen.tables.facts_from_texts import Counter, Interface, Row
from lastseen.tables.packets import FLOW, NO_FLOW
from lastseen.tables.sources import Source

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((10, 10),))
FRAMES = TALK.seen_at(Point())
HERE = Source(file="ip_link.txt")


def named(file: str, node: str = "", rows: tuple[Row, ...] = ()) -> tuple[str, str, str]:
    """(name, node, interface) of a capture's point."""
    (point,) = build_points([read(w.pcap(FRAMES), file, node=node)], rows, CaseToml())
    return point.name, point.node, point.interface


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("pcap/07_tap0.pcap", "tap0"),
        ("tap0.pcapng.gz", "tap0"),
        ("tap0", "tap0"),
        ("1_.pcap", "1_.pcap"),
        ("a.cap3", "a"),
    ],
)
def test_a_point_is_named_for_its_file(file: str, name: str) -> None:
    assert named(file)[0] == name


def test_an_interface_the_texts_know_places_the_point() -> None:
    tap = Interface(source=HERE, node="cmp", name="tap0")
    assert named("cmp_tap0.pcap", rows=(tap,)) == ("cmp_tap0", "cmp", "tap0")
    assert named("cmp_tap01.pcap", rows=(tap,)) == ("cmp_tap01", "", "")
    assert named("tap0.pcap", node="other", rows=(tap,)) == ("tap0", "other", "tap0")


def test_the_longest_interface_name_wins_and_two_nodes_are_no_place() -> None:
    rows: tuple[Row, ...] = (Counter(source=HERE, family="nstat", scope="eth0.pcap", name="x", value=1),)
    rows += tuple(
        Counter(source=HERE, node=node, family="link", scope=name, name="rx_packets", value=1)
        for node, name in (("a", "eth0"), ("b", "eth0"), ("a", "eth0.5"))
    )
    assert named("eth0.pcap", rows=rows) == ("eth0", "", "eth0")
    assert named("eth0.pcap", node="b", rows=rows) == ("eth0", "b", "eth0")
    assert named("eth0.5.pcap", rows=rows) == ("eth0.5", "a", "eth0.5")


@pytest.mark.parametrize(
    ("file", "sibling", "node"),
    [
        ("cmp_ens3.pcap", ("net_ens3.pcap", "net"), ""),
        ("cmp_ens3.pcap", ("net_ens4.pcap", "net"), "net"),
        ("cmp_ens3.pcap", ("cmp_tap1.pcap", ""), ""),
        ("cmp_ens3.pcap", ("cmp_ens4.pcap", ""), "net"),
        ("ens3.pcap", ("tap1.pcap", ""), "net"),
    ],
)
def test_an_interface_of_another_node_does_not_place_a_point(
    file: str, sibling: tuple[str, str], node: str
) -> None:
    """Hosts' interfaces have the same names: who is called after a node has its own, a word means one node."""
    rows = tuple(
        Interface(source=HERE, node=at, name=name)
        for at, name in (("net", "ens3"), ("net", "ens4"), ("vm", "eth0"))
    )
    beside, its_node = sibling
    reads = [read(w.pcap(FRAMES), file), read(w.pcap(FRAMES), beside, node=its_node)]
    point, _ = build_points(reads, rows, CaseToml())
    assert (point.node, point.interface) == (node, "ens3" if node else "")


def test_names_are_made_unique() -> None:
    reads = [read(w.pcap(FRAMES), f"{n}/tap.pcap", node=node) for n, node in enumerate(("a", "b", "", "b"))]
    assert [p.name for p in build_points(reads, [], CaseToml())] == ["a.tap", "b.tap", "tap", "b.tap#2"]


def test_every_interface_of_a_pcapng_is_a_point() -> None:
    """Each keeps its own packets; the span is the whole capture's."""
    ng = w.Pcapng()
    near, far = FRAMES, TALK.seen_at(Point(delay_ns=100_000))
    blocks = [ng.section(), ng.interface(name="tap0"), ng.interface()]
    both = sorted([(at, data, 0) for at, data in near] + [(at, data, 1) for at, data in far])
    blocks += [ng.packet(at // 1000, data, interface=face) for at, data, face in both]
    blocks.append(ng.packet(both[-1][0] // 1000, w.ethernet(bytes(30), kind=0x0806)))
    data = b"".join(blocks) + ng.statistics(both[-1][0] // 1000, interface=1, end=both[-1][0] // 1000 + 9)
    points = build_points([read(data, "all.pcapng")], [], CaseToml())
    assert [(p.name, p.packets) for p in points] == [("tap0", len(near) + 1), ("all.1", len(far))]
    assert points[1].watch.reason == "the capture's closing record"
    assert sum(hop.count(1) for hop in match(points).hops) == len(near)


def test_an_empty_pcapng_of_several_interfaces() -> None:
    ng = w.Pcapng()
    data = b"".join([ng.section(), ng.interface(name="a"), ng.interface(name="b")])
    assert [
        (p.name, p.packets, p.first_ns) for p in build_points([read(data, "x.pcapng")], [], CaseToml())
    ] == [
        ("a", 0, None),
        ("b", 0, None),
    ]


def test_a_capture_that_could_not_be_read_is_an_empty_point() -> None:
    (point,) = build_points([read(b"no capture", "x.pcap")], [], CaseToml())
    assert (point.packets, point.first_ns, point.watch.reason) == (0, None, "")


def test_case_toml_says_it_exactly() -> None:
    end = datetime(2030, 1, 1, tzinfo=UTC)
    said = CaseToml(
        point=(
            PointToml(name="x", file="other.pcap"),
            PointToml(name="tap", file="./pcap/1.pcap", node="cmp", interface="tap0", end=end),
            PointToml(name="start", file="2.pcap", start=end),
        )
    )
    reads = [read(w.pcap(FRAMES), name) for name in ("case/pcap/1.pcap", "2.pcap", "3.pcap")]
    first, second, third = build_points(reads, [], said)
    assert (first.name, first.node, first.interface, first.given_order) == ("tap", "cmp", "tap0", 2)
    assert (first.watch.end_ns, first.watch.reason) == (int(end.timestamp()) * 10**9, "case.toml")
    assert (second.watch.start_ns, second.watch.end_ns) == (int(end.timestamp()) * 10**9, None)
    assert (third.name, third.given_order) == ("3", None)


def test_other_protocols_are_groups_behind_the_connections() -> None:
    ping = w.ethernet(w.ipv4("10.0.0.5", "10.0.0.6", w.icmp(8)))
    arp = w.ethernet(bytes(28), kind=0x0806)
    (point,) = points_of({"tap": [*FRAMES, (FRAMES[-1][0] + 1, ping), (FRAMES[-1][0] + 2, arp)]})
    assert point.group_of.tolist() == [0] * len(FRAMES) + [1, -1]
    assert point.capture.packets[-1, FLOW] == NO_FLOW


def test_packets_of_a_tunnel_that_carry_no_ip_are_in_no_group() -> None:
    """An ARP request inside a tunnel shows as the tunnel's own packet: it ends where the tunnel does, and is not lost."""
    request = w.geneve(w.ethernet(bytes(28), kind=0x0806), vni=7)
    wrapped = w.ethernet(w.ipv4("192.0.2.1", "192.0.2.2", request, identification=9))
    (point,) = points_of({"underlay": [*FRAMES, (FRAMES[-1][0] + 1, wrapped)]})
    assert point.group_of.tolist() == [0] * len(FRAMES) + [-1]
    assert point.capture.packets[-1, FLOW] != NO_FLOW


def test_messages_between_ipv6_neighbours_are_in_no_group() -> None:
    """They end at the first router, as ARP does, and are not lost there; an echo request is followed."""
    frames = [
        w.ethernet(w.ipv6("2001:db8::1", "2001:db8::5", w.icmp6(kind)), kind=0x86DD)
        for kind in (135, 136, 128)
    ]
    last = FRAMES[-1][0]
    (point,) = points_of({"tap": [*FRAMES, *((last + 1 + i, frame) for i, frame in enumerate(frames))]})
    assert point.group_of.tolist()[len(FRAMES) :] == [-1, -1, 1]
