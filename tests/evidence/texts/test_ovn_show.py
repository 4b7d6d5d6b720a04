"""`ovn-nbctl show` and `ovn-sbctl show`."""

import text_samples as t

from lastseen.evidence.texts import ovn_show as reader

SAMPLE_NORTH = """\
switch 4a7b57de-fb2d-4bd9-85c2-3b01a4f835c4 (neutron-7) (aka net1)
    port vm-a (aka web)
        addresses: ["02:00:00:00:00:0a 10.77.0.10"]
    port net1-r1
        type: router
        router-port: r1-net1
router 6251fc37-c31f-4125-86ee-f771b3036ff7 (r1)
    port r1-net1
        mac: "02:00:00:00:01:01"
        networks: ["10.77.0.1/24"]
    nat 3fe6167a-8f88-4b11-b85c-96da7e19d7ee
        external ip: "192.0.2.1"
        logical ip: "10.77.0.0/24"
        type: "snat"
"""
SAMPLE_SOUTH = """\
Chassis hv1
    hostname: hv1
    Encap geneve
        ip: "127.0.0.1"
        options: {csum="true"}
    Port_Binding vm-b
    Port_Binding vm-a
Chassis "2f3e"
    hostname: hv2
"""


def test_the_north_tells_ports_addresses_and_translations() -> None:
    """Names are those of switch and router; a port's other name is the user's."""
    values = t.settings(reader, SAMPLE_NORTH)
    assert values["ovn_switch:neutron-7", "aka"] == "net1"
    assert values["ovn_switch:neutron-7/port:vm-a", "addresses"] == "02:00:00:00:00:0a 10.77.0.10"
    assert values["ovn_switch:neutron-7/port:vm-a", "aka"] == "web"
    assert values["ovn_switch:neutron-7/port:net1-r1", "router-port"] == "r1-net1"
    assert values["ovn_router:r1/port:r1-net1", "mac"] == "02:00:00:00:01:01"
    nat = "ovn_router:r1/nat:3fe6167a-8f88-4b11-b85c-96da7e19d7ee"
    assert (values[nat, "external ip"], values[nat, "type"]) == ("192.0.2.1", "snat")


def test_the_south_tells_where_a_port_is() -> None:
    """A chassis has a host name, an encapsulation and ports, in any order."""
    found = [(row.scope, row.name, row.value) for row in t.rows(reader, SAMPLE_SOUTH)]  # type: ignore[attr-defined]
    assert ("ovn_chassis:hv1", "port_binding", "vm-a") in found
    assert ("ovn_chassis:hv1", "port_binding", "vm-b") in found
    assert ("ovn_chassis:hv1/encap:geneve", "ip", "127.0.0.1") in found
    assert ("ovn_chassis:2f3e", "hostname", "hv2") in found


def test_recognised_by_switch_chassis_or_command_and_odd_lines_are_weird() -> None:
    """`ovs-vsctl show` is another text."""
    assert t.recognised(reader, SAMPLE_NORTH)
    assert t.recognised(reader, SAMPLE_SOUTH)
    assert t.recognised(reader, "", "ovn-nbctl --no-leader-only show")
    assert not t.recognised(reader, "", "ovs-vsctl show")
    assert not t.recognised(reader, "Chassis of a car\n")
    assert t.weirds(reader, "    type: router\n" + SAMPLE_SOUTH + "?\n") == [
        (1, "not a line of the logical network"),
        (11, "not a line of the logical network"),
    ]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE_NORTH + SAMPLE_SOUTH)
