"""Repeated, late, missing and probing packets, and the ranges they are found with."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segments import Segment, answered_request, handshake, segment, track

from lastseen.connections import scratch

pytestmark = pytest.mark.kernel

OPEN = answered_request()
COLUMNS = ("retransmitted", "spurious", "duplicated", "out_of_order", "probes", "holes")


def data(time: float, seq: int, length: int, ip_id: int = 0) -> Segment:
    """Payload of the responder."""
    return replace(segment(time, 1, "PA", (seq, 151), length), ip_id=ip_id)


def ack(time: float, number: int) -> Segment:
    """An empty acknowledgment of the originator."""
    return segment(time, 0, "A", (151, number))


CASES = {
    "repeated, not yet acknowledged": ([data(1, 1901, 100), data(2, 1901, 100)], 1, {"retransmitted": 1}),
    "repeated, acknowledged": (
        [data(1, 1901, 100), ack(1, 2001), data(2, 1901, 100)],
        1,
        {"retransmitted": 1, "spurious": 1},
    ),
    "the same packet twice": ([data(1, 1901, 100, 7), data(1, 1901, 100, 7)], 1, {"duplicated": 1}),
    "repeated with another identification": (
        [data(1, 1901, 100, 7), data(1, 1901, 100, 8)],
        1,
        {"retransmitted": 1},
    ),
    "identification 0 proves nothing": ([data(1, 1901, 100), data(1, 1901, 100)], 1, {"retransmitted": 1}),
    "late": ([data(1, 2001, 100), data(1.1, 1901, 100)], 1, {"out_of_order": 1}),
    "repeated with more": ([data(1, 1901, 100), data(2, 1901, 150)], 1, {}),
    "a hole": ([data(1, 2001, 100)], 1, {"holes": 100}),
    "two holes, one filled": (
        [data(1, 2001, 100), data(1, 2201, 100), data(1, 1901, 100)],
        1,
        {"holes": 100, "out_of_order": 1},
    ),
    "a hole that an empty packet names": ([segment(1, 1, "A", (2901, 151))], 1, {"holes": 1000}),
    "an octet above is an unseen FIN": ([segment(1, 1, "A", (1902, 151))], 1, {}),
    "FIN repeated": (
        [segment(1, 1, "FA", (1901, 151)), segment(2, 1, "FA", (1901, 151))],
        1,
        {"retransmitted": 1},
    ),
    "keep-alive, empty": ([segment(9, 0, "A", (150, 1901))], 0, {"probes": 1}),
    "keep-alive, one octet": ([segment(9, 0, "A", (150, 1901), 1)], 0, {"probes": 1}),
    "one octet pushed is no keep-alive": (
        [segment(9, 0, "PA", (150, 1901), 1)],
        0,
        {"retransmitted": 1, "spurious": 1},
    ),
    "window probe": (
        [
            replace(segment(1, 1, "A", (1901, 151)), window=0),
            *[segment(t, 0, "A", (151, 1901), 1) for t in (2, 3, 5)],
        ],
        0,
        {"probes": 2},
    ),
    "a sequence number from elsewhere": ([data(1, 1901 + 2**31 - 5, 100)], 1, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_packet_is_counted_as(name: str) -> None:
    """Only the named counters move."""
    segments, side, expected = CASES[name]
    (entry,) = track([*OPEN, *segments]).table
    assert {key: int(entry[key][side]) for key in COLUMNS if entry[key][side]} == expected


def test_a_repeated_syn_and_syn_ack_are_retransmissions() -> None:
    """Both ends repeat themselves."""
    syn, answer, *_ = handshake()
    (entry,) = track([syn, replace(syn, time=1), answer, replace(answer, time=2)]).table
    assert entry["retransmitted"].tolist() == [1, 1]


def test_a_connection_joined_midway_by_a_keep_alive_has_no_hole() -> None:
    """The keep-alive lies one octet below what follows."""
    (entry,) = track([segment(0, 0, "A", (149, 1)), segment(1, 0, "PA", (150, 1), 10)]).table
    assert entry["holes"].tolist() == [0, 0]


def test_more_than_2_32_octets_are_followed() -> None:
    """A window of steps over the wrap: no hole, nothing repeated."""
    step = 1 << 23
    segments = handshake(isn=(2**32 - 5, 900))
    for i in range(600):
        segments.append(segment(1 + i / 1000, 0, "A", (2**32 - 4 + i * step, 901), step - 1))
        segments.append(segment(1 + i / 1000, 0, "A", (2**32 - 4 + i * step + step - 1, 901), 1))
    (entry,) = track(segments).table
    assert int(entry["bytes"][0]) == 600 * step
    assert (int(entry["holes"][0]), int(entry["retransmitted"][0])) == (0, 0)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=40))
def test_ranges_hold_what_a_set_of_octets_holds(pieces: list[tuple[int, int]]) -> None:
    """Inserting ranges in any order: counts and new octets as with a set."""
    s = np.zeros(scratch.WIDTH, np.int64)
    seen: set[int] = set()
    count = 0
    for low, length in pieces:
        octets = set(range(low, low + length))
        count, new = scratch.insert(s, scratch.RANGES_AT, count, low, low + length)
        assert new == len(octets - seen)
        seen |= octets
        flat = s[scratch.RANGES_AT : scratch.RANGES_AT + 2 * count]
        assert np.all(np.diff(flat) > 0)
        assert int((flat[1::2] - flat[::2]).sum()) == len(seen)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), min_size=1, max_size=40))
def test_holes_are_what_no_packet_covered(pieces: list[tuple[int, int]]) -> None:
    """Payload in any order and overlap, against a set of octets."""
    segments = [segment(i / 100, 0, "A", (5000 + low, 1), length) for i, (low, length) in enumerate(pieces)]
    (entry,) = track(segments).table
    seen = {octet for low, length in pieces for octet in range(low, low + length)}
    assert int(entry["holes"][0]) == max(seen) - min(seen) + 1 - len(seen)


def test_ten_thousand_holes_are_bounded_and_counted() -> None:
    """More ranges than are kept: the count of missing octets stays exact."""
    segments = [segment(i / 1000, 0, "A", (5000 + 2 * i, 1), 1) for i in range(3000)]
    (entry,) = track(segments).table
    assert int(entry["holes"][0]) == 2999
