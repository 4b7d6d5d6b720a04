"""Where captures that saw nothing lie: by the addresses and routes of the hosts, or nowhere."""

from pathlib import Path

import packet_writer as w
import pytest
from written_cases import Talk, View, diagnosed, seen, write_case

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
