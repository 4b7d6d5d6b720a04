"""The way out of a host, over what the lab has not: kernel tunnels, routers' namespaces; VLANs and bonds, by their links."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from installed import LASTSEEN
from namespaces import ip, namespaces, within

from lastseen.hosts.host import HERE
from lastseen.hosts.probing import HostFacts
from lastseen.live.inventory import Inventory, Link, OvsPort
from lastseen.live.walking import walk

CARD = "10.42.0.2"


@pytest.fixture
def host() -> Iterator[str]:
    """A namespace with a card and a route out."""
    with namespaces(1) as (name,):
        links(
            name,
            "link add eth0 type veth peer name wire",
            "link set eth0 up",
            "link set wire up",
            f"addr add {CARD}/24 dev eth0",
            "route add default via 10.42.0.1",
        )
        yield name


def links(netns: str, *lines: str) -> None:
    for line in lines:
        ip("-n", netns, *line.split())


def stops(netns: str, folder: Path, *words: str) -> dict[str, dict[str, Any]]:
    """The interfaces that `lastseen path` names, in its order."""
    command = ["ip", "netns", "exec", netns, str(LASTSEEN), "path", "--json", *words]
    environment = os.environ | {"LASTSEEN_STATE": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return {stop["interface"]: stop for stop in json.loads(done.stdout)["stops"]}


@pytest.mark.lab
def test_a_tap_behind_a_bridge_leaves_through_the_kernels_tunnel(host: str, tmp_path: Path) -> None:
    """With its VNI and peer, and the underlay that the route to the peer names."""
    within(host, "ip", "tuntap", "add", "tap0", "mode", "tap")
    links(
        host,
        f"link add vx42 type vxlan id 42 remote 198.18.7.2 local {CARD} dstport 4789",
        "link add brq0 type bridge",
        "link set vx42 master brq0 up",
        "link set tap0 master brq0 up",
        "link set brq0 up",
    )
    found = stops(host, tmp_path, "tap0")
    assert list(found)[:4] == ["tap0", "brq0", "vx42", "eth0"]
    assert "id 42" in found["vx42"]["about"]
    assert "remote 198.18.7.2" in found["vx42"]["about"]
    assert next(name for name, stop in found.items() if stop["carries_tunnel"]) == "eth0"
    assert not found["brq0"]["can_capture"]


def test_a_bond_below_a_switch_leads_to_its_members() -> None:
    """As the uplink of a provider's bridge; a tap beside it leads nowhere else."""
    ports = [OvsPort(name=name, bridge="br-ex", kind=kind) for name, kind in (("qvo1", ""), ("bond0", ""))]
    rows = [
        Link(netns="", name="br-ex", index=1, kind="openvswitch", is_up=True),
        Link(netns="", name="qvo1", index=2, kind="veth", master="ovs-system", is_up=True),
        Link(netns="", name="bond0", index=3, kind="bond", master="ovs-system", is_up=True),
        Link(netns="", name="eno1", index=4, master="bond0", is_up=True),
        Link(netns="", name="eno2", index=5, master="bond0", is_up=True),
    ]
    found = walk(Inventory(facts=HostFacts(host=HERE), links=tuple(rows), ports=tuple(ports)), rows[1])
    assert [stop.name for stop in found] == ["qvo1", "br-ex", "bond0", "eno1", "eno2"]


def test_a_bond_leads_to_its_members() -> None:
    """By way of a VLAN; built by hand, as not every kernel has these."""
    facts = HostFacts(host=HERE)
    rows = [
        Link(netns="", name="tap0", index=1, kind="tun", master="br0", is_up=True),
        Link(netns="", name="br0", index=2, kind="bridge", is_up=True),
        Link(netns="", name="bond0.9", index=3, kind="vlan", lower="bond0", master="br0", is_up=True),
        Link(netns="", name="bond0", index=4, kind="bond", is_up=True),
        Link(netns="", name="eno1", index=5, master="bond0", is_up=True),
        Link(netns="", name="eno2", index=6, master="bond0", is_up=True),
    ]
    found = walk(Inventory(facts=facts, links=tuple(rows)), rows[0])
    assert [stop.name for stop in found] == ["tap0", "br0", "bond0.9", "bond0", "eno1", "eno2"]
    assert [stop.role for stop in found][-3:] == ["bond", "bond member", "bond member"]


@pytest.mark.lab
@pytest.mark.oracle("tcpdump")
def test_a_routers_own_connection_tracking_is_asked_for_its_log(host: str, tmp_path: Path) -> None:
    """Its namespace is on the way: there, too, packets may be judged invalid."""
    router = f"qrouter-{host}"
    ip("netns", "add", router)
    try:
        links(host, f"link add qr0 netns {router} type veth peer name tapqr0", "link set tapqr0 up")
        links(router, "link set qr0 up", "addr add 10.9.0.1/24 dev qr0")
        command = ["ip", "netns", "exec", host, str(LASTSEEN), "collect", "--target", "tapqr0", "--print"]
        environment = os.environ | {"LASTSEEN_STATE": str(tmp_path)}
        printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        log = "sysctl -w net.netfilter.nf_conntrack_log_invalid=255"
        assert f"ip netns exec {router} {log}" in printed
        plain = subprocess.run(
            [*command, "--no-log"], env=environment, capture_output=True, text=True, check=True
        ).stdout
        assert "sysctl" not in plain
        assert "tcpdump" in plain
    finally:
        ip("netns", "del", router)
