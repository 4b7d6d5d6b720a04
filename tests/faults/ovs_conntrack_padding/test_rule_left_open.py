"""Cases that leave the padding fault open, or in which it is not alone."""

from dataclasses import replace
from pathlib import Path

import packet_writer as w
import pytest
from padding_cases import (
    LOST,
    SEED,
    counters,
    log_of,
    run,
    said,
    taken,
)
from written_cases import (
    TAP,
    TUNNEL,
    Talk,
    View,
    datagrams,
    judgement,
    lost_short,
    nft_rules,
    padded,
    seen,
    two_points,
)

from lastseen.tables.judgements import Refuted, Supported, Untestable


# ---- left open ----
def test_a_senders_capture_is_too_early(tmp_path: Path) -> None:
    """Not padded yet where last seen: possible, with the capture that would tell, and what may be as well."""
    diagnosis = run(tmp_path, two_points([SEED], up=View()))
    judged = judgement(diagnosis)
    assert isinstance(judged, Untestable)
    assert judged.missing == ("a capture nearer the loss than tunnel: there the packets were not padded yet",)
    assert judged.alike == ("firewall_deny", "dataplane_padding")
    assert (diagnosis.verdict.fault, diagnosis.verdict.grade) == (None, "possible")


def test_where_rules_are_known_a_senders_capture_leaves_no_rule_open(tmp_path: Path) -> None:
    files = two_points([SEED], up=View()) | {"after/nft.txt": nft_rules(invalid=(0, 0))}
    judged = judgement(run(tmp_path, files))
    assert isinstance(judged, Untestable)
    assert "firewall_deny" not in judged.alike


def test_a_short_packet_that_passed_a_senders_capture_refutes(tmp_path: Path) -> None:
    down = replace(TAP, drop=lambda s: lost_short(s) and s.number != LOST[0].number)
    judged = judgement(run(tmp_path, two_points([SEED], up=View(), down=down)))
    assert isinstance(judged, Refuted)


def test_a_single_short_packet_hints_at_nothing(tmp_path: Path) -> None:
    down = replace(TAP, drop=lambda s: s.number == one)
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    talk.send(30, "A")
    one = talk.sent[-1].number
    talk.exchange(40, acknowledged=False)
    judged = judgement(run(tmp_path, two_points([talk], up=View(), down=down)))
    assert isinstance(judged, Untestable)
    assert judged.reasons == ()


def test_a_single_fin_at_its_sender_hints_at_nothing(tmp_path: Path) -> None:
    """Somebody waited, but one packet has no length in common with others."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    talk.unheard_close(20, times=1)
    judged = judgement(run(tmp_path, two_points([talk], up=View())))
    assert isinstance(judged, Untestable)
    assert judged.reasons == ()


@pytest.mark.parametrize("passing", [True, False])
def test_short_packets_of_which_others_pass_hint_at_nothing(tmp_path: Path, passing: bool) -> None:
    """At their sender nobody has padded them yet; that all of a kind were lost would hint at it."""
    talk = Talk()
    for number in range(30):
        short = number % 3 == 0 or passing
        answer = w.udp(53, 5353, bytes(9 if short else 60))
        talk.raw(10 * number, w.ipv4("192.0.2.53", "10.0.0.5", answer, identification=900 + number))
    lost = View(delay_ms=0.1, drop=lambda sent: sent.number % 3 == 0)
    judged = judgement(run(tmp_path, two_points([talk], up=View(), down=lost)))
    assert isinstance(judged, Untestable)
    assert bool(judged.reasons) != passing


def test_counters_between_two_hosts_refute_nothing(tmp_path: Path) -> None:
    """The loss may lie on a third host, so neither end's counters speak against the fault."""
    toml = "".join(
        f'[[point]]\nname = "{name}"\nfile = "{file}"\nnode = "{node}"\n'
        for name, file, node in (("a", "1_tunnel.pcap", "one"), ("b", "2_tap.pcap", "two"))
    )
    files = {**two_points([SEED]), "case.toml": toml, **counters(0, "one"), **counters(0, "two")}
    assert isinstance(judgement(run(tmp_path, files)), Supported)


def test_one_padded_packet_lost_may_be_chance(tmp_path: Path) -> None:
    """Captures alone do not accuse; the counter does."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    talk.send(30, "A")
    talk.exchange(40, acknowledged=False, segments=2)
    diagnosis = run(tmp_path / "alone", two_points([talk]))
    judged = judgement(diagnosis)
    assert isinstance(judged, Untestable)
    assert "may be chance" in judged.missing[0]
    assert diagnosis.verdict.fault is None
    assert isinstance(judgement(run(tmp_path / "counted", {**two_points([talk]), **counters(1)})), Supported)


def only_fins() -> Talk:
    """All short packets of the server are FINs."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    talk.send(20, "FA")
    first = talk.sent[-1].number
    for part in range(1, 5):
        talk.send(20 + 200 * 2**part, "FA", again=first)
    talk.send(6000, "FA", client=True, unheard=1)
    return talk


def test_a_loss_of_fins_only_may_be_a_rule_on_fins(tmp_path: Path) -> None:
    """Possible by captures, confirmed by the log."""
    diagnosis = run(tmp_path / "alone", two_points([only_fins()]))
    judged = judgement(diagnosis)
    assert isinstance(judged, Untestable)
    assert "without the FIN flag" in judged.missing[0]
    assert diagnosis.verdict.grade == "possible"
    files = {**two_points([only_fins()]), "dmesg.txt": log_of(taken(only_fins()))}
    assert run(tmp_path / "log", files).verdict.grade == "confirmed"


def test_a_path_that_went_dead_is_not_accused(tmp_path: Path) -> None:
    """Data and FINs are lost from one moment on: the data is no chance, as nothing of its shape came later."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    talk.send(20, "PA", size=1200)
    first = talk.sent[-1].number
    talk.send(21, "FA")
    fin = talk.sent[-1].number
    for part in range(1, 5):
        talk.send(20 + 200 * 2**part, "PA", size=1200, again=first)
        talk.send(21 + 200 * 2**part, "FA", again=fin)
    talk.send(9000, "FA", client=True, unheard=1201)
    down = replace(TAP, drop=lambda s: s.from_server and s.at_ms >= 20)
    judged = judgement(run(tmp_path, two_points([talk], down=down)))
    assert isinstance(judged, Refuted)


def test_without_anything_delivered_nothing_is_compared(tmp_path: Path) -> None:
    """A SYN-ACK with nothing but an MSS is padded, and every one is lost."""
    talk = Talk()
    for part in range(4):
        talk.send(1000 * part, "S", client=True, options=w.mss(1460))
        talk.send(1000 * part + 1, "SA", options=w.mss(1460))
    talk.send(9000, "S", client=True, options=w.mss(1460))
    judged = judgement(run(tmp_path, two_points([talk])))
    assert isinstance(judged, Untestable)
    assert "a delivered packet of the same direction and connection to compare with" in judged.missing
    assert judged.reasons == ()


def test_a_snap_length_that_hides_the_checksums(tmp_path: Path) -> None:
    """Five bytes of payload are cut: whole packets are asked for."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False, segments=8)
    for part in range(8):
        talk.send(40 + part, "PA", data=b"abcde")
    talk.send(6000, "FA", client=True, unheard=40)
    up, down = replace(TUNNEL, snap_length=56), replace(TAP, snap_length=56)
    judged = judgement(run(tmp_path, two_points([talk], up, down)))
    assert isinstance(judged, Untestable)
    assert "whole packets (a larger snap length), so that checksums can be computed" in judged.missing
    assert "all 8 carried Ethernet padding" in said(judged)


# ---- in company ----
def with_random_loss() -> tuple[Talk, int]:
    """The seed with one data packet lost by chance and repeated; its number."""
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(15, "PA", size=1200)
    unlucky = talk.sent[-1].number
    talk.send(220, "PA", size=1200, again=unlucky)
    talk.send(221, "A", client=True)
    talk.unheard_close(230)
    return talk, unlucky


def test_random_loss_in_addition_is_set_aside(tmp_path: Path) -> None:
    """What was lost by chance passed when it was repeated."""
    talk, unlucky = with_random_loss()
    down = replace(TAP, drop=lambda s: lost_short(s) or s.number == unlucky)
    judged = judgement(run(tmp_path, {**two_points([talk], down=down), **counters(7)}))
    assert isinstance(judged, Supported)
    assert judged.confirmed
    assert (
        "6 of them carried Ethernet padding; packets of the same shape as the other 1 passed later"
        in said(judged)
    )


def test_loss_at_two_hops_names_the_right_one(tmp_path: Path) -> None:
    """Chance takes a packet at the first hop, padding decides at the second."""
    talk, unlucky = with_random_loss()
    files = {
        "1_uplink.pcap": seen([talk], TUNNEL),
        "2_tunnel.pcap": seen([talk], View(delay_ms=0.05, pad_to=padded, drop=lambda s: s.number == unlucky)),
        "3_tap.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: lost_short(s) or s.number == unlucky)),
    }
    verdict = run(tmp_path, files).verdict
    assert (verdict.fault, verdict.last_seen, verdict.missing_at) == (
        "ovs_conntrack_padding",
        "tunnel",
        "tap",
    )


def test_a_stall_with_another_cause_is_not_blamed_on_it(tmp_path: Path) -> None:
    """Full segments vanish at the first hop: the verdict says that the padding does not explain those."""
    talk = Talk()
    talk.opening()
    for part in range(6):
        talk.send(10 + part, "PA", client=True, size=100)
        talk.send(10.3 + part, "A")
        talk.send(10.6 + part, "PA", size=100)
    talk.send(20, "PA", size=1200)
    first = talk.sent[-1].number
    for part in range(1, 5):
        talk.send(20 + 200 * 2**part, "PA", size=1200, again=first)
    talk.send(5000, "FA", client=True, unheard=1200)
    talk.send(5001, "A")
    large = lambda s: s.from_server and s.size > 1000  # noqa: E731
    files = {
        "1_uplink.pcap": seen([talk], TUNNEL),
        "2_tunnel.pcap": seen([talk], View(delay_ms=0.05, pad_to=padded, drop=large)),
        "3_tap.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: lost_short(s) or large(s))),
    }
    verdict = run(tmp_path, files).verdict
    assert "5 packets of the same connections were also lost between uplink and tunnel" in verdict.summary
    assert "because of it" not in verdict.summary


def test_only_connections_without_timestamps_lose(tmp_path: Path) -> None:
    other = Talk(client=("10.0.0.5", 40002), timestamps=True)
    other.opening()
    other.exchange(10)
    other.send(20, "FA")
    other.send(21, "FA", client=True)
    other.send(22, "A")
    diagnosis = run(tmp_path, two_points([SEED, other]))
    assert diagnosis.verdict.grade == "probable"
    assert {c.connection: c.lost_packets for c in diagnosis.connections} == {
        "10.0.0.5:40000 > 192.0.2.80:443": 6,
        "10.0.0.5:40002 > 192.0.2.80:443": 0,
    }


def test_the_clients_padded_packets_are_lost_too(tmp_path: Path) -> None:
    """The other direction: a client on the wire, the server behind the switch."""
    talk = Talk()
    talk.opening()
    for part in range(6):
        talk.exchange(10 + 20 * part, segments=2)
    lost = lambda s: s.from_client and s.short  # noqa: E731
    files = {
        "1_server.pcap": seen([talk], View(drop=lost)),
        "2_lan.pcap": seen([talk], View(delay_ms=0.1, pad_to=lambda s: 60 if s.from_client else 0)),
    }
    diagnosis = run(tmp_path, files)
    assert isinstance(judgement(diagnosis), Supported)
    assert (diagnosis.verdict.last_seen, diagnosis.verdict.missing_at) == ("lan", "server")
    assert "packets to the remote end vanish" in diagnosis.verdict.summary


@pytest.mark.parametrize("fill", [b"\0", b"\xa5"])
def test_the_padding_may_be_anything(tmp_path: Path, fill: bytes) -> None:
    """Some drivers leave old memory in it (the Etherleak class)."""
    judged = judgement(run(tmp_path, two_points([SEED], up=replace(TUNNEL, fill=fill))))
    assert isinstance(judged, Supported)
    assert ("by exactly the padding's length" in said(judged)) == (fill == b"\0")


def test_short_datagrams_are_misjudged_as_well(tmp_path: Path) -> None:
    """conntrack takes the buffer's length for UDP too, not that of the UDP header."""
    talk = datagrams("right")
    texts = {"dmesg.txt": log_of(taken(talk), "nf_ct_proto_17: bad checksum")}
    judged = judgement(run(tmp_path, {**two_points([talk]), **texts}))
    assert isinstance(judged, Supported)
    assert "6 kernel log lines" in said(judged)
    assert "(9)" in said(judged)


def test_datagrams_without_a_checksum_are_not_verified(tmp_path: Path) -> None:
    judged = judgement(run(tmp_path, two_points([datagrams("zero")])))
    assert isinstance(judged, Refuted)
    assert "of a kind whose checksum padding does not touch" in said(judged)


def test_delivered_datagrams_without_a_checksum_are_no_objection(tmp_path: Path) -> None:
    """They were padded, and nothing verifies them."""
    zero = w.udp(53, 5353, b"short")
    talk = datagrams("right", count=14)
    for number in range(3):
        reply = replace(zero, checksum="zero", data=zero.data[:-1] + bytes([number]))
        talk.raw(500 + number, w.ipv4("192.0.2.53", "10.0.0.5", reply, identification=77 + number))
    down = replace(TAP, drop=lambda s: lost_short(s) and s.at_ms < 400)
    judged = judgement(run(tmp_path, two_points([talk], down=down)))
    assert isinstance(judged, Supported)
    assert "the 3 padded packets delivered are of a kind whose checksum padding does not touch" in said(
        judged
    )


# ---- without captures of the loss ----
def test_a_log_of_short_packets_alone_is_a_hint(tmp_path: Path) -> None:
    diagnosis = run(tmp_path, {"dmesg.txt": log_of(LOST)})
    judged = judgement(diagnosis)
    assert isinstance(judged, Untestable)
    assert "and of no longer one" in said(judged)
    assert (diagnosis.verdict.fault, diagnosis.verdict.grade) == ("ovs_conntrack_padding", "possible")


def test_a_log_that_names_long_packets_speaks_against(tmp_path: Path) -> None:
    """Corruption does not care for length."""
    judged = judgement(run(tmp_path, {"dmesg.txt": log_of(SEED.sent)}))
    assert isinstance(judged, Untestable)
    assert judged.reasons == ()
    assert "speak of packets that need no padding" in said(judged)


@pytest.mark.parametrize(("size", "hinted"), [(46, True), (40, False)])
def test_bytes_a_packet_tell_an_untrimmed_buffer(tmp_path: Path, size: int, *, hinted: bool) -> None:
    judged = judgement(run(tmp_path, {"after/nft.txt": nft_rules(invalid=(7, 7 * size))}))
    assert isinstance(judged, Untestable)
    assert bool(judged.reasons) == hinted


def test_points_that_all_lie_behind_the_loss_refute_nothing(tmp_path: Path) -> None:
    """The log speaks of packets that no point has; the client waited."""
    files = {
        "1_tap.pcap": seen([SEED], replace(TAP, delay_ms=0.05)),
        "2_vm.pcap": seen([SEED], TAP),
        "dmesg.txt": log_of(LOST),
    }
    assert isinstance(judgement(run(tmp_path, files)), Untestable)


def test_points_that_all_lie_before_the_loss_refute_nothing(tmp_path: Path) -> None:
    files = {
        "1_uplink.pcap": seen([SEED], TUNNEL),
        "2_tunnel.pcap": seen([SEED], replace(TUNNEL, delay_ms=0.05)),
        "dmesg.txt": log_of(LOST),
    }
    diagnosis = run(tmp_path, files)
    assert isinstance(judgement(diagnosis), Untestable)
    assert diagnosis.verdict.grade == "possible"


def test_an_old_log_does_not_make_a_healthy_case_ill(tmp_path: Path) -> None:
    talk = Talk(client=("10.0.0.5", 40002))
    talk.opening()
    talk.exchange(10)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    files = {**two_points([talk], down=View(delay_ms=0.1, pad_to=padded)), "dmesg.txt": log_of(LOST)}
    diagnosis = run(tmp_path, files)
    assert isinstance(judgement(diagnosis), Refuted)
    assert diagnosis.verdict.grade == "healthy"


def test_packets_after_the_end_of_a_capture_prove_nothing(tmp_path: Path) -> None:
    """Unproven is never the only ground."""
    down = replace(TAP, until_ms=17)
    diagnosis = run(tmp_path, two_points([only_fins()], down=down))
    judged = judgement(diagnosis)
    assert isinstance(judged, Untestable)
    assert judged.reasons == ()
