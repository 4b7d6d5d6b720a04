"""Captures that missed packets, or hold them in another order, prove nothing by what they do not have."""

from collections.abc import Callable
from dataclasses import replace

import packet_writer as w
import pytest
from captured import fates, lost_packets, matched
from conversation_writer import Conversation, Point, Segment

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((200, 3000), (90, 500)))
REMOTE, TAP = Point(delay_ns=400_000), Point(delay_ns=50_000)
ACKS = [s.number for s in TALK.segments() if s.flags == "A" and not s.from_client]
DATA = TALK.number_of("server data 0")
HOP = ("remote", "tap", "to_client")


def pcapng(packets: list[w.Packet], *, dropped: int) -> bytes:
    """The packets, and how many more the capture says it dropped."""
    blocks = w.Pcapng()
    out = [blocks.section(), blocks.interface(resolution=9), *(blocks.packet(*packet) for packet in packets)]
    return b"".join([*out, blocks.statistics(packets[-1][0], if_drop=dropped)])


@pytest.mark.parametrize(("dropped", "fate"), [(0, "lost"), (3, "unproven")])
def test_a_capture_that_counts_what_it_dropped(dropped: int, fate: str) -> None:
    """A bare acknowledgment may be one of those."""
    tap = pcapng(TALK.seen_at(replace(TAP, drop=frozenset({ACKS[0]}))), dropped=dropped)
    assert list(fates(matched({"remote": TALK.seen_at(REMOTE), "tap": tap}))[HOP]) == [fate]


def test_an_acknowledged_packet_was_missed_and_others_may_have_been() -> None:
    """The client acknowledged the data: the tap missed it, and who knows what else."""
    tap = TALK.seen_at(replace(TAP, drop=frozenset({DATA, ACKS[0]})))
    found = fates(matched({"remote": TALK.seen_at(REMOTE), "tap": tap}))[HOP]
    assert set(found) == {"outside", "unproven"}


@pytest.mark.parametrize(("gap", "fate"), [(False, "lost"), (True, "unproven")])
def test_what_came_from_beyond_was_missed_and_others_may_have_been(gap: bool, fate: str) -> None:
    """The remote point lacks data that the tap has, of its own server: who knows which of the client's ACKs it lacks."""
    acks = [s.number for s in TALK.segments() if s.flags == "A" and s.from_client]
    missing = frozenset({acks[1], DATA} if gap else {acks[1]})
    captures = {"remote": TALK.seen_at(replace(REMOTE, drop=missing)), "tap": TALK.seen_at(TAP)}
    assert fates(matched(captures)) == {("tap", "remote", "to_remote"): {fate: [acks[1] + 1]}, HOP: {}}


@pytest.mark.parametrize("at_tap", [True, False])
@pytest.mark.parametrize(
    "passes",
    [
        pytest.param(lambda s: s.length > 0, id="with payload"),
        pytest.param(lambda s: "P" in s.flags, id="pushed"),
        pytest.param(lambda s: s.flags != "A" or s.length, id="no mere acknowledgments"),
    ],
)
def test_what_a_filter_on_flags_and_lengths_left_out_is_not_lost(
    passes: Callable[[Segment], bool], at_tap: bool
) -> None:
    """Nor is it where the capture does not say that it has one, and shows a single connection."""
    drop = frozenset(s.number for s in TALK.segments() if not passes(s))
    points = {"remote": REMOTE, "tap": TAP}
    filtered = "tap" if at_tap else "remote"
    points[filtered] = replace(points[filtered], drop=drop)
    assert lost_packets(matched({name: TALK.seen_at(point) for name, point in points.items()})) == 0


def test_what_a_device_behind_the_tap_makes_is_no_gap_of_the_tap() -> None:
    """The remote point has more mere acknowledgments than all that the tap has of the client, which has some itself."""
    client = [s.number for s in TALK.segments() if s.from_client]
    made = frozenset(n for n in client[3:] if TALK.segments()[n].flags == "A") | {client[-1]}
    tap = TALK.seen_at(replace(TAP, drop=made | {ACKS[0]}))
    found = fates(matched({"remote": TALK.seen_at(REMOTE), "tap": tap}))
    assert found[HOP] == {"lost": [ACKS[0] + 1]}


def test_of_a_merged_packet_that_the_capture_dropped_a_part_may_have_got_lost_elsewhere() -> None:
    """The other end goes on without its first half, which is sent again, and has the second one."""
    ports = (443, 40000)

    def of_server(at_ns: int, seq: int, size: int, number: int) -> w.Packet:
        segment = w.tcp(*ports, seq=seq, ack=1_000, flags="PA", data=bytes(size))
        return at_ns, w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", segment, identification=number))

    def of_client(at_ns: int, ack: int, number: int) -> w.Packet:
        segment = w.tcp(*ports[::-1], seq=1_000, ack=ack, flags="A")
        return at_ns, w.ethernet(w.ipv4("10.0.0.5", "192.0.2.80", segment, identification=number))

    start, ms = TALK.start_ns, 1_000_000
    whole = of_server(start + 10 * ms, 2_000, 200, 1)
    both = [
        of_server(start, 1_900, 100, 7),
        of_client(start + 300 * ms, 2_000, 8),
        of_server(start + 310 * ms, 2_000, 100, 2),
        of_client(start + 320 * ms, 2_200, 9),
    ]
    tap = pcapng(both, dropped=1)
    assert list(fates(matched({"remote": [both[0], whole, *both[1:]], "tap": tap}))[HOP]) == ["unproven"]
    both[2] = of_server(start + 310 * ms, 2_000, 200, 2)  # all of it is sent again: so nothing had arrived
    tap = pcapng(both, dropped=1)
    assert list(fates(matched({"remote": [both[0], whole, *both[1:]], "tap": tap}))[HOP]) == ["lost"]


def test_what_the_other_end_goes_on_without_is_lost_all_the_same() -> None:
    """The tap missed packets, but the client's later acknowledgments stop before the last data."""
    silent = replace(TALK, close=False)
    segments = silent.segments()
    last = max(s.number for s in segments if s.length and not s.from_client)
    remote = silent.seen_at(replace(REMOTE, drop=frozenset(range(last + 1, len(segments)))))
    before = segments[last]
    ack = w.tcp(40000, 443, seq=segments[last - 1].seq, ack=before.seq, flags="A")
    reset = w.tcp(443, 40000, seq=before.seq, flags="R")
    later = (
        silent.start_ns + 10**9,
        w.ethernet(w.ipv4(silent.client[0], silent.server[0], ack, identification=999)),
    )
    ended = (
        silent.start_ns + 2 * 10**9,
        w.ethernet(w.ipv4(silent.server[0], silent.client[0], reset, identification=998)),
    )
    tap = silent.seen_at(replace(TAP, drop=frozenset(range(last, len(segments)))))
    captures = {
        "remote": [*remote, later, ended],
        "tap": pcapng([*tap, later, (ended[0] + 10**9, later[1])], dropped=1),
    }
    found = fates(matched(captures))[HOP]
    assert len(found["lost"]) == 1
    assert len(found["unproven"]) == 1


@pytest.mark.parametrize("at_remote", [False, True])
def test_the_order_in_the_file_does_not_matter(at_remote: bool) -> None:
    """Two files put together: the later packets first."""
    remote, tap = TALK.seen_at(REMOTE), TALK.seen_at(replace(TAP, drop=frozenset({ACKS[0]})))
    if at_remote:
        remote = remote[9:] + remote[:9]
    else:
        tap = tap[7:] + tap[:7]
    matching = matched({"remote": remote, "tap": tap})
    assert lost_packets(matching) == 1
    assert sum(hop.reordered for hop in matching.hops) == 0


def test_offload_where_nothing_else_tells_the_clock() -> None:
    """Every packet of the server is merged at the tap, hours away: the bytes agree all the same."""

    def data(at: int, seq: int, size: int, number: int) -> w.Packet:
        payload = w.tcp(443, 40000, seq=seq, ack=1_000_000, flags="A", data=bytes(size))
        return at, w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", payload, identification=number))

    start, hours = TALK.start_ns, 3 * 3600 * 10**9
    remote = [data(start + n * 1000, 2_000_000 + 100 * n, 100, n + 1) for n in range(6)]
    tap = [data(start + hours + n * 3000, 2_000_000 + 300 * n, 300, 50 + n) for n in range(2)]
    hello = w.tcp(40000, 443, seq=1_000_000, ack=2_000_000, flags="PA", data=b"hello")
    client = w.ethernet(w.ipv4("10.0.0.5", "192.0.2.80", hello, identification=9))
    matching = matched(
        {"remote": [(start - 10**6, client), *remote], "tap": [(start + hours - 10**6, client), *tap]}
    )
    assert lost_packets(matching) == 0


def test_a_second_sighting_of_a_repetition_is_not_the_first_sending() -> None:
    """The data was lost and sent again; the tap recorded what was sent again twice."""
    segments = TALK.segments()
    lost = segments[DATA]
    again = w.tcp(443, 40000, seq=lost.seq, ack=lost.ack, flags="PA", data=bytes(lost.length))
    frame = w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", again, identification=31_000))
    time = segments[-1].time_ns + 300_000_000
    remote = [*TALK.seen_at(REMOTE), (time, frame)]
    tap = [
        *TALK.seen_at(replace(TAP, drop=frozenset({DATA}))),
        (time + 350_000, frame),
        (time + 351_000, frame),
    ]
    found = fates(matched({"remote": remote, "tap": tap}))
    assert "merged" not in found[HOP]
    assert "split" not in found[HOP]
