"""What rules about lost packets say where the evidence is short, odd, or of another connection."""

from pathlib import Path

import packet_writer as w
import pytest
from case_scripts import against, for_it, judged, missing, script
from fragmented import answers, beside, is_fragment
from listed_talk import listing
from written_cases import (
    Sent,
    Talk,
    View,
    diagnosed,
    pieces_lost,
    seen,
    write_case,
)

from lastseen.tables.judgements import Supported


def test_where_the_network_lost_packets_a_capture_that_dropped_some_is_not_all(tmp_path: Path) -> None:
    made = script("capture_artifact")
    talk, dropped = made.transfer(repeated=False)
    lost = Talk(client=("10.0.0.7", 41000))
    lost.opening()
    lost.exchange(10)
    lost.unheard_close(20)
    ids = {id(sent) for sent in lost.sent if "F" in sent.flags and sent.from_server}
    mid = View(delay_ms=0.1, drop=lambda s: s in talk.sent and s.number in dropped)
    tap = View(delay_ms=0.2, drop=lambda s: id(s) in ids)
    files: dict[str, bytes | str] = {
        "1_wan.pcap": seen([talk, lost], View()),
        "2_mid.pcap": seen([talk, lost], mid),
        "3_tap.pcap": seen([talk, lost], tap),
    }
    assert "a run without real losses" in missing(judged(tmp_path, files, "capture_artifact"))


def bond() -> str:
    return (
        "4: bond0: <BROADCAST,MULTICAST,MASTER,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default "
        "qlen 1000\n    link/ether 02:00:00:00:00:04 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535 \n"
        "    bond mode 802.3ad miimon 100 updelay 0 downdelay 0 \n"
    )


def test_a_bond_is_several_paths_as_well(tmp_path: Path) -> None:
    """Some connections lost everything, others nothing; no route has two next hops."""
    made = script("ecmp_bad_member")
    dead = {1, 4, 5, 8}
    talks = [made.connection(number, dead=number in dead) for number in range(10)]
    gone = {talk.client[1] for number, talk in enumerate(talks) if number in dead}

    def drop(sent: Sent) -> bool:
        return sent.from_client and int.from_bytes(sent.packet[20:22], "big") in gone

    captures: dict[str, bytes | str] = {
        "1_wan.pcap": seen(talks, View(delay_ms=-0.1, drop=drop)),
        "2_lan0.pcap": seen(talks, View()),
    }
    said = judged(tmp_path, captures | {"after/router/ip_-d_link.txt": bond()}, "ecmp_bad_member")
    assert "bond0 is a bond" in for_it(said)


def asking(number: int, *, marked: int = 1) -> Talk:
    """A handshake whose first SYNs ask for ECN; the next one does not and is answered."""
    talk = Talk(client=("10.0.0.5", 40000 + number), timestamps=True)
    begin = 50 * number + 100
    options = w.mss(1460) + w.sack_permitted()
    for repeat in range(marked):
        talk.send(begin + 1000 * repeat, "SEC", client=True, options=options, again=0 if repeat else None)
    talk.send(begin + 3000, "S", client=True, again=0, options=options)
    talk.send(begin + 3000.5, "SA", options=options)
    talk.send(begin + 3001, "A", client=True)
    return talk


def marked_lost(*talks: Talk) -> dict[str, bytes | str]:
    other = Talk(client=("10.0.0.9", 39999), timestamps=True)
    other.opening()
    other.exchange(20, segments=1)
    other.exchange(6000, segments=1)
    drop = View(delay_ms=-0.1, drop=lambda s: s.flags == "SEC")
    return {"1_wan0.pcap": seen([other, *talks], drop), "2_lan0.pcap": seen([other, *talks], View())}


def test_two_syns_that_pass_without_ecn_tell_although_so_few_were_delivered(tmp_path: Path) -> None:
    said = judged(tmp_path, marked_lost(asking(0), asking(1)), "ecn_blackhole")
    assert "2 lost SYNs asked for ECN; the same passed as soon as they did not ask" in for_it(said)


def test_one_syn_that_passes_without_ecn_may_be_chance(tmp_path: Path) -> None:
    said = judged(tmp_path, marked_lost(asking(0)), "ecn_blackhole")
    assert "may be chance" in missing(said)


def test_a_rule_on_ecn_that_took_them_agrees(tmp_path: Path) -> None:
    def rules(dropped: int) -> str:
        return (
            "table ip f {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
            f"\t\ttcp flags & (ecn | cwr) == ecn | cwr counter packets {dropped} bytes {60 * dropped} drop\n\t}}\n}}\n"
        )

    files = marked_lost(asking(0), asking(1)) | {
        "before/router/nft.txt": rules(0),
        "after/router/nft.txt": rules(2),
    }
    said = judged(tmp_path, files, "ecn_blackhole")
    assert "ecn | cwr' dropped 2 packets" in for_it(said)
    assert isinstance(said, Supported)
    assert said.confirmed


def fast(number: int, *, falls_back: bool) -> Talk:
    """A SYN with Fast Open that is lost; the next one is plain and answered, or is the same again."""
    talk = Talk(client=("10.0.0.5", 40000 + number), next_seq=[1_000_001 + 9_000 * number, 2_000_001])
    plain = w.mss(1460) + w.sack_permitted()
    cookie = plain + bytes((34, 10)) + b"cookie88"
    begin = 50 * number + 100
    talk.send(begin, "S", client=True, options=cookie, size=120)
    if not falls_back:
        talk.send(begin + 1000, "S", client=True, again=0, options=cookie, size=120)
        return talk
    talk.send(begin + 1000, "S", client=True, again=0, options=plain)
    talk.send(begin + 1000.5, "SA", options=plain, unheard=120)
    talk.send(begin + 1001, "A", client=True)
    return talk


@pytest.mark.parametrize("falls_back", [True, False])
def test_each_syn_with_fast_open_has_to_pass_without(tmp_path: Path, falls_back: bool) -> None:
    """With so few delivered packets only the clients' own fallback tells."""
    other = Talk(client=("10.0.0.9", 39999), timestamps=True)
    other.opening()
    other.exchange(20, segments=1)
    other.exchange(6000, segments=1)
    talks = [other, fast(0, falls_back=True), fast(1, falls_back=falls_back)]
    drop = View(delay_ms=-0.1, drop=lambda s: b"cookie88" in s.packet)
    files: dict[str, bytes | str] = {"1_wan0.pcap": seen(talks, drop), "2_lan0.pcap": seen(talks, View())}
    said = judged(tmp_path, files, "tfo_blackhole")
    if falls_back:
        assert "2 lost SYNs carried Fast Open; the same" in for_it(said)
    else:
        assert "may be chance" in missing(said)


def test_where_later_fragments_pass_no_filter_takes_them(tmp_path: Path) -> None:
    talk = answers()
    lost = {sent.number for sent in talk.sent if is_fragment(sent)} - {max(s.number for s in talk.sent)}
    down = View(delay_ms=0.1, drop=lambda s: is_fragment(s) and s.number in lost)
    files: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([talk, beside()], View()),
        "2_lan0.pcap": seen([talk, beside()], down),
    }
    assert "later fragment passed" in against(judged(tmp_path, files, "fragments_dropped"))


def test_fragments_of_datagrams_that_are_not_whole_were_not_put_together(tmp_path: Path) -> None:
    """Of each datagram the last fragment never got to the first point either."""
    last = lambda s: is_fragment(s) and not s.packet[6] & 0x20  # noqa: E731 - used twice below
    talk = answers()
    files: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([talk, beside()], View(drop=last)),
        "2_lan0.pcap": seen([talk, beside()], View(delay_ms=0.1, drop=is_fragment)),
    }
    assert "of no datagram all of them" in against(judged(tmp_path, files, "reassembled_too_big"))


def scattered() -> tuple[dict[str, bytes | str], int]:
    """Ten of 80 segments lost, here and there; they pass when sent again."""
    lost = {3, 11, 14, 22, 31, 37, 38, 49, 61, 72}
    talk, over = pieces_lost([(12 + part / 2, part in lost) for part in range(80)])
    captures: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([talk], View()),
        "2_lan0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: s.number in over)),
    }
    return captures, len(over)


def test_a_rule_that_drops_by_chance_is_named(tmp_path: Path) -> None:
    def rules(dropped: int) -> str:
        return (
            "table ip f {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
            f"\t\tnumgen random mod 100 < 17 counter packets {dropped} bytes {dropped * 1252} drop\n\t}}\n}}\n"
        )

    captures, count = scattered()
    texts = {"before/router/nft.txt": rules(0), "after/router/nft.txt": rules(count)}
    said = judged(tmp_path, captures | texts, "random_loss")
    assert f"dropped {count} packets at random" in for_it(said)


def netem(dropped: int) -> str:
    return (
        "qdisc netem 8001: dev lan0 root refcnt 2 limit 1000 loss 17%\n"
        f" Sent 130000 bytes 120 pkt (dropped {dropped}, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n"
    )


@pytest.mark.parametrize("is_all", [True, False])
def test_netem_is_named_where_it_dropped_as_many(tmp_path: Path, is_all: bool) -> None:
    captures, count = scattered()
    dropped = count if is_all else 1
    texts = {"before/router/tc_qdisc.txt": netem(0), "after/router/tc_qdisc.txt": netem(dropped)}
    said = judged(tmp_path, captures | texts, "random_loss")
    assert (f"netem dropped {dropped} packets" in for_it(said)) == is_all


def too_large(*, told: bool) -> Talk:
    """Segments that do not fit are repeated; `told`: the router says so and is not heeded."""
    talk = Talk()
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "PA", size=1200)
    talk.send(11.5, "A", client=True)
    talk.send(12, "A", size=1448)
    large = talk.sent[-1]
    for at_ms in (220, 640, 1500, 3200):
        talk.send(at_ms, "A", size=1448, again=large.number)
        if told:
            error = w.icmp(3, 4, rest=bytes((0, 0, 5, 120)), data=large.packet[:28])
            talk.raw(at_ms + 0.4, w.ipv4("198.51.100.1", "192.0.2.80", error), client=True)
    talk.send(4000, "FA", client=True, unheard=1448)
    return talk


@pytest.mark.parametrize("told", [True, False])
def test_a_sender_that_was_told_is_in_no_black_hole(tmp_path: Path, told: bool) -> None:
    talk = too_large(told=told)
    down = View(delay_ms=0.2, drop=lambda s: len(s.packet) > 1400 or s.packet[9] == 1)
    files: dict[str, bytes | str] = {"1_wan0.pcap": seen([talk], View()), "2_lan0.pcap": seen([talk], down)}
    said = judged(tmp_path, files, "path_mtu_blackhole")
    if told:
        assert "4 ICMP errors at wan0 tell the sender to send smaller packets" in against(said)
    else:
        assert "no ICMP error about them was seen at wan0" in for_it(said)


def test_a_wide_step_without_rules_is_an_mtu_or_a_rule_on_the_length(tmp_path: Path) -> None:
    """Only small packets passed, all data was lost: captures alone do not tell the two apart."""
    talk = Talk()
    talk.opening()
    talk.send(10, "A", client=True, size=300)
    for at_ms in (20, 320, 920):
        talk.send(at_ms, "A", size=1400, again=None if at_ms == 20 else 4)
    talk.send(4000, "FA", client=True, unheard=1400)
    down = View(delay_ms=0.2, drop=lambda s: len(s.packet) > 1400)
    verdict = diagnosed(
        write_case(tmp_path, {"1_wan0.pcap": seen([talk], View()), "2_lan0.pcap": seen([talk], down)})
    ).verdict
    assert (verdict.fault, verdict.grade) == (None, "possible")
    assert verdict.indistinguishable == ("path_mtu_blackhole", "firewall_deny", "l2_mtu_mismatch")


def test_a_listing_without_v_does_not_tell_whether_packets_may_be_cut(tmp_path: Path) -> None:
    talk = too_large(told=False)
    files: dict[str, bytes | str] = {
        "1_wan0.txt": listing(talk, View()),
        "2_lan0.txt": listing(talk, View(delay_ms=0.2, drop=lambda sent: len(sent.packet) > 1400)),
    }
    said = judged(tmp_path, files, "path_mtu_blackhole")
    assert "the DF flag of the lost packets" in missing(said)


def tunnelled(sent: Sent) -> bytes:
    ends = ("198.51.100.2", "198.51.100.1") if sent.from_client else ("198.51.100.1", "198.51.100.2")
    payload = w.vxlan(w.ethernet(sent.packet), vni=7)
    return w.ipv4(*ends, payload, identification=sent.number + 1000)


@pytest.mark.parametrize(("mtu", "fits"), [(1500, True), (1600, False)])
def test_what_a_tunnel_leaves_of_the_mtu_has_to_be_the_step(tmp_path: Path, mtu: int, fits: bool) -> None:
    """VXLAN leaves 50 bytes less; packets of 1488 bytes are lost, those of 1240 pass."""
    talk = too_large(told=False)
    link = (
        f"3: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {mtu} qdisc noqueue state UP mode DEFAULT group default qlen 1000\n"
        "    link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff\n"
    )
    files: dict[str, bytes | str] = {
        "1_compute_veth0.pcap": seen([talk], View()),
        "2_compute_eth0.pcap": seen(
            [talk], View(delay_ms=0.02, change=tunnelled, drop=lambda s: len(s.packet) > 1400)
        ),
        "after/compute/ip_link.txt": link,
    }
    said = judged(tmp_path, files, "l2_mtu_mismatch")
    assert ("a tunnel begins there" in str(said)) == fits
