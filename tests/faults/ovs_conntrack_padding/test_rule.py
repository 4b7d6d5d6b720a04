"""The padding fault: what it must accuse, what it must not, and what it must leave open."""

from dataclasses import replace
from pathlib import Path

import pytest
from padding_cases import (
    CHECKSUM,
    INTERFACES,
    LOST,
    SEED,
    Files,
    counters,
    log_of,
    on_compute,
    run,
    said,
    taken,
)
from written_cases import (
    TAP,
    TUNNEL,
    Talk,
    View,
    judgement,
    lost_short,
    nft_rules,
    seed_talk,
    seen,
    sysctl,
    two_points,
)

from lastseen.tables.judgements import Refuted, Supported, Untestable


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
    assert "1 packet of the same direction that needs padding passed this hop" in said(judged)


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
    assert "6 lost packets were short but not padded where last seen" in said(judged)


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
