"""The verdict: ranked, graded, and rather open than wrong."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from written_cases import (
    TAP,
    TUNNEL,
    Talk,
    View,
    diagnosed,
    log_line,
    lost_short,
    seed_talk,
    seen,
    two_points,
    write_case,
)

from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Judgement, Reason, Refuted, Supported, Untestable


def run(folder: Path, files: dict[str, bytes | str], *wanted: str) -> Diagnosis:
    return diagnosed(write_case(folder, files), wanted=wanted)


def healthy_talk(port: int = 40000) -> Talk:
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    return talk


SEED = seed_talk()
STRACE = (
    '1700000000.001000 write(3<TCP:[10.0.0.5:40000->192.0.2.80:443]>, "GET / HTTP/1.0\\r\\n\\r\\n", 18) = 18 <0.000020>\n'
    "1700000000.020100 poll([{fd=3<TCP:[10.0.0.5:40000->192.0.2.80:443]>, events=POLLIN}], 1, 6000)"
    " = 0 (Timeout) <6.006000>\n"
    "1700000006.027000 close(3<TCP:[10.0.0.5:40000->192.0.2.80:443]>) = 0 <0.000020>\n"
)


def test_the_wait_is_said_with_the_fault(tmp_path: Path) -> None:
    """By the system call where there is a trace, else by the connection's silence."""
    assert "the connection stood still for" in run(tmp_path / "a", two_points([SEED])).verdict.summary
    traced = run(tmp_path / "b", {**two_points([SEED]), "strace.txt": STRACE})
    assert "; poll waited 6.01 s because of it" in traced.verdict.summary
    assert traced.symptom is not None
    assert traced.ranking.startswith("the one the application waited on first")


def test_a_loss_that_nobody_felt_is_said_to_be_that(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    for part in range(5):
        talk.send(20 + part, "A")
    talk.send(40, "PA", size=900)
    assert run(tmp_path, two_points([talk])).verdict.summary.endswith(
        "but nobody waited for them in this run"
    )


def test_without_a_known_cause_the_hop_and_the_contrast_are_named(tmp_path: Path) -> None:
    talk = seed_talk(timestamps=True)
    files = two_points([talk], down=replace(TAP, drop=lambda s: s.from_server and "F" in s.flags))
    verdict = run(tmp_path, files).verdict
    assert (verdict.grade, verdict.fault, verdict.last_seen, verdict.missing_at) == (
        "unattributed", None, "tunnel", "tap",
    )  # fmt: skip
    assert "what they share and no delivered packet has: the FIN flag" in verdict.summary


def test_nothing_lost_and_nobody_waiting_is_healthy(tmp_path: Path) -> None:
    two = run(tmp_path / "a", two_points([healthy_talk(), healthy_talk(40001)], View(), View(delay_ms=0.1)))
    assert (
        two.verdict.summary
        == "every packet of 2 connections passed all 2 points that saw it and nobody waited"
    )
    one = run(tmp_path / "b", {"tap.pcap": seen([healthy_talk()], View())})
    assert (
        one.verdict.summary
        == "nobody waited and nothing is missing in 1 connection at the one point captured"
    )
    assert two.next == ()


def test_points_on_another_path_are_set_apart(tmp_path: Path) -> None:
    elsewhere = Talk(client=("198.51.100.1", 5), server=("198.51.100.2", 6))
    elsewhere.raw(5, healthy_talk(40009).sent[0].packet)
    files = {**two_points([healthy_talk()], View(), View(delay_ms=0.1)), "3_other.pcap": seen([], View())}
    assert run(tmp_path, files).verdict.summary.endswith("; 1 point saw nothing of it (another path)")


@pytest.mark.parametrize(
    ("talk", "view", "words"),
    [
        (SEED, TUNNEL, "the server's FIN was repeated and nobody answered it"),
        (SEED, TAP, "no FIN of the server was ever seen and the client's own was not answered"),
    ],
)
def test_one_point_of_a_stall_is_blind(tmp_path: Path, talk: Talk, view: View, words: str) -> None:
    verdict = run(tmp_path, {"point.pcap": seen([talk], view)}).verdict
    assert verdict.grade == "blind"
    assert words in verdict.summary
    assert verdict.summary.endswith("a single point cannot tell loss from silence")


def test_an_unanswered_handshake_is_blind(tmp_path: Path) -> None:
    talk = Talk()
    for at in (0, 1000, 3000, 7000):
        talk.send(at, "S", client=True)
    verdict = run(tmp_path, {"tap.pcap": seen([talk], View())}).verdict
    assert "nothing came back" in verdict.summary


def test_points_on_one_side_say_that_it_lies_beyond(tmp_path: Path) -> None:
    files = {"1_tap.pcap": seen([SEED], replace(TAP, delay_ms=0.05)), "2_vm.pcap": seen([SEED], TAP)}
    assert "all points show the same packets" in run(tmp_path, files).verdict.summary


def test_points_that_saw_nothing_of_it_are_named(tmp_path: Path) -> None:
    files = {
        "1_tap.pcap": seen([SEED], replace(TAP, delay_ms=0.05)), "2_vm.pcap": seen([SEED], TAP), "3_far.pcap": seen([], View()),
    }  # fmt: skip
    summary = run(tmp_path, files).verdict.summary
    assert "all points" not in summary
    assert "; far saw nothing of it" in summary


def test_a_trace_alone_is_blind_and_says_what_was_felt(tmp_path: Path) -> None:
    verdict = run(tmp_path, {"strace.txt": STRACE}).verdict
    assert verdict.grade == "blind"
    assert verdict.summary.startswith("poll waited 6.01 s")


CURL = (
    "*   Trying 192.0.2.80:443...\n* Connected to h (192.0.2.80) port 443 (#0)\n> GET / HTTP/1.1\n> \n"
    "* {}\n* Closing connection 0\n"
)


def test_a_clients_own_account_alone_is_blind_and_says_what_was_felt(tmp_path: Path) -> None:
    timed = CURL.format("Operation timed out after 60001 milliseconds with 0 bytes received")
    diagnosis = run(tmp_path / "a", {"curl.txt": timed})
    assert diagnosis.verdict.grade == "blind"
    assert diagnosis.verdict.summary.startswith("curl waited 60.00 s for data; without a capture")
    assert diagnosis.symptom is not None
    assert (diagnosis.symptom.ended_by, diagnosis.symptom.sources[0].line) == ("timeout", 5)
    untimed = run(tmp_path / "b", {"curl.txt": CURL.format("Empty reply from server")}).verdict
    assert untimed.summary.startswith("curl waited an unknown time for data")
    name = "* Resolving timed out after 5001 milliseconds\n* Closing connection 0\n"
    unnamed = run(tmp_path / "c", {"curl.txt": name}).verdict
    assert (unnamed.fault, unnamed.grade) == ("dns_timeout", "possible")
    assert "curl waited 5.00 s for an address of the name" in unnamed.summary


def test_a_clients_own_account_names_the_wait_that_the_captures_explain(tmp_path: Path) -> None:
    timed = CURL.format("Operation timed out after 5990 milliseconds with 4800 bytes received")
    diagnosis = run(tmp_path, {**two_points([SEED]), "curl.txt": timed})
    assert "; curl waited 5.99 s because of it" in diagnosis.verdict.summary
    assert diagnosis.symptom is not None
    assert diagnosis.symptom.local is not None
    assert diagnosis.symptom.local.port == 40000


@pytest.mark.parametrize(("peer", "grade"), [("192.0.2.80", "confirmed"), ("192.0.2.81", "probable")])
def test_only_an_account_of_the_connection_agrees(peer: str, grade: str, tmp_path: Path) -> None:
    """A slow server is confirmed by the client's wait on this connection, not on another."""
    talk = Talk()
    talk.opening()
    talk.send(10, "PA", client=True, size=180)
    talk.send(11, "A")
    talk.send(3011, "PA", size=900)
    talk.send(3012, "A", client=True)
    talk.send(3013, "FA")
    talk.send(3014, "FA", client=True)
    talk.send(3015, "A")
    times = (
        f"time_namelookup=0.001000 time_connect=0.004000 time_pretransfer=0.004100 time_starttransfer=3.012000"
        f" time_total=3.012100 remote_ip={peer} remote_port=443 exitcode=0\n"
    )
    verdict = run(tmp_path, {**two_points([talk], View(), View(delay_ms=0.1)), "w.txt": times}).verdict
    assert (verdict.fault, verdict.grade) == ("slow_server", grade)


def test_no_connection_at_all_is_blind(tmp_path: Path) -> None:
    talk = Talk()
    talk.raw(0, SEED.sent[0].packet[:9] + bytes([47]) + SEED.sent[0].packet[10:])
    verdict = run(tmp_path, {"point.pcap": seen([talk], View())}).verdict
    assert verdict.summary == "there is no TCP connection in this evidence to judge"


def test_a_question_leaves_other_connections_out(tmp_path: Path) -> None:
    files = two_points([SEED, healthy_talk(40002)], TUNNEL, TAP)
    diagnosis = run(tmp_path, files, "10.0.0.5:40002")
    assert diagnosis.verdict.fault is None
    assert diagnosis.ranking == "only connections with 10.0.0.5:40002"


def test_the_log_alone_makes_it_possible(tmp_path: Path) -> None:
    text = "".join(log_line(sent) for sent in SEED.sent if lost_short(sent))
    verdict = run(tmp_path, {"dmesg.txt": text}).verdict
    assert (verdict.grade, verdict.fault, verdict.indistinguishable) == (
        "possible",
        "ovs_conntrack_padding",
        (),
    )


# ---- rules that are not there yet ----
class _Fixed:
    """A rule that always says the same."""

    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement

    def judge(self, _: object) -> Judgement:
        return self.judgement


HINT = (Reason(text="a hint"),)


def with_rules(monkeypatch: pytest.MonkeyPatch, *judgements: Judgement) -> None:
    rules = {judgement.fault: _Fixed(judgement) for judgement in judgements}
    monkeypatch.setattr(import_module("lastseen.diagnosis.diagnose"), "rules", lambda: rules)


def test_two_faults_that_fit_are_both_named_and_neither_accused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_rules(
        monkeypatch,
        Untestable(fault="a", missing=("x",), reasons=HINT),
        Untestable(fault="b", missing=("y",), reasons=HINT),
    )
    verdict = run(tmp_path, {"tap.pcap": seen([SEED], TAP)}).verdict
    assert (verdict.grade, verdict.fault, verdict.indistinguishable) == ("possible", None, ("a", "b"))


def test_what_fits_as_well_as_another_is_not_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An independent layer agrees with both of them, so it singles out neither."""
    both = (Supported(fault=name, confirmed=True, reasons=HINT, hop=0) for name in "ab")
    with_rules(monkeypatch, *both)
    verdict = run(tmp_path, two_points([SEED])).verdict
    assert (verdict.fault, verdict.grade, verdict.indistinguishable) == ("a", "probable", ("b",))


@pytest.mark.parametrize(
    ("by_client", "said", "grade"), [(False, 0, "blind"), (False, 40, "healthy"), (True, 0, "healthy")]
)
def test_a_request_that_gets_a_reset_for_an_answer_is_not_healthy(
    tmp_path: Path, by_client: bool, said: int, grade: str
) -> None:
    """Nor need anything be missing. After an answer, or by the client, a reset is one way to close."""
    talk = Talk()
    talk.opening()
    talk.send(10, "PA", client=True, size=60)
    if said:
        talk.send(12, "PA", size=said)
    talk.send(14, "RA", client=by_client)
    verdict = run(tmp_path, two_points([talk], View(), View(delay_ms=0.1))).verdict
    assert (verdict.grade, verdict.fault) == (grade, None)
    assert ("got a reset for an answer" in verdict.summary) == (grade == "blind")


def test_judgements_are_ranked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirmed, probable by the number of reasons, possible, untested, refuted."""
    with_rules(
        monkeypatch,
        Refuted(fault="f", against=HINT),
        Untestable(fault="e", missing=("x",)),
        Untestable(fault="d", missing=("x",), reasons=HINT),
        Supported(fault="c", confirmed=False, reasons=HINT),
        Supported(fault="b", confirmed=False, reasons=HINT * 2),
        Supported(fault="a", confirmed=True, reasons=()),
    )
    diagnosis = run(tmp_path, {"tap.pcap": seen([SEED], TAP)})
    assert [judgement.fault for judgement in diagnosis.judgements] == ["a", "b", "c", "d", "e", "f"]
    assert (diagnosis.verdict.fault, diagnosis.verdict.also) == ("a", ("b", "c"))


@pytest.mark.parametrize(("repeated", "grade"), [(True, "blind"), (False, "healthy")])
def test_a_capture_that_goes_quiet_does_not_make_a_stall_healthy(
    tmp_path: Path, repeated: bool, grade: str
) -> None:
    """The server repeats its answer; whether the tap's capture still ran nobody can tell."""
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(50, "PA", size=900)
    for at_ms in (250, 650, 1450, 3050, 6250) if repeated else ():
        talk.send(at_ms, "PA", again=len(talk.sent) - 1)
    summary = run(tmp_path, two_points([talk], View(), View(delay_ms=0.1, until_ms=40))).verdict
    assert summary.grade == grade
    assert ("stood still for 6.20 s at tunnel" in summary.summary) == repeated


def test_without_any_rule_there_is_still_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(monkeypatch)
    diagnosis = run(tmp_path, two_points([SEED]))
    assert diagnosis.verdict.grade == "unattributed"
    assert diagnosis.next


def test_a_connection_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """Even where other evidence would support a fault: the question was about something else."""
    verdict = run(tmp_path, two_points([seed_talk()]), "10.9.9.9:1").verdict
    assert verdict.grade == "blind"
    assert verdict.fault is None
    assert "10.9.9.9:1" in verdict.summary


def test_a_wait_for_an_end_that_was_not_among_the_lost_is_not_blamed_on_the_loss(tmp_path: Path) -> None:
    """Padded acknowledgments vanish; the server's FIN never existed, so its absence is not their fault."""
    talk = Talk()
    talk.opening()
    for part in range(6):
        talk.exchange(10 + 20 * part)
    talk.send(6_000, "FA", client=True)
    verdict = run(tmp_path, two_points([talk])).verdict
    assert verdict.fault == "ovs_conntrack_padding"
    assert "because of it" not in verdict.summary


def test_a_capture_that_was_over_early_is_no_proof_that_everything_passed(tmp_path: Path) -> None:
    """Healthy as far as it was seen, and the verdict says how far that is."""
    files = two_points([healthy_talk()], down=View(delay_ms=0.1, until_ms=15))
    verdict = run(tmp_path, files).verdict
    assert verdict.grade == "healthy"
    assert "every packet" not in verdict.summary
    assert "capture had ended" in verdict.summary


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([("FA", False), ("FA", True)], ""),
        ([("FA", False)], "the remote end's FIN, none from the client"),
        ([("FA", True)], "no FIN from the remote end"),
        ([], "no FIN from either end"),
        ([("RA", True)], ""),
    ],
)
def test_a_connection_says_whose_fin_is_not_there(
    tmp_path: Path, ends: list[tuple[str, bool]], said: str
) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    for at, (flags, client) in enumerate(ends):
        talk.send(20 + at, flags, client=client)
    found = diagnosed(write_case(tmp_path, {"tap.pcap": seen([talk], View())}))
    assert [c.ending for c in found.connections] == [said]
