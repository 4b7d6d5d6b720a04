"""Where captures that saw nothing lie: by the addresses and routes of the hosts, or nowhere."""

from pathlib import Path

import packet_writer as w
import pytest
from written_cases import MS, START_NS, Talk, View, diagnosed, seen, write_case

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.matching import places
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.facts_from_texts import Interface, Moment, Route
from lastseen.tables.sources import Source

CLIENT, SERVER = "10.0.0.5", "192.0.2.80"


def addresses(**of: str) -> str:
    """`ip addr` of interfaces with one address each, and the MAC address that all frames go to."""
    return "".join(
        f"{number}: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
        f"    link/ether {w.MAC_B.hex(':')} brd ff:ff:ff:ff:ff:ff\n"
        f"    inet {address} scope global {name}\n       valid_lft forever preferred_lft forever\n"
        for number, (name, address) in enumerate(of.items(), start=2)
    )


ROUTER = {
    "after/router/ip_addr.txt": addresses(wan0="192.0.2.1/24", lan0="10.0.0.1/24"),
    "after/router/ip_route.txt": "192.0.2.0/24 dev wan0 proto kernel scope link src 192.0.2.1\n"
    "10.0.0.0/24 dev lan0 proto kernel scope link src 10.0.0.1\n",
}
ENDS = {
    "after/far/ip_addr.txt": addresses(far0=f"{SERVER}/24"),
    "after/far/ip_route.txt": "default via 192.0.2.1 dev far0\n192.0.2.0/24 dev far0 proto kernel scope link\n",
    "after/vm/ip_addr.txt": addresses(vm0=f"{CLIENT}/24"),
    "after/vm/ip_route.txt": "default via 10.0.0.1 dev vm0\n10.0.0.0/24 dev vm0 proto kernel scope link\n",
}


def unanswered() -> Talk:
    """A SYN that nobody answers, three times."""
    talk = Talk()
    talk.send(0, "S", client=True)
    for at_ms in (1000, 3000):
        talk.send(at_ms, "S", client=True, again=0)
    return talk


def case(tmp_path: Path, texts: dict[str, str], heard: tuple[str, ...] = ("lan0", "vm0")) -> Diagnosis:
    captures = {
        f"{name}.pcap": seen([unanswered()] if name in heard else [], View(delay_ms=0.1 * place))
        for place, name in enumerate(("vm0", "lan0", "wan0", "far0"))
    }
    return diagnosed(write_case(tmp_path, texts | captures))


def test_an_empty_capture_on_the_way_that_the_routes_tell_proves_the_loss(tmp_path: Path) -> None:
    verdict = case(tmp_path, ROUTER | ENDS).verdict
    assert (verdict.grade, verdict.last_seen, verdict.missing_at) == ("unattributed", "lan0", "wan0")


def test_the_path_may_be_told_from_either_end(tmp_path: Path) -> None:
    """The far end's route alone leads over the router to the client."""
    texts = ROUTER | {k: v for k, v in ENDS.items() if k != "after/vm/ip_route.txt"}
    verdict = case(tmp_path, texts).verdict
    assert (verdict.last_seen, verdict.missing_at) == ("lan0", "wan0")


def test_who_only_answers_is_at_the_far_end(tmp_path: Path) -> None:
    """The question took another way in; the answers stay at the router."""
    talk = Talk()
    talk.send(0, "SA")
    for at_ms in (1000, 3000):
        talk.send(at_ms, "SA", again=0)
    captures = {
        f"{name}.pcap": seen([talk] if name in ("far0", "wan0") else [], View(delay_ms=0.1 * place))
        for place, name in enumerate(("far0", "wan0", "lan0", "vm0"))
    }
    verdict = diagnosed(write_case(tmp_path, ROUTER | ENDS | captures)).verdict
    assert (verdict.last_seen, verdict.missing_at) == ("wan0", "lan0")


@pytest.mark.parametrize(
    "texts",
    [
        ENDS,
        ROUTER | {"after/vm/ip_addr.txt": addresses(vm0="10.0.0.77/24")},
        ROUTER
        | ENDS
        | {"after/router/ip_route.txt": "192.0.2.0/24 dev wan0 scope link\n", "after/vm/ip_route.txt": ""},
        ROUTER
        | ENDS
        | {"after/vm/ip_route.txt": "default via 10.0.0.5 dev vm0\n", "after/far/ip_route.txt": ""},
        ROUTER | ENDS | {"after/router/ip_addr.txt": addresses(wan0="fe80::1/64", lan0="999.0.0.1/24")},
    ],
    ids=[
        "no router known",
        "other addresses",
        "no route to the client",
        "a route to itself",
        "no address to meet",
    ],
)
def test_without_a_whole_path_nothing_is_placed(tmp_path: Path, texts: dict[str, str]) -> None:
    diagnosis = case(tmp_path, texts)
    assert diagnosis.verdict.grade == "blind"
    assert diagnosis.verdict.last_seen is None


def test_an_empty_capture_off_the_path_stays_without_a_place(tmp_path: Path) -> None:
    """The routes lead past the interface it was taken at, so that it proves nothing lost."""
    texts = ROUTER | ENDS
    texts["after/router/ip_addr.txt"] = addresses(
        wan0="192.0.2.1/24", lan0="10.0.0.1/24", spare0="198.51.100.1/24"
    )
    talk = Talk()
    for number, (flags, client) in enumerate((("S", True), ("SA", False), ("A", True))):
        talk.send(number, flags, client=client)
    captures = {
        f"{name}.pcap": seen([talk] if name != "spare0" else [], View(delay_ms=0.1 * place))
        for place, name in enumerate(("vm0", "lan0", "wan0", "spare0"))
    }
    assert diagnosed(write_case(tmp_path, texts | captures)).verdict.missing_at is None


def test_a_point_off_the_path_that_saw_packets_forbids_it(tmp_path: Path) -> None:
    """The routes lead elsewhere than the packets went: then they tell nothing."""
    texts = ROUTER | ENDS | {"after/vm/ip_addr.txt": addresses(vm1=f"{CLIENT}/24", vm0="10.9.9.9/24")}
    texts["after/vm/ip_route.txt"] = "default via 10.0.0.1 dev vm1\n"
    texts["after/far/ip_route.txt"] = "default dev far0\n"
    assert case(tmp_path, texts).verdict.last_seen is None


def test_routers_that_send_to_each_other_end_the_search(tmp_path: Path) -> None:
    texts = ROUTER | ENDS
    texts |= {
        "after/router/ip_route.txt": "default via 10.0.0.7 dev lan0\n",
        "after/other/ip_addr.txt": addresses(o0="10.0.0.7/24"),
        "after/other/ip_route.txt": "default via 10.0.0.1 dev o0\n",
    }
    assert case(tmp_path, texts).verdict.last_seen is None


def test_what_is_no_address_and_what_leads_nowhere_is_left_out() -> None:
    here = Source(file="a.txt", line=1)
    rows = [
        Interface(source=here, name="a", addresses=("no address", "127.0.0.1/8", "10.0.0.9/24")),
        Route(source=here, destination="10.0.0.0/24"),
        Moment(source=here, at_ns=0, what="snapshot"),
    ]
    hosts = places._Hosts.of(rows)
    assert list(map(str, hosts.owner)) == ["10.0.0.9"]
    assert hosts.routes == {}


def ip_addr(*interfaces: str) -> str:
    """Blocks of `ip addr` from "6: qvb1@qvo1: master qbr1" or "2: eth0@if8: 10.0.0.5/24"."""
    lines = []
    for said in interfaces:
        index, name, *rest = said.split()
        master = f"master {rest[1]} " if rest[:1] == ["master"] else ""
        lines.append(
            f"{index} {name} <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue {master}state UP group default\n"
            f"    link/ether {w.MAC_B.hex(':')} brd ff:ff:ff:ff:ff:ff\n"
        )
        lines += [f"    inet {address} scope global x\n" for address in rest if "/" in address]
    return "".join(lines)


def vsctl(remote_ip: str, port: str, *, tunnel: str = "gnv0") -> str:
    """`ovs-vsctl show` of a host with a switch for its tunnels' underlay, and one for what is in them."""
    return (
        "ece4578d-9a90-4977-8e6f-7d035bd1c80a\n    Bridge br-phy\n        Port br-phy\n            Interface br-phy\n"
        "                type: internal\n        Port ens3\n            Interface ens3\n    Bridge br-int\n"
        f"        Port {port}\n            Interface {port}\n        Port {tunnel}\n            Interface {tunnel}\n"
        f'                type: geneve\n                options: {{key="7", remote_ip="{remote_ip}"}}\n'
    )


TUNNELLED = {
    "after/remote/ip_addr.txt": ip_addr(f"2: eth0@if2: {SERVER}/24"),
    "after/remote/ip_route.txt": f"{CLIENT} dev eth0 scope link\n",
    "after/netnode/ip_addr.txt": ip_addr("2: ens4@if2:", "3: ens3@if2:", "6: br-phy: 172.31.0.1/24"),
    "after/netnode/ip_route.txt": "172.31.0.0/24 dev br-phy proto kernel scope link src 172.31.0.1\n",
    "after/netnode/ovs-vsctl_show.txt": vsctl("172.31.0.2", "ens4"),
    "after/compute/ip_addr.txt": ip_addr(
        "2: ens3@if3:",
        "5: br-phy: 172.31.0.2/24",
        "6: qvb1@qvo1: master qbr1",
        "7: qvo1@qvb1:",
        "8: tap1@if2: master qbr1",
        "9: qbr1:",
    ),
    "after/compute/ip_route.txt": "172.31.0.0/24 dev br-phy proto kernel scope link src 172.31.0.2\n",
    "after/compute/ovs-vsctl_show.txt": vsctl("172.31.0.3", "qvo1"),
    "after/vm/ip_addr.txt": ip_addr(f"2: eth0@if8: {CLIENT}/24"),
    "after/vm/ip_route.txt": f"{SERVER} dev eth0 scope link\n",
}
"""Hosts of OpenStack, as a lab recorded them; the compute host's tunnel leads to an address that nobody has."""
ASKED_FOR = b"\xff" * 6 + w.MAC_A + bytes.fromhex("08060001080006040001") + w.MAC_A + bytes(20)
"""A request of ARP: all that comes out of a host whose tunnel has no neighbour to send to."""
ARP = [(START_NS - MS, ASKED_FOR), (START_NS + 5000 * MS, ASKED_FOR)]


def tunnelled(tmp_path: Path, texts: dict[str, str], underlay: list[w.Packet]) -> tuple[Diagnosis, list[str]]:
    """The diagnosis, and the names of the points that have a place, in path order."""
    heard = ("compute_qvo1", "compute_tap1", "vm_eth0")
    captures = {f"{name}.pcap": seen([unanswered()], View(delay_ms=0.1 * k)) for k, name in enumerate(heard)}
    captures |= {"compute_ens3.pcap": w.pcap(underlay), "remote_eth0.pcap": seen([], View())}
    folder = write_case(tmp_path, texts | captures)
    return diagnosed(folder), placed(folder)


def placed(folder: Path) -> list[str]:
    """The names of the points of a case that have a place, in path order."""
    with Progress() as progress, opened([folder], progress) as case:
        found = matched(case, progress)
    return [
        point.name
        for order, point in sorted(zip(found.order, found.points, strict=True), key=lambda each: each[0] or 0)
        if order is not None
    ]


def test_a_capture_below_a_tunnel_proves_what_the_switch_swallowed(tmp_path: Path) -> None:
    """No route leads over a switch's ports: its own tables and the other end of the tunnel do."""
    diagnosis, order = tunnelled(tmp_path, TUNNELLED, ARP)
    assert (diagnosis.verdict.last_seen, diagnosis.verdict.missing_at) == ("compute_qvo1", "compute_ens3")
    assert order == ["remote_eth0", "compute_ens3", "compute_qvo1", "compute_tap1", "vm_eth0"]


def test_an_empty_capture_below_a_tunnel_has_no_place(tmp_path: Path) -> None:
    """A filter for the inner packets matches none in a tunnel; the far end itself still has its place."""
    diagnosis, order = tunnelled(tmp_path, TUNNELLED, [])
    assert diagnosis.verdict.missing_at == "remote_eth0"
    assert "compute_ens3" not in order


@pytest.mark.parametrize("vlan", [0, 7])
def test_an_empty_capture_below_a_switch_with_vlans_has_no_place(tmp_path: Path, vlan: int) -> None:
    """A filter that does not say "vlan" matches no tagged frame."""
    learnt = f" port  VLAN  MAC                Age\n    2  {vlan:4}  66:5f:f1:7c:15:a4    6\n"
    texts = TUNNELLED | {"after/netnode/fdb.txt": "$ ovs-appctl fdb/show br-int\n" + learnt}
    captures = {f"{name}.pcap": seen([unanswered()], View()) for name in ("compute_qvo1", "vm_eth0")}
    captures["netnode_ens4.pcap"] = seen([], View())
    verdict = diagnosed(write_case(tmp_path, texts | captures)).verdict
    assert verdict.missing_at == (None if vlan else "netnode_ens4")


@pytest.mark.parametrize(
    "changed",
    [
        {"after/netnode/ovs-vsctl_show.txt": vsctl("172.31.0.9", "ens4")},
        {"after/netnode/ip_route.txt": ""},
        {"after/more/ip_addr.txt": ip_addr("2: eth1@if8: 192.0.2.7/24")},
        {"after/compute/more.txt": vsctl("172.31.0.7", "qvo1", tunnel="gnv1")},
    ],
    ids=[
        "neither end leads to the other",
        "no route to the far end",
        "numbers twice",
        "two tunnels, none leads back",
    ],
)
def test_without_a_link_all_the_way_nothing_is_placed(tmp_path: Path, changed: dict[str, str]) -> None:
    diagnosis, order = tunnelled(tmp_path, TUNNELLED | changed, ARP)
    assert diagnosis.verdict.grade == "blind"
    assert "compute_ens3" not in order


def test_of_two_tunnels_the_one_that_leads_back_is_taken(tmp_path: Path) -> None:
    more = {"after/compute/more.txt": vsctl("172.31.0.1", "qvo1", tunnel="gnv1")}
    _, order = tunnelled(tmp_path, TUNNELLED | more, ARP)
    assert order[:2] == ["remote_eth0", "compute_ens3"]


def test_a_path_that_passes_a_capture_twice_places_nothing(tmp_path: Path) -> None:
    """A router that sends back where it came from: which of the two passings is missing is not told."""
    texts = (
        ROUTER
        | ENDS
        | {
            "after/far/ip_addr.txt": addresses(far0="10.0.0.80/24"),
            "after/far/ip_route.txt": "10.0.0.0/24 via 10.0.0.1 dev far0\n",
            "after/vm/ip_route.txt": "10.0.0.80/32 via 10.0.0.1 dev vm0\n",
        }
    )
    talk = Talk(server=("10.0.0.80", 443))
    talk.send(0, "S", client=True)
    talk.send(1000, "S", client=True, again=0)
    captures = {
        f"{name}.pcap": seen([talk] if name != "far0" else [], View(delay_ms=0.1 * place))
        for place, name in enumerate(("vm0", "lan0", "far0"))
    }
    assert "far0" not in placed(write_case(tmp_path, texts | captures))


def test_where_one_direction_only_was_seen_routes_go_before_clocks(tmp_path: Path) -> None:
    """The router's answers are lost on it; the client's clock is ahead, as if it lay behind the router."""
    talk = Talk()
    talk.send(0, "S", client=True)
    talk.send(1, "SA")
    for at_ms in (1000, 3000):
        talk.send(at_ms, "S", client=True, again=0)
        talk.send(at_ms + 1, "SA", again=1)
    late = {"vm0": 0.05, "lan0": 0.0, "wan0": 0.1, "far0": 0.2}
    captures = {
        f"{name}.pcap": seen(
            [talk],
            View(
                delay_ms=-delay,
                drop=lambda sent, inside=name in ("vm0", "lan0"): inside and sent.from_server,
            ),
        )
        for name, delay in late.items()
    }
    verdict = diagnosed(write_case(tmp_path / "told", ROUTER | ENDS | captures)).verdict
    assert (verdict.last_seen, verdict.missing_at) == ("wan0", "lan0")
    by_times = diagnosed(write_case(tmp_path / "untold", captures)).verdict
    assert by_times.missing_at != "lan0"


def test_a_capture_that_shares_nothing_has_the_clock_of_its_host(tmp_path: Path) -> None:
    """What the router swallows would have been seen while its other capture, which saw other packets, ran."""
    talk, other = Talk(), Talk(client=("10.0.0.99", 777), server=("10.0.0.98", 778))
    talk.send(0, "SA")
    for at_ms in (1000, 3000):
        talk.send(at_ms, "SA", again=0)
    for at_ms in (-50, 3500):
        other.send(at_ms, "S", client=True)
    hour = 3_600_000.0
    captures = {
        "far0.pcap": seen([talk], View(delay_ms=-hour)),
        "wan0.pcap": seen([talk], View(delay_ms=0.1)),
        "lan0.pcap": seen([other], View()),
    }
    verdict = diagnosed(write_case(tmp_path, ROUTER | ENDS | captures)).verdict
    assert (verdict.last_seen, verdict.missing_at) == ("wan0", "lan0")
