"""What leads where without a route: bridges, veths, patches and tunnels, as the switches' own tables say it."""

import ipaddress

import pytest

from lastseen.matching import links
from lastseen.tables.facts_from_texts import ForwardingEntry, Interface, Row, Setting
from lastseen.tables.sources import Source

HERE = Source(file="a.txt", line=1)


def interface(
    node: str, name: str, *, master: str = "", kind: str = "", number: int | None = None, peer: str = ""
) -> Interface:
    return Interface(source=HERE, node=node, name=name, master=master, kind=kind, ifindex=number, peer=peer)


def setting(scope: str, name: str, value: str) -> Setting:
    return Setting(source=HERE, node="h", scope=scope, name=name, value=value)


def test_a_port_leads_to_its_bridge_and_no_bridge_to_itself() -> None:
    found = links.links_of([interface("h", "tap1", master="qbr1"), interface("h", "br-int", master="br-int")])
    assert found == {("h", "tap1"): {("h", "qbr1")}, ("h", "qbr1"): {("h", "tap1")}}


def test_what_only_groups_interfaces_joins_none() -> None:
    """All ports of a host's Open vSwitch have ovs-system as master; a VRF routes."""
    rows = [
        interface("h", "qvo1", master="ovs-system"),
        interface("h", "red", kind="vrf"),
        interface("h", "e0", master="red"),
    ]
    assert links.links_of(rows) == {}


def test_a_name_after_the_at_sign_is_of_the_same_host() -> None:
    assert links.links_of([interface("h", "qvb1", peer="qvo1")])["h", "qvo1"] == {("h", "qvb1")}


NEAR, FAR = interface("vm", "eth0", number=2, peer="if8"), interface("h", "tap1", number=8, peer="if2")


def test_numbers_that_only_two_interfaces_have_make_one_veth() -> None:
    assert links.links_of([NEAR, FAR])["h", "tap1"] == {("vm", "eth0")}


@pytest.mark.parametrize(
    "rows",
    [
        [NEAR, FAR, interface("other", "tap9", number=8, peer="if2")],
        [NEAR, FAR, interface("other", "eth0", number=2, peer="if8")],
        [FAR, interface("h", "eth0", number=2, peer="if8")],
    ],
    ids=["two far ends", "two near ends", "of the same host"],
)
def test_numbers_that_a_third_interface_has_make_none(rows: list[Row]) -> None:
    assert links.links_of(rows) == {}


def test_a_patch_leads_to_its_peer() -> None:
    rows = [setting("ovs:br-int/int-ex", "peer", "phy-ex"), setting("other", "peer", "no")]
    assert links.links_of(rows) == {("h", "int-ex"): {("h", "phy-ex")}, ("h", "phy-ex"): {("h", "int-ex")}}


def test_a_tunnel_leads_to_the_address_it_is_set_to() -> None:
    rows: list[Row] = [
        setting("ovs:br-int/gnv0", "remote_ip", "172.31.0.2"),
        setting("ovs:br-int/gnv1", "remote_ip", "flow"),
        setting("tunnel:vx0", "remote", "172.31.0.3"),
        setting("tunnel:vx0", "local", "172.31.0.9"),
        interface("h", "gnv0"),
    ]
    assert links.tunnels_of(rows) == {
        ("h", "gnv0"): ipaddress.ip_address("172.31.0.2"),
        ("h", "vx0"): ipaddress.ip_address("172.31.0.3"),
    }


@pytest.mark.parametrize(
    ("row", "tags"),
    [
        (ForwardingEntry(source=HERE, mac="02:00:00:00:00:01", device="tap1"), False),
        (ForwardingEntry(source=HERE, mac="02:00:00:00:00:01", device="tap1", vlan=7), True),
        (interface("h", "eth0.7", kind="vlan"), True),
        (interface("h", "eth0", kind="veth"), False),
        (setting("vlan:tap1", "7", "tagged"), True),
        (setting("fdb:br-int", "vlan=0 02:00:00:00:00:01", "2"), False),
        (setting("fdb:br-int", "vlan=7 02:00:00:00:00:01", "2"), True),
        (setting("ovs_port:tap1", "tag", "7"), True),
        (setting("ovs_port:tap1", "name", "tap1"), False),
    ],
)
def test_a_vlan_anywhere_makes_frames_tagged(row: Row, tags: bool) -> None:
    assert links.tags_frames([row]) is tags


def test_of_two_ways_as_short_none_is_taken() -> None:
    """In a ring nothing says which port is blocked; a longer way beside a short one does not matter."""
    a, b, c, d, e = (("h", name) for name in "abcde")
    ring = {a: {b, c}, b: {a, d}, c: {a, d}, d: {b, c, e}}
    assert links.way(ring, a, d) == []
    assert links.way(ring | {a: {b, c, d}}, a, d) == [a, d]
    assert links.way(ring, a, e) == []
    assert links.way(ring, a, ("h", "elsewhere")) == []
    assert links.way(ring, a, a) == [a]
