"""Travel times of packets between two points: all of them in counts and extremes, some of them in the sample."""

import importlib

import numpy as np
import pytest
from captured import matched, path_of, points_of, summary
from conversation_writer import Conversation, Point

from lastseen.matching import travel
from lastseen.matching.conversations import find_conversations
from lastseen.matching.grouping import group_packets
from lastseen.matching.pairing import pair_points
from lastseen.matching.travel import travel_of
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((200, 9000), (300, 4000)))
SERVER_SIDE = Point(delay_ns=50_000)


@pytest.mark.parametrize("drop", [frozenset(), frozenset({6}), frozenset({6, 9, 14})])
@pytest.mark.parametrize("most", [1, 3, 50_000])
@pytest.mark.parametrize("whole_first", [True, False])
def test_every_packet_counts_and_some_are_sampled(
    drop: frozenset[int], most: int, whole_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a side is in step or not, and however few packets are looked at again."""
    monkeypatch.setattr(travel, "SAMPLE", most)
    far = Point(delay_ns=250_000, drop=drop)
    captures = {"far": TALK.seen_at(far), "near": TALK.seen_at(SERVER_SIDE)}
    first, second = (group_packets(point) for point in points_of(captures))
    pairs = (second, first) if whole_first else (first, second)
    both = find_conversations(pairs)
    found = travel_of(pairs, both, pair_points(pairs, both))
    assert sum(found.pairs) == len(TALK.segments()) - len(drop)
    for sender in (CLIENT_TO_REMOTE, REMOTE_TO_CLIENT):
        times = found.sample[sender][:, 0]
        assert 0 < len(times) <= found.pairs[sender]
        least, largest = found.least_and_largest(sender)
        assert least <= times.min() <= times.max() <= largest
    if most > len(TALK.segments()):
        assert tuple(map(len, found.sample)) == found.pairs


@pytest.mark.parametrize("most", [1, 7])
def test_the_matching_does_not_depend_on_the_sample(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    captures = {
        "server": TALK.seen_at(SERVER_SIDE),
        "client": TALK.seen_at(Point(delay_ns=250_000, drop=frozenset({6}))),
    }
    whole = matched(captures)
    monkeypatch.setattr(importlib.import_module("lastseen.matching.travel"), "SAMPLE", most)
    sampled = matched(captures)
    assert path_of(whole) == path_of(sampled) != []
    assert summary(whole) == summary(sampled)
    assert np.array_equal(whole.offsets_ns, sampled.offsets_ns)
