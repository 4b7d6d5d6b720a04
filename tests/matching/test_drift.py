"""Clocks that run at different speeds: neither the order of the points nor a loss rests on when a packet was sent."""

from dataclasses import replace

import numpy as np
import packet_writer as w
import pytest
from captured import fates, losses, matched, path_of, points_of
from conversation_writer import Conversation, Point
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.matching import match
from lastseen.matching.drift import Drift, drift_of, steadied
from lastseen.matching.grouping import group_packets
from lastseen.matching.travel import Travel
from lastseen.scale.mapped import mapped
from lastseen.tables.points import Watch

pytestmark = pytest.mark.kernel

SECOND = 1_000_000_000
TALK = Conversation(exchanges=((200, 3000), (90, 500)))
BARE = [s.number for s in TALK.segments() if s.flags == "A" and 2 < s.number < TALK.number_of("server FIN")]
REMOTE, MIDDLE, TAP = Point(delay_ns=400_000), Point(delay_ns=200_000), Point(delay_ns=50_000)


def talk_at(
    number: int, start_ns: int, exchanges: tuple[tuple[int, int], ...] = TALK.exchanges
) -> Conversation:
    return replace(
        TALK,
        client=("10.0.0.5", 40_000 + number),
        client_isn=91_000_000 + 7919 * number,
        server_isn=92_000_000 + 7907 * number,
        client_id=100 + 300 * number,
        server_id=5000 + 300 * number,
        start_ns=TALK.start_ns + start_ns,
        exchanges=exchanges,
    )


def drifted(frames: list[w.Packet], millionths: float) -> list[w.Packet]:
    """As a clock shows it that was right at the start and runs ahead by so much."""
    return [(at + int((at - TALK.start_ns) * millionths / 1e6), data) for at, data in frames]


@settings(max_examples=25)
@given(
    drifts=st.tuples(*[st.sampled_from([0, 0.5, 20, 100, -100, -300])] * 3),
    offsets=st.tuples(*[st.sampled_from([0, 1_000_003, -18_000 * SECOND])] * 3),
    pauses=st.lists(st.integers(0, 2000), min_size=1, max_size=6),
    dropped=st.sets(st.sampled_from(BARE), max_size=2),
    which=st.integers(0, 5),
)
def test_only_what_was_dropped_is_lost(
    drifts: tuple[float, float, float],
    offsets: tuple[int, int, int],
    pauses: list[int],
    dropped: set[int],
    which: int,
) -> None:
    """Connections over up to three hours, of clocks that run apart by up to four seconds."""
    starts = np.cumsum([0, *pauses[:-1]]).tolist()
    talks = [talk_at(n, start * SECOND) for n, start in enumerate(starts)]
    lossy = talks[which % len(talks)]
    down = frozenset(n for n in dropped if not TALK.segments()[n].from_client)
    up = frozenset(dropped) - down
    captures = {}
    for name, point, drift, offset, drop in zip(
        ("remote", "middle", "tap"), (REMOTE, MIDDLE, TAP), drifts, offsets, (up, up, down), strict=True
    ):
        frames = [
            p for t in talks for p in t.seen_at(replace(point, drop=drop if t is lossy else frozenset()))
        ]
        captures[name] = [(at + offset, data) for at, data in drifted(sorted(frames), drift)]
    matching = matched(captures)
    assert path_of(matching) == ["remote", "middle", "tap"]
    assert {hop: len(frames) for hop, frames in losses(matching).items()} == {
        hop: len(lost)
        for hop, lost in ((("middle", "tap", "to_client"), down), (("tap", "middle", "to_remote"), up))
        if lost
    }
    assert all(set(found) <= {"lost"} for found in fates(matching).values())


@pytest.mark.parametrize("millionths", [100, -100])
def test_an_upload_and_much_later_a_download(millionths: float) -> None:
    """Each direction's usual time is of another hour: together they would turn the path round."""
    talks = [talk_at(0, 0, ((30_000, 10),)), talk_at(1, 3600 * SECOND, ((10, 30_000),))]
    remote, tap = ([p for t in talks for p in t.seen_at(point)] for point in (REMOTE, TAP))
    matching = matched({"remote": remote, "tap": drifted(tap, millionths)})
    assert path_of(matching) == ["remote", "tap"]
    assert all(np.abs(hop.delays_ns - 350_000).max() < 50_000 for hop in matching.hops)


@pytest.mark.parametrize("millionths", [200, -200])
def test_a_capture_that_ended_early_by_a_clock_that_drifts(millionths: float) -> None:
    """What came after its end is not lost, however far the clocks have run apart by then."""
    talks = [talk_at(n, n * 600 * SECOND) for n in range(7)]
    remote, tap = ([p for t in talks for p in t.seen_at(point)] for point in (REMOTE, TAP))
    last = talk_at(7, 3600 * SECOND + 300_000_000).seen_at(REMOTE)
    matching = matched({"remote": [*remote, *last], "tap": drifted(tap, millionths)})
    assert losses(matching) == {}


def one_way(frames: list[w.Packet], *, client: bool) -> list[w.Packet]:
    """The packets of one side: those to or from port 443."""
    return [(at, data) for at, data in frames if (data[36:38] == (443).to_bytes(2)) is client]


@pytest.mark.parametrize("client", [True, False])
def test_one_direction_alone_tells_no_drift(client: bool) -> None:
    """A path that grows longer looks the same; the times stay as they are."""
    talks = [talk_at(n, n * 600 * SECOND) for n in range(7)]
    remote, tap = (
        one_way([p for t in talks for p in t.seen_at(point)], client=client) for point in (REMOTE, TAP)
    )
    matching = matched({"remote": remote, "tap": drifted(tap, 200)})
    assert losses(matching) == {}
    assert max(np.ptp(hop.delays_ns) for hop in matching.hops if len(hop.delays_ns)) > SECOND // 2


def test_a_queue_that_fills_is_no_drift() -> None:
    """One direction is delayed more and more, the other is not."""
    talks = [talk_at(n, n * 600 * SECOND) for n in range(7)]
    remote, tap = ([p for t in talks for p in t.seen_at(point)] for point in (REMOTE, TAP))
    slower = [
        (at + (at - TALK.start_ns) // 5000 * (data[34:36] == (443).to_bytes(2)), data) for at, data in tap
    ]
    matching = matched({"remote": remote, "tap": sorted(slower)})
    assert path_of(matching) == ["remote", "tap"]
    delays = {hop.direction: np.ptp(hop.delays_ns) for hop in matching.hops}
    assert (delays[0] < 1000, delays[1] > SECOND // 2) == (True, True)


def test_the_watch_of_a_point_and_times_that_are_not_known_move_along() -> None:
    """The point itself is given back as it was captured."""
    talks = [talk_at(n, n * 600 * SECOND) for n in range(7)]
    point, other = points_of({
        name: drifted([p for t in talks for p in t.seen_at(place)], rate)
        for name, place, rate in (("tap", TAP, 200), ("remote", REMOTE, 0))
    })  # fmt: skip
    drift = Drift(rate=200e-6, fixed_ns=TALK.start_ns)
    watch = Watch(end_ns=TALK.start_ns + 10_002 * SECOND, counted_ns=(TALK.start_ns, TALK.start_ns))
    grouped = group_packets(point)
    moved, steady = steadied(replace(point, watch=watch), grouped, drift)
    assert moved.watch.start_ns is None
    assert abs((moved.watch.end_ns or 0) - TALK.start_ns - 10_000 * SECOND) < 1_000
    assert abs((moved.last_ns or 0) - (other.last_ns or 0)) < 1_000_000
    assert steady.packets is moved.capture.packets
    matching = match([point, other])
    assert {p.name: p.capture for p in matching.points} == {"tap": point.capture, "remote": other.capture}
    changed = replace(grouped, packets=grouped.packets.copy())
    assert (steadied(point, changed, drift)[1].packets == steady.packets).all()


def test_tables_in_files_are_left_as_they_are() -> None:
    """There is no room for a second one."""
    (point,) = points_of({"tap": TALK.seen_at(TAP)})
    packets = mapped(point.capture.packets.shape, np.uint32)
    packets[:] = point.capture.packets
    filed = replace(point, capture=replace(point.capture, packets=packets))
    grouped = group_packets(filed)
    assert steadied(filed, grouped, Drift(rate=1e-4, fixed_ns=0)) == (filed, grouped)


def test_packets_at_one_moment_or_none_tell_nothing() -> None:
    sample = np.zeros((1, 3), np.int64)
    ends = np.zeros((0, 3), np.int64), np.zeros((0, 2), np.int64)
    for samples in ((ends[0], ends[0]), (sample, ends[0]), (sample, sample)):
        travel = Travel(sides=ends[0], extremes=ends[1], pairs=(0, 0), sample=samples)
        assert drift_of(travel) is None
