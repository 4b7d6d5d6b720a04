"""What the evidence is good for, and what is missing for which question."""

from dataclasses import replace
from pathlib import Path

from gathered_cases import SEED, Files, gathered, other_talk, trace
from written_cases import TAP, TUNNEL, conntrack_stats, log_line, lost_short, seen, two_points

from lastseen.diagnosis.assessing import assessed
from lastseen.tables.assessments import Assessment


def assessment(folder: Path, files: Files) -> Assessment:
    return assessed(*gathered(folder, files))


def test_each_file_says_how_much_of_what_it_gave(tmp_path: Path) -> None:
    lines = "".join(log_line(sent) for sent in SEED.sent if lost_short(sent))
    found = assessment(tmp_path, {**two_points([SEED]), "dmesg.txt": lines})
    assert found.tells["1_tunnel.pcap"] == {"packets": len(SEED.sent)}
    assert found.tells["dmesg.txt"] == {"log lines": lines.count("\n")}
    assert [one.kind for one in found.can_tell] == ["packets", "log lines"]


def test_counters_of_one_moment_prove_less(tmp_path: Path) -> None:
    alone = assessment(tmp_path / "a", {**two_points([SEED]), "after/ct.txt": conntrack_stats(3)})
    pair = assessment(
        tmp_path / "b",
        {**two_points([SEED]), "before/ct.txt": conntrack_stats(0), "after/ct.txt": conntrack_stats(3)},
    )
    proves = [next(t.proves for t in one.can_tell if t.kind == "counters") for one in (alone, pair)]
    assert proves == [
        "how many there were since the host started",
        "how many there were between two snapshots",
    ]


def test_what_was_felt_is_asked_of_the_client(tmp_path: Path) -> None:
    without = assessment(tmp_path / "a", two_points([SEED])).questions[0]
    assert without.missing == ("the client's system calls (strace -f -ttt -T -yy)",)
    given = assessment(tmp_path / "b", {**two_points([SEED]), "strace.txt": trace()}).questions[0]
    assert given.missing == ()
    assert given.answered_by[0] == "poll waited 5.98 s"


def test_a_clients_own_account_answers_it_as_well(tmp_path: Path) -> None:
    times = "time_namelookup=0.001 time_connect=0.004 time_starttransfer=3.012 time_total=3.013\n"
    found = assessment(tmp_path, {"w.txt": times})
    assert found.questions[0].answered_by[0] == "curl (handshake) waited 3.01 s"
    (told,) = found.can_tell
    assert (told.kind, told.rows) == ("transfers", 1)
    assert "which phase of a request kept its client waiting" in told.proves


def test_one_point_asks_for_a_second(tmp_path: Path) -> None:
    found = assessment(tmp_path, {"1_tap.pcap": seen([SEED], TUNNEL)}).questions[1]
    assert found.answered_by == ("captures at 1 point",)
    assert "second point" in found.missing[0]


def test_no_point_asks_for_captures(tmp_path: Path) -> None:
    found = assessment(tmp_path, {"strace.txt": trace()}).questions[1]
    assert (found.answered_by, len(found.missing)) == ((), 1)


def test_points_without_an_order_and_packets_after_the_end_are_told(tmp_path: Path) -> None:
    captured = {"1_tunnel.pcap": seen([SEED], TUNNEL)}
    files: Files = {**captured, "2_tap.pcap": seen([SEED], replace(TAP, until_ms=100))}
    found = assessment(tmp_path, files).questions[1]
    assert any("until when the captures ran" in text for text in found.missing)


def test_captures_with_nothing_in_common_have_no_order(tmp_path: Path) -> None:
    files: Files = {"1_a.pcap": seen([SEED], TUNNEL), "2_b.pcap": seen([other_talk(40001)], TUNNEL)}
    found = assessment(tmp_path, files).questions[1]
    assert found.missing[0].startswith("the place on the path of")


def test_what_rules_asked_for_is_missing_and_what_is_joined_is_counted(tmp_path: Path) -> None:
    lines = "".join(log_line(sent) for sent in SEED.sent if lost_short(sent))
    found = assessment(tmp_path, {**two_points([SEED]), "dmesg.txt": lines}).questions[2]
    count = lines.count("\n")
    assert found.answered_by == (
        f"{count} of {count} log lines about something known are joined to the packet they speak of",
        f'{count} packets lost behind tunnel = {count} kernel lines "bad checksum"',
    )
    assert all("(would tell " in text for text in found.missing)
