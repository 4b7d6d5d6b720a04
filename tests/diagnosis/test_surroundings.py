"""What came before a packet, of connections written here, and what a diagnosis makes of it."""

from pathlib import Path

import numpy as np
from written_cases import Talk, View, datagrams, diagnosed, seen, two_points, write_case

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis.surroundings import before
from lastseen.tables.points import Point

UNKNOWN = -1
PLAIN = View()


def point_of(folder: Path, talks: list[Talk]) -> Point:
    with (
        Progress() as progress,
        opened([write_case(folder, {"a.pcap": seen(talks, PLAIN)})], progress) as case,
    ):
        return matched(case, progress).points[0]


def idle(first_seq: int = 2_000_001) -> Talk:
    """An exchange, half a minute of nothing, then a second request that stays without an answer."""
    talk = Talk(next_seq=[1_000_001, first_seq])
    talk.opening()
    talk.exchange(10)
    for at_ms in (30_016, 30_220, 30_640, 31_500, 33_200):
        talk.send(at_ms, "PA", client=True, size=200, again=None if at_ms == 30_016 else 12)
    return talk


def test_silence_age_and_bytes_of_each_packet(tmp_path: Path) -> None:
    point = point_of(tmp_path, [idle()])
    rows = np.arange(len(point.group_of))
    silence, age, byte = before(point, rows).T
    assert silence[:4].tolist() == [UNKNOWN, 0, 0, 9]  # SYN, SYN-ACK, ACK, the request
    assert silence[-5:].tolist() == [30_001, 30_205, 30_625, 31_485, 33_185]
    assert (age[0], age[-1]) == (0, 33_200)
    assert byte[:4].tolist() == [0, 0, 1, 1]
    assert byte[-5:].tolist() == [201] * 5


def test_some_packets_of_two_connections_in_any_order(tmp_path: Path) -> None:
    other = Talk(client=("10.0.0.6", 41_000), next_seq=[9_000_001, 8_000_001])
    other.opening()
    other.exchange(200)
    point = point_of(tmp_path, [idle(), other])
    rows = np.random.default_rng(7).permutation(len(point.group_of))[:9]
    whole = before(point, np.arange(len(point.group_of)))
    assert before(point, rows).tolist() == whole[rows].tolist()
    assert whole[:, 1].max() == 33_200


def test_numbers_that_wrap_and_packets_from_before_the_first(tmp_path: Path) -> None:
    """A repetition whose original came before the capture began is at byte 0."""
    talk = Talk(next_seq=[2**32 - 99, 500])
    talk.send(0, "PA", client=True, size=200)
    talk.next_seq[0] = 101
    talk.send(1, "PA", client=True, size=200)
    talk.next_seq[0] = 2**32 - 1_000
    talk.send(2, "PA", client=True, size=100)
    point = point_of(tmp_path, [talk])
    assert before(point, np.arange(3))[:, 2].tolist() == [0, 200, 0]


def test_datagrams_have_no_bytes_of_a_stream(tmp_path: Path) -> None:
    point = point_of(tmp_path, [datagrams("right")])
    assert set(before(point, np.arange(len(point.group_of)))[:, 2].tolist()) == {UNKNOWN}


def test_what_is_lost_after_a_silence_is_said(tmp_path: Path) -> None:
    """Nothing in the packets tells them from those before, so what came before them is what only they have."""
    lost = View(drop=lambda sent: sent.from_client and 30_000 < sent.at_ms < 40_000)
    later = Talk(client=("10.0.0.6", 41_000), next_seq=[9_000_001, 8_000_001])
    later.send(40_000, "S", client=True)
    later.send(40_001, "SA")
    found = diagnosed(write_case(tmp_path, two_points([idle(), later], lost, View(delay_ms=0.1))))
    told = [c for c in found.contrasts if c.separates]
    assert [(c.feature, c.lost, c.delivered) for c in told][-1] == ("silence >= 30.000", 5, 0)
    assert told[-1].same_as == ("tcp.time_relative >= 30.016",)
    assert any(
        step.text.startswith("What came before the lost packets differs in more than one way")
        for step in found.next
    )
