"""Joining log lines to packets, and reading each log's clock from the joined lines."""

from dataclasses import replace
from pathlib import Path

import packet_writer as w
import pytest
from written_cases import (
    MS,
    START_NS,
    TAP,
    TUNNEL,
    Sent,
    Talk,
    log_line,
    lost_short,
    seed_talk,
    seen,
    two_points,
    write_case,
)

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis.joins import join_lines, log_clocks, once
from lastseen.faults.facts import JoinedLine
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.points import Point
from lastseen.tables.sources import Source

Joined = tuple[list[JoinedLine], list[LogLine], tuple[Point, ...]]
SEED = seed_talk()
LOST = [sent for sent in SEED.sent if lost_short(sent)]


def joined(folder: Path, files: dict[str, bytes | str]) -> Joined:
    with Progress() as progress, opened([write_case(folder, files)], progress) as case:
        lines = [row for row in case.rows if isinstance(row, LogLine)]
        points = matched(case, progress).points
        return join_lines(lines, points), lines, points


def line(
    text: str, *, file: str = "a", node: str = "", topic: str = "conntrack_invalid", number: int = 1
) -> LogLine:
    return LogLine(
        source=Source(file=file, line=number),
        node=node,
        at_ns=0,
        clock="boot",
        zone_known=False,
        text=text,
        topic=topic,
    )


# ---- once ----
def test_a_line_of_two_files_counts_once() -> None:
    (found,) = once([line("x"), line("x", file="b")])
    assert [str(source) for source in found.copies] == ["b:1"]


def test_the_same_text_twice_in_a_file_is_two_lines() -> None:
    """The second there is the second in the copy."""
    lines = [line("x"), line("x", number=2), line("x", file="b"), line("x", file="b", number=5)]
    first, second = once(lines)
    assert [str(s) for s in (*first.copies, *second.copies)] == ["b:1", "b:5"]


def test_two_hosts_may_say_the_same() -> None:
    assert len(once([line("x"), line("x", file="b", node="other")])) == 2


def test_lines_about_nothing_known_are_left_out() -> None:
    assert once([line("x", topic="")]) == []


# ---- joining ----
def test_each_line_meets_its_packet(tmp_path: Path) -> None:
    """In the order of the packets, although all but the IP id is the same."""
    found, _, points = joined(tmp_path, {**two_points([SEED]), "dmesg.txt": "".join(map(log_line, LOST))})
    rows = [item.row for item in found]
    assert {item.point for item in found} == {0}
    assert points[0].name == "tunnel"
    assert rows == sorted(row for row in rows if row is not None)
    assert len(set(rows)) == len(LOST)


def test_a_line_is_joined_where_its_own_node_saw_the_packet_last(tmp_path: Path) -> None:
    toml = "".join(
        f'[[point]]\nname = "{name}"\nfile = "{file}"\nnode = "{node}"\n'
        for name, file, node in (("a", "1_a.pcap", "net"), ("b", "2_b.pcap", "cmp"), ("c", "3_c.pcap", "cmp"))
    )
    files = {
        "1_a.pcap": seen([SEED], TUNNEL),
        "2_b.pcap": seen([SEED], replace(TUNNEL, delay_ms=0.03)),
        "3_c.pcap": seen([SEED], replace(TUNNEL, delay_ms=0.06)),
        "case.toml": toml,
        "after/net/dmesg.txt": log_line(LOST[0]),
        "after/cmp/dmesg.txt": log_line(LOST[1]),
    }
    found, _, points = joined(tmp_path, files)
    at = {item.line.node: points[item.point].name for item in found if item.point is not None}
    assert at == {"net": "a", "cmp": "c"}


def test_a_line_about_a_packet_that_no_point_saw_stays_alone(tmp_path: Path) -> None:
    other = Talk(client=("10.0.0.9", 1))
    other.send(1, "FA")
    found, _, _ = joined(tmp_path, {**two_points([SEED]), "dmesg.txt": log_line(other.sent[0])})
    assert (found[0].point, found[0].row) == (None, None)


@pytest.mark.parametrize("change", [("SEQ=", "SEQ=1"), ("ID=", "ID=1"), ("SPT=", "SPT=1")])
def test_a_line_that_differs_in_one_number_is_about_another_packet(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    found, _, _ = joined(tmp_path, {**two_points([SEED]), "dmesg.txt": log_line(LOST[0]).replace(*change)})
    assert all(item.point is None for item in found)


def test_lines_without_packets_are_kept(tmp_path: Path) -> None:
    text = "[  100.000000] nf_conntrack: nf_conntrack: table full, dropping packet\n"
    found, _, _ = joined(tmp_path, {**two_points([SEED]), "dmesg.txt": text})
    assert [item.line.topic for item in found] == ["conntrack_table_full"]


def test_datagrams_are_joined_by_their_identification(tmp_path: Path) -> None:
    talk = Talk()
    for number in range(4):
        query, reply = w.udp(5353, 53, b"q" * 30), w.udp(53, 5353, b"r")
        talk.raw(
            10 * number, w.ipv4("10.0.0.5", "192.0.2.53", query, identification=50 + number), client=True
        )
        talk.raw(10 * number + 1, w.ipv4("192.0.2.53", "10.0.0.5", reply, identification=90 + number))
    logged: list[Sent] = [sent for sent in talk.sent if sent.from_server][1:3]
    text = "".join(log_line(sent, reason="nf_ct_proto_17: bad checksum") for sent in logged)
    found, _, points = joined(tmp_path, {**two_points([talk], TUNNEL, TAP), "dmesg.txt": text})
    assert [item.row for item in found] == [3, 5]
    assert points[0].name == "tunnel"


def test_resets_that_are_equal_in_everything_pair_in_order(tmp_path: Path) -> None:
    """Linux sends them with an identification of 0."""
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    for part in range(3):
        talk.identification = 0
        talk.send(20 + part, "R")
    resets = talk.sent[-3:]
    found, _, _ = joined(tmp_path, {**two_points([talk]), "dmesg.txt": "".join(map(log_line, resets))})
    rows = [item.row for item in found if item.row is not None]
    assert rows == sorted(set(rows))
    assert len(rows) == 3


# ---- clocks ----
def test_a_logs_clock_is_read_from_its_joined_lines(tmp_path: Path) -> None:
    """Boot times differ from the epoch by the same amount for each line; a copy has its own clock."""
    text = "".join(
        log_line(sent).replace("  100.000000", f"{100 + sent.at_ms / 1000:12.6f}") for sent in LOST
    )
    items, lines, points = joined(tmp_path, {**two_points([SEED]), "a.txt": text, "b.txt": text})
    clocks = log_clocks(items, lines, points)
    assert [clock.file for clock in clocks] == ["a.txt", "b.txt"]
    assert {clock.lines for clock in clocks} == {len(LOST)}
    assert all(abs(clock.ahead_ns - (START_NS - 100_000 * MS)) < MS for clock in clocks)
    assert all(clock.spread_ns < MS for clock in clocks)


def test_lines_without_a_time_or_a_packet_have_no_clock() -> None:
    alone = JoinedLine(line=line("x"))
    assert log_clocks([alone], [line("x")], ()) == []


def test_a_joined_line_without_a_time_tells_no_clock(tmp_path: Path) -> None:
    """Lines pasted without their first column."""
    text = "".join(log_line(sent) for sent in LOST)
    items, lines, points = joined(tmp_path, {**two_points([SEED]), "dmesg.txt": text})
    timeless = [replace(item, at_ns=None) for item in lines]
    assert log_clocks(items, timeless, points) == []
