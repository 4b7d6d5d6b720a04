"""Who is not to blame: said only where something proves it."""

from dataclasses import replace
from pathlib import Path

import packet_writer as w
from written_cases import (
    TAP,
    TUNNEL,
    Talk,
    View,
    datagrams,
    diagnosed,
    lost_short,
    padded,
    seed_talk,
    seen,
    two_points,
    write_case,
)

SEED = seed_talk()


def cleared(folder: Path, files: dict[str, bytes | str]) -> dict[str, str]:
    return {e.what: e.reason.text for e in diagnosed(write_case(folder, files)).exonerated}


def link(**drops: int) -> str:
    """`ip -s link` of a host with both interfaces; `drops` received by interface."""
    text = ""
    for number, name in enumerate(("tunnel", "tap", "br-int", "eth9"), 2):
        text += (
            f"{number}: {name}: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\n"
            f"    link/ether 02:00:00:00:00:{number:02x} brd ff:ff:ff:ff:ff:ff\n"
            "    RX:  bytes packets errors dropped  missed   mcast           \n"
            f"          1000      10      0       {drops.get(name.replace('-', '_'), 0)}       0       0 \n"
            "    TX:  bytes packets errors dropped carrier collsns           \n"
            "          1000      10      0       0       0       0 \n"
        )
    return text


def four_points(talk: Talk = SEED, **changes: View) -> dict[str, bytes | str]:
    views = {
        "1_uplink": TUNNEL,
        "2_tunnel": replace(TUNNEL, delay_ms=0.03),
        "3_tap": replace(TAP, delay_ms=0.06),
        "4_vm": replace(TAP, delay_ms=0.09),
    } | changes
    return {f"{name}.pcap": seen([talk], view) for name, view in views.items()}


def test_all_that_is_proven_innocent_is_named(tmp_path: Path) -> None:
    found = cleared(tmp_path, four_points())
    assert set(found) == {
        "the remote server",
        "the network before that hop",
        "congestion",
        "the client and its system",
    }
    assert found["the remote server"] == "it closed the connection: 5 FINs seen at uplink"
    assert (
        found["the network before that hop"] == "all 12 packets of this direction got from uplink to tunnel"
    )
    assert found["congestion"].startswith(
        "5 longer packets (up to 1254 bytes) passed; only packets of at most 60"
    )


def test_where_nothing_was_lost_nobody_needs_clearing(tmp_path: Path) -> None:
    assert cleared(tmp_path, {"tap.pcap": seen([SEED], TAP)}) == {}


def test_a_loss_before_the_hop_clears_no_network(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(15, "PA", size=700)
    lost = talk.sent[-1].number
    talk.send(200, "PA", size=700, again=lost)
    talk.send(201, "A", client=True)
    talk.unheard_close(210)
    files = {
        "1_uplink.pcap": seen([talk], TUNNEL),
        "2_tunnel.pcap": seen([talk], View(delay_ms=0.03, pad_to=padded, drop=lambda s: s.number == lost)),
        "3_tap.pcap": seen([talk], View(delay_ms=0.06, drop=lambda s: lost_short(s) or s.number == lost)),
    }
    assert "the network before that hop" not in cleared(tmp_path, files)


def test_a_hop_that_carried_nothing_clears_no_network(tmp_path: Path) -> None:
    """The first point saw none of the direction in which packets were lost: nothing got through there."""
    files = four_points(**{"1_uplink": replace(TUNNEL, drop=lambda s: not s.from_client)})
    assert "the network before that hop" not in cleared(tmp_path, files)


def test_what_is_lost_after_the_hop_clears_no_client(tmp_path: Path) -> None:
    """An acknowledgment too long to be padded, which passes the hop and is missing at the client."""
    talk = seed_talk()
    talk.send(5_000, "A", options=w.timestamps(1, 1))
    other = talk.sent[-1].number
    vm = replace(TAP, delay_ms=0.09, drop=lambda s: lost_short(s) or s.number == other)
    files = four_points(talk, **{"4_vm": vm})
    assert "the client and its system" not in cleared(tmp_path, files)


def test_cards_that_counted_nothing_are_cleared(tmp_path: Path) -> None:
    """The two interfaces of the hop and the real ones; what a bridge counts by itself is passed over."""
    texts = {"before/compute/ip_link.txt": link(), "after/compute/ip_link.txt": link(br_int=9)}
    found = cleared(tmp_path / "a", {**two_points([SEED]), **texts})
    assert (
        found["network cards and their drivers"]
        == "no drop or error counted on the way in by eth9, tap, tunnel"
    )
    dropped = {"before/compute/ip_link.txt": link(), "after/compute/ip_link.txt": link(eth9=6)}
    assert "network cards and their drivers" not in cleared(tmp_path / "b", {**two_points([SEED]), **dropped})
    one = {"before/compute/ip_link.txt": link()}
    assert "network cards and their drivers" not in cleared(tmp_path / "c", {**two_points([SEED]), **one})
    fresh = {"before/compute/ip_link.txt": link().replace("tap", "old"), "after/compute/ip_link.txt": link()}
    found = cleared(tmp_path / "d", {**two_points([SEED]), **fresh})
    assert found["network cards and their drivers"].endswith("by eth9, tunnel")


def test_a_loss_on_the_way_to_the_server_clears_neither_end(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    for part in range(6):
        talk.exchange(10 + 20 * part, segments=2)
    lost = lambda s: s.from_client and s.short  # noqa: E731
    files = {
        "1_server.pcap": seen([talk], View(drop=lost)),
        "2_mid.pcap": seen([talk], View(delay_ms=0.05)),
        "3_lan.pcap": seen([talk], View(delay_ms=0.1)),
    }
    found = cleared(tmp_path, files)
    assert "the remote server" not in found
    assert "the client and its system" not in found


def test_a_server_that_never_closed_is_not_cleared(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(20, "PA", size=800)
    lost = talk.sent[-1].number
    talk.send(6000, "RA", client=True, unheard=800)
    talk.send(6001, "PA", size=10)
    files = two_points([talk], View(), View(delay_ms=0.1, drop=lambda s: s.number == lost))
    assert "the remote server" not in cleared(tmp_path, files)


def test_a_loss_without_any_connection_clears_no_server(tmp_path: Path) -> None:
    """Datagrams have no FIN."""
    assert "the remote server" not in cleared(tmp_path, two_points([datagrams("right")]))
