"""A hop between two hosts: whose interfaces a rule names, and whose address a frame may go to."""

from pathlib import Path

import packet_writer as w
import pytest
from case_scripts import for_it, judged, missing
from written_cases import TAP, Sent, Talk, View, lost_short, seed_talk, seen

from lastseen.tables.judgements import Refuted, Supported

SHORT = "ip protocol tcp ip length < 46"


def _link(name: str, last: int, *, address: str = "") -> str:
    """`ip addr` of a loopback and one interface."""
    inet = f"    inet {address} brd + scope global {name}\n" if address else ""
    return (
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n"
        "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n"
        f"2: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
        f"    link/ether 02:00:00:00:00:{last:02x} brd ff:ff:ff:ff:ff:ff\n{inet}"
    )


def _rules(match: str, hits: int) -> str:
    return (
        "table ip f {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
        f"\t\t{match} counter packets {hits} bytes {40 * hits} drop\n\t}}\n}}\n"
    )


def _short_lost(match: str) -> dict[str, bytes | str]:
    """The short packets of a server are lost behind its own interface, before the second interface of the router."""
    talk = seed_talk()
    hits = sum(lost_short(sent) for sent in talk.sent)
    return {
        "1_remote_w0.pcap": seen([talk], View()),
        "2_router_t0.pcap": seen([talk], TAP),
        "before/remote/ip_addr.txt": _link("w0", 1),
        "before/router/ip_addr.txt": _link("t0", 2).replace("2: t0", "3: t0"),
        "before/router/nft.txt": _rules(match, 0),
        "after/router/nft.txt": _rules(match, hits),
    }


@pytest.mark.parametrize("first", ['iifname "w1"', 'oifname "t0"'])
def test_a_rule_on_the_other_interface_of_its_host_is_taken_by_the_rest_of_its_text(
    tmp_path: Path, first: str
) -> None:
    """Of the way in nothing was captured; by the length it takes what was lost and nothing else."""
    said = judged(tmp_path, _short_lost(f"{first} {SHORT}"), "firewall_deny")
    assert isinstance(said, Supported)
    assert said.confirmed


def test_a_rule_on_an_interface_alone_is_no_proof_between_hosts(tmp_path: Path) -> None:
    """It was hit as often, but why it spared the delivered packets its text does not tell."""
    said = judged(tmp_path, _short_lost('iifname "w1"'), "firewall_deny")
    assert isinstance(said, Refuted)


def _unanswered(through: View) -> dict[str, bytes | str]:
    """A connection that passes, and SYNs of another that nothing answers, last seen at a routing interface."""
    passes, dead = Talk(client=("10.0.0.5", 40001)), Talk(client=("10.0.0.5", 40002))
    passes.opening()
    passes.exchange(10)
    passes.exchange(8000)
    for at_ms in (100, 1100, 3100, 7100):
        dead.send(at_ms, "S", client=True, again=dead.sent[0].number if dead.sent else None)
    behind = View(delay_ms=-0.1, drop=lambda sent: sent in dead.sent)
    return {
        "1_router_w1.pcap": seen([passes, dead], behind),
        "2_router_t0.pcap": seen([passes, dead], through),
        "before/router/ip_addr.txt": _link("t0", 9, address="10.0.0.1/24"),
    }


def test_no_frame_is_for_the_loopback(tmp_path: Path) -> None:
    """What routes takes frames for its own card; 00:00:00:00:00:00 is nobody's."""
    said = judged(tmp_path, _unanswered(View()), "wrong_mac")
    assert "the neighbour sends from 02:00:00:00:00:09" in for_it(said)


def test_a_frame_inside_a_tunnel_is_for_whoever_is_behind_it(tmp_path: Path) -> None:
    """The address of the underlay's card is no mark to hold it against."""

    def wrapped(sent: Sent) -> bytes:
        payload = w.vxlan(w.ethernet(sent.packet), vni=7)
        ends = ("172.31.0.2", "172.31.0.1") if sent.from_client else ("172.31.0.1", "172.31.0.2")
        return w.ipv4(*ends, payload, identification=sent.number)

    said = judged(tmp_path, _unanswered(View(change=wrapped)), "wrong_mac")
    assert "the other direction" in missing(said)
