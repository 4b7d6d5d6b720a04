"""The padding fault: what it must accuse, what it must not, and what it must leave open."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import packet_writer as w
import pytest
from written_cases import (
    TAP,
    TUNNEL,
    Sent,
    Talk,
    View,
    conntrack_stats,
    datagrams,
    diagnosed,
    judgement,
    log_line,
    lost_short,
    nft_rules,
    padded,
    seed_talk,
    seen,
    sysctl,
    two_points,
    write_case,
)

from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

Files = Mapping[str, bytes | str]

INTERFACES = (
    "2: tunnel: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
    "3: tap: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n"
)
CHECKSUM = "net.netfilter.nf_conntrack_checksum"


def taken(talk: Talk) -> list[Sent]:
    """What the fault takes of a talk."""
    return [sent for sent in talk.sent if lost_short(sent)]


def log_of(packets: list[Sent], reason: str = "nf_ct_proto_6: bad checksum") -> str:
    return "".join(log_line(sent, reason=reason) for sent in packets)


def counters(moved: int, node: str = "", start: int = 40) -> Files:
    """conntrack's counters before and after."""
    below = f"{node}/" if node else ""
    return {
        f"before/{below}conntrack_-S.txt": conntrack_stats(start),
        f"after/{below}conntrack_-S.txt": conntrack_stats(start + moved),
    }


def on_compute(files: Files) -> Files:
    """The case, with texts that say on which host both points are."""
    return {**files, "before/compute/ip_addr.txt": INTERFACES}


def run(folder: Path, files: Files) -> Diagnosis:
    return diagnosed(write_case(folder, files))


def said(judged: Judgement) -> str:
    """All a judgement says for and against."""
    against = () if isinstance(judged, Supported) else judged.against
    return " | ".join(reason.text for reason in (*judged.reasons, *against))


SEED = seed_talk()
LOST = taken(SEED)


def test_two_captures_make_it_probable(tmp_path: Path) -> None:
    """Every padded packet is lost, no other, and the checksums differ by the padding's length."""
    diagnosis = run(tmp_path, two_points([SEED]))
    judged = judgement(diagnosis)
    assert isinstance(judged, Supported)
    assert not judged.confirmed
    assert (diagnosis.verdict.grade, diagnosis.verdict.last_seen, diagnosis.verdict.missing_at) == (
        "probable", "tunnel", "tap",
    )  # fmt: skip
    assert "by exactly the padding's length (6)" in said(judged)
    assert "1 ACK" in said(judged)
    assert "5 FIN" in said(judged)
    assert diagnosis.verdict.component == "connection tracking on the host between the two points"
    assert len(judged.missing) == 3


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (counters(len(LOST)), "invalid counter moved by 7, one for each lost packet"),
        (counters(len(LOST) - 1), "the snapshot was read before the last ones came"),
        (counters(len(LOST) + 2), "other packets were counted too"),
        ({"dmesg.txt": log_of(LOST)}, "7 kernel log lines"),
        ({"dmesg.txt": log_of(LOST), "dmesg_again.txt": log_of(LOST)}, "the same lines stand in 2 files"),
        ({"after/compute/dmesg.txt": log_of(LOST)}, "all of IP length 40"),
        ({"after/nft.txt": nft_rules(invalid=(7, 322))}, "46 bytes a packet where 40 would be trimmed"),
    ],
)
def test_one_other_layer_confirms_it(tmp_path: Path, texts: Files, words: str) -> None:
    """Counters without a log, a log without counters, or the rule that drops."""
    judged = judgement(run(tmp_path, {**two_points([SEED]), **texts}))
    assert isinstance(judged, Supported)
    assert judged.confirmed
    assert words in said(judged)


def test_a_log_of_another_node_names_the_component(tmp_path: Path) -> None:
    """Bare captures do not tell the host, the lines joined to the lost packets do."""
    diagnosis = run(tmp_path, {**two_points([SEED]), "after/compute/dmesg.txt": log_of(LOST)})
    assert diagnosis.verdict.component == "connection tracking (netfilter) on compute"


def test_logs_of_two_hosts_leave_the_component_open(tmp_path: Path) -> None:
    texts = {"after/one/dmesg.txt": log_of(LOST[:3]), "after/two/dmesg.txt": log_of(LOST[3:])}
    diagnosis = run(tmp_path, {**two_points([SEED]), **texts})
    assert diagnosis.verdict.component == "connection tracking on the host between the two points"


def test_a_log_joined_before_the_hop_is_followed_to_it(tmp_path: Path) -> None:
    """The log's node saw the packet at two points; the lost one is the same packet."""
    files = {
        "1_uplink.pcap": seen([SEED], TUNNEL),
        "2_tunnel.pcap": seen([SEED], replace(TUNNEL, delay_ms=0.05)),
        "3_tap.pcap": seen([SEED], TAP),
        "after/compute/dmesg.txt": log_of(LOST),
    }
    diagnosis = run(tmp_path, files)
    assert (diagnosis.verdict.grade, diagnosis.verdict.last_seen) == ("confirmed", "tunnel")


def test_lines_about_delivered_packets_count_for_nothing(tmp_path: Path) -> None:
    delivered = [sent for sent in SEED.sent if sent.from_server and not sent.short]
    judged = judgement(run(tmp_path, {**two_points([SEED]), "dmesg.txt": log_of(delivered)}))
    assert isinstance(judged, Supported)
    assert not judged.confirmed
    assert "a kernel log line that speaks of one of the lost packets" in judged.missing


def test_a_counter_that_moved_by_something_else_confirms_nothing(tmp_path: Path) -> None:
    judged = judgement(run(tmp_path, {**two_points([SEED]), **counters(60)}))
    assert isinstance(judged, Supported)
    assert not judged.confirmed


def test_a_few_lost_packets_allow_no_lag(tmp_path: Path) -> None:
    """Two lost and three counted is no agreement."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, segments=8)
    talk.unheard_close(30, times=1)
    assert len(taken(talk)) == 3
    judged = judgement(run(tmp_path, {**two_points([talk]), **counters(5)}))
    assert not (isinstance(judged, Supported) and judged.confirmed)


# ---- refuted ----
@pytest.mark.parametrize("node", ["", "compute"])
def test_a_length_rule_is_not_accused(tmp_path: Path, node: str) -> None:
    """The same captures, and conntrack called nothing invalid."""
    files = {**two_points([SEED]), **counters(0, node)}
    diagnosis = run(tmp_path, on_compute(files) if node else files)
    judged = judgement(diagnosis)
    assert isinstance(judged, Refuted)
    assert "conntrack judged no packet invalid there" in said(judged)
    assert (diagnosis.verdict.fault, diagnosis.verdict.grade) == (None, "unattributed")


def test_a_counter_far_below_the_loss_refutes(tmp_path: Path) -> None:
    judged = judgement(run(tmp_path, {**two_points([SEED]), **counters(2)}))
    assert isinstance(judged, Refuted)
    assert "only 2 packets invalid there, and 7 are missing" in said(judged)


def test_a_log_of_the_lost_packets_outweighs_a_counter(tmp_path: Path) -> None:
    """Counters are kept by namespace and may be another one's; a line names its packet."""
    files = {**two_points([SEED]), **counters(0), "dmesg.txt": log_of(LOST)}
    assert isinstance(judgement(run(tmp_path, files)), Supported)


@pytest.mark.parametrize("match", ["ip length < 46", "tcp flags & (fin | ack) == ack"])
def test_a_rule_that_was_hit_for_each_lost_packet_explains_it(tmp_path: Path, match: str) -> None:
    """Without conntrack's counters the rule set still tells."""
    extra = f"{match} counter packets 7 bytes 280 drop"
    judged = judgement(
        run(tmp_path, on_compute({**two_points([SEED]), "after/compute/nft.txt": nft_rules(extra=extra)}))
    )
    assert isinstance(judged, Refuted)
    assert f"'ip sg forward {match}' drops and was hit 7 times" in said(judged)


def test_corrupted_short_packets_are_corrupted(tmp_path: Path) -> None:
    """Their checksum is wrong on the wire already."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    for part in range(5):
        talk.send(20 + 200 * part, "FA", checksum="wrong")
    talk.send(6000, "FA", client=True, unheard=5)
    files = two_points([talk], down=replace(TAP, drop=lambda s: lost_short(s) and "F" in s.flags))
    judged = judgement(run(tmp_path, files))
    assert isinstance(judged, Refuted)
    assert "real corruption" in said(judged)


def test_a_padded_packet_delivered_refutes(tmp_path: Path) -> None:
    down = replace(TAP, drop=lambda s: lost_short(s) and s.number != LOST[0].number)
    judged = judgement(run(tmp_path, two_points([SEED], down=down)))
    assert isinstance(judged, Refuted)
    assert "need padding passed this hop" in said(judged)


@pytest.mark.parametrize("node", ["", "compute"])
def test_checksums_not_verified_refutes(tmp_path: Path, node: str) -> None:
    texts = {f"after/{node}/sysctl.txt" if node else "sysctl.txt": sysctl(CHECKSUM, 0)}
    files = {**two_points([SEED]), **texts}
    judged = judgement(run(tmp_path, on_compute(files) if node else files))
    assert isinstance(judged, Refuted)
    assert "nf_conntrack_checksum = 0" in said(judged)


def test_a_setting_of_some_other_host_refutes_nothing(tmp_path: Path) -> None:
    """The client's own setting says nothing of the host between the points."""
    texts = {"after/vm/sysctl.txt": sysctl(CHECKSUM, 0), "before/compute/ip_addr.txt": INTERFACES}
    assert isinstance(judgement(run(tmp_path, {**two_points([SEED]), **texts})), Supported)


def test_long_packets_lost_refute(tmp_path: Path) -> None:
    """A FIN with timestamps needs no padding."""
    talk = seed_talk(timestamps=True)
    down = replace(TAP, drop=lambda s: s.from_server and "F" in s.flags)
    judged = judgement(run(tmp_path, two_points([talk], down=down)))
    assert isinstance(judged, Refuted)
    assert "5 of 5 packets lost at this hop are long enough to need no padding" in said(judged)


def test_ipv6_is_never_padded(tmp_path: Path) -> None:
    talk = Talk(client=("2001:db8::5", 40000), server=("2001:db8::80", 443))
    talk.opening()
    talk.exchange(10)
    talk.unheard_close(20)
    down = replace(TAP, drop=lambda s: s.from_server and len(s.packet) < 66)
    assert isinstance(judgement(run(tmp_path, two_points([talk], down=down))), Refuted)


def test_short_packets_that_nothing_pads_any_more_refute(tmp_path: Path) -> None:
    """Both points on one host: between them no Ethernet is crossed."""
    judged = judgement(run(tmp_path, on_compute(two_points([SEED], up=View()))))
    assert isinstance(judged, Refuted)
    assert "short but not padded where they were last seen" in said(judged)


def test_a_rule_that_counted_trimmed_packets_refutes(tmp_path: Path) -> None:
    """Invalid they were, but conntrack saw 40 bytes, not 46."""
    judged = judgement(run(tmp_path, {**two_points([SEED]), "after/nft.txt": nft_rules(invalid=(7, 280))}))
    assert isinstance(judged, Refuted)
    assert "counted 280 bytes for 7 packets: no padding" in said(judged)


def late_resets() -> Talk:
    """A peer with timestamps whose resets come after the close: they alone have no options and are padded."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(20, "RA", client=True)
    talk.timestamps = False
    for part in range(7):
        talk.send(21 + part, "R")
    talk.send(40, "RA", client=True)
    talk.timestamps = True
    talk.send(50, "PA", size=100)
    return talk


def test_late_resets_that_conntrack_calls_invalid_are_not_accused(tmp_path: Path) -> None:
    """Short, padded, lost and counted as invalid, because their connection is over: the word of the log decides."""
    talk = late_resets()
    files = {**two_points([talk]), **counters(7)}
    judged = judgement(run(tmp_path / "counted", files))
    assert isinstance(judged, Untestable)
    assert "without the RST flag, or the log's word" in judged.missing[0]
    said_otherwise = log_of(taken(talk), "nf_ct_proto_6: invalid rst")
    judged = judgement(run(tmp_path / "logged", {**files, "dmesg.txt": said_otherwise}))
    assert isinstance(judged, Refuted)
    assert "invalid for another reason" in said(judged)
    assert (
        run(tmp_path / "checksum", {**files, "dmesg.txt": log_of(taken(talk))}).verdict.grade == "confirmed"
    )


# ---- left open ----
def test_a_senders_capture_is_too_early(tmp_path: Path) -> None:
    """Not padded yet where last seen: possible, with the capture that would tell."""
    diagnosis = run(tmp_path, two_points([SEED], up=View()))
    judged = judgement(diagnosis)
    assert isinstance(judged, Untestable)
    assert judged.missing == ("a capture nearer the loss than tunnel: there the packets were not padded yet",)
    assert (diagnosis.verdict.fault, diagnosis.verdict.grade) == ("ovs_conntrack_padding", "possible")


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
