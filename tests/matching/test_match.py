"""What must not matter does not: the same traffic, captured otherwise, gives the same fates."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import packet_writer as w
import pytest
from captured import fates, losses, lost_packets, matched, path_of, points_of, summary
from conversation_writer import Conversation, Endpoint, Point
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.matching import match
from lastseen.tables.points import DELIVERED

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((200, 3000), (90, 500)))
FIN = TALK.number_of("server FIN")
ACKS = [s.number for s in TALK.segments() if s.flags == "A" and not s.from_client and s.number < FIN]
BARE = [s.number for s in TALK.segments() if s.flags == "A" and 2 < s.number < FIN]
"""Bare acknowledgments inside the conversation: a loss nobody else tells of."""
REMOTE, MIDDLE, TAP = Point(delay_ns=400_000), Point(delay_ns=200_000), Point(delay_ns=50_000)
HOUR = 3_600_000_000_000
quick = settings(max_examples=12)

Wrap = Callable[[bytes], bytes]


def geneve(packet: bytes) -> bytes:
    return w.ethernet(w.ipv4("10.9.0.1", "10.9.0.2", w.geneve(w.ethernet(packet), vni=7), identification=5))


WRAPS: list[Wrap | None] = [
    None,
    geneve,
    lambda packet: w.ethernet(packet, tags=[(0x8100, 5)]),
    lambda packet: w.ethernet(packet, tags=[(0x88A8, 12), (0x8100, 5)]),
    lambda packet: w.ethernet(packet, pad_to=60),
    lambda packet: w.ethernet(packet, pad_to=60, trailer=b"\x07" * 12),
    lambda packet: w.ethernet(w.ipv4("10.9.0.1", "10.9.0.2", w.vxlan(w.ethernet(packet), vni=7))),
]


@st.composite
def seen(draw: st.DrawFn, point: Point) -> Point:
    """The point with another clock, other addresses, other headers around the packets."""
    nat: dict[Endpoint, Endpoint] = {}
    if draw(st.booleans()):
        nat[TALK.client] = ("203.0.113.7", draw(st.integers(1024, 65535)))
    if draw(st.booleans()):
        nat[TALK.server] = ("10.1.1.1", 8443)
    offset = draw(st.sampled_from([0, 1_000_003, -5 * HOUR, 3 * HOUR]))
    return replace(
        point,
        clock_offset_ns=offset,
        nat=nat,
        wrap=draw(st.sampled_from(WRAPS)),
        ttl=draw(st.sampled_from([64, 64, 64])),
    )


@quick
@given(
    points=st.tuples(seen(REMOTE), seen(MIDDLE), seen(TAP)),
    dropped=st.sets(st.sampled_from(BARE), max_size=3),
    order=st.permutations(["remote", "middle", "tap"]),
)
def test_only_what_was_dropped_is_lost(
    points: tuple[Point, Point, Point], dropped: set[int], order: Sequence[str]
) -> None:
    """Clocks, addresses, ports, tunnels, tags, padding, trailers and the order of the arguments do not matter."""
    remote, middle, tap = points
    down = frozenset(n for n in dropped if not TALK.segments()[n].from_client)
    up = frozenset(dropped) - down
    shown = {
        "remote": replace(remote, drop=up),
        "middle": replace(middle, drop=up),
        "tap": replace(tap, drop=down),
    }
    matching = matched({name: TALK.seen_at(shown[name]) for name in order})
    at = {name: [s.number for s in TALK.segments() if s.number not in shown[name].drop] for name in shown}
    expected = {
        ("middle", "tap", "to_client"): [at["middle"].index(n) + 1 for n in sorted(down)],
        ("tap", "middle", "to_remote"): [at["tap"].index(n) + 1 for n in sorted(up)],
    }
    assert path_of(matching) == ["remote", "middle", "tap"]
    assert losses(matching) == {hop: frames for hop, frames in expected.items() if frames}
    assert all(set(found) <= {"lost"} for found in fates(matching).values())


@quick
@given(data=st.data(), count=st.integers(2, 6), dropped=st.booleans())
def test_any_number_of_points_in_any_order(data: st.DataObject, count: int, dropped: bool) -> None:
    """Evenly along the path, each captured in its own way; a loss is found at the hop where it happened."""
    names = [f"p{number}" for number in range(count)]
    delays = [400_000 - number * 350_000 // (count - 1) for number in range(count)]
    hop = data.draw(st.integers(1, count - 1))
    lost = frozenset({ACKS[0]}) if dropped else frozenset[int]()
    shown = {
        name: replace(
            data.draw(seen(Point(delay_ns=delay))), drop=lost if number >= hop else frozenset[int]()
        )
        for number, (name, delay) in enumerate(zip(names, delays, strict=True))
    }
    order = data.draw(st.permutations(names))
    matching = matched({name: TALK.seen_at(shown[name]) for name in order})
    assert path_of(matching) == names
    expected = {(names[hop - 1], names[hop], "to_client"): [ACKS[0] + 1]}
    assert losses(matching) == (expected if dropped else {})


@quick
@given(tags=st.sampled_from([0, 1, 2]), at_remote=st.booleans(), wrapped=st.sampled_from(WRAPS))
def test_vlan_tags_at_one_point_do_not_matter(tags: int, at_remote: bool, wrapped: Wrap | None) -> None:
    """None, one, or two (802.1ad); whatever the other point shows around its packets."""
    ids = [(0x88A8, 12), (0x8100, 5)][2 - tags :]
    wraps = (lambda packet: w.ethernet(packet, tags=ids), wrapped)
    at = dict(zip(("remote", "tap") if at_remote else ("tap", "remote"), wraps, strict=True))
    tap = replace(TAP, drop=frozenset({ACKS[0]}))
    captures = {
        "remote": TALK.seen_at(replace(REMOTE, wrap=at["remote"])),
        "tap": TALK.seen_at(replace(tap, wrap=at["tap"])),
    }
    bare = {"remote": TALK.seen_at(REMOTE), "tap": TALK.seen_at(tap)}
    assert summary(matched(captures)) == summary(matched(bare))


@quick
@given(snap=st.sampled_from([60, 68, 96, 128]), both=st.booleans())
def test_the_snap_length_does_not_matter(snap: int, both: bool) -> None:
    """TCP is known by its header."""
    remote, tap = TALK.seen_at(REMOTE), TALK.seen_at(replace(TAP, drop=frozenset({ACKS[0]})))
    whole = matched({"remote": remote, "tap": tap})
    cut = w.pcap(tap, nanoseconds=True, snap_length=snap)
    first = w.pcap(remote, nanoseconds=True, snap_length=snap if both else 65535)
    assert summary(matched({"remote": first, "tap": cut})) == summary(whole)
    assert lost_packets(whole) == 1


@quick
@given(start=st.integers(0, 12), end=st.integers(0, 12), at_remote=st.booleans())
def test_a_capture_that_starts_late_or_ends_early_claims_no_loss(
    start: int, end: int, at_remote: bool
) -> None:
    """What it did not watch is unproven or outside."""
    remote, tap = TALK.seen_at(REMOTE), TALK.seen_at(TAP)
    if at_remote:
        remote = remote[start : len(remote) - end]
    else:
        tap = tap[start : len(tap) - end]
    assert lost_packets(matched({"remote": remote, "tap": tap})) == 0


@quick
@given(copies=st.sets(st.integers(0, 12), max_size=4))
def test_a_packet_captured_twice_is_a_duplicate(copies: set[int]) -> None:
    """The same IP id a moment later is no retransmission, and at the downstream point nothing injected."""
    by_client = [
        s.from_client
        for s in sorted(
            TALK.segments(), key=lambda s: s.time_ns + TAP.delay_ns * (1 if s.from_client else -1)
        )
    ]
    frames = TALK.seen_at(TAP)
    twice = sorted([*frames, *((frames[n][0] + 2_000, frames[n][1]) for n in copies)], key=lambda p: p[0])
    matching = matched({"remote": TALK.seen_at(REMOTE), "tap": twice})
    assert lost_packets(matching) == 0
    duplicated = fates(matching)[("tap", "remote", "to_remote")].get("duplicated", [])
    assert len(duplicated) == sum(by_client[n] for n in copies)
    assert sum(hop.injected for hop in matching.hops) == 0


@pytest.mark.parametrize("drop", [frozenset[int](), frozenset({ACKS[0]})])
def test_ipv6_without_identification(drop: frozenset[int]) -> None:
    """There is no IP id; numbers and time tell."""
    talk = replace(TALK, client=("2001:db8::5", 40000), server=("2001:db8::80", 443))
    matching = matched({"remote": talk.seen_at(REMOTE), "tap": talk.seen_at(replace(TAP, drop=drop))})
    assert lost_packets(matching) == len(drop)


@pytest.mark.parametrize("split_at", ["remote", "tap"])
def test_segmentation_offload_is_no_loss(split_at: str) -> None:
    """One large packet here, several on the wire there: the bytes agree."""
    small, large = replace(TALK, maximum_segment=1448), replace(TALK, maximum_segment=2896)
    # the large one's acknowledgments are part of the small one's; only the data packets differ
    keep = {(s.from_client, s.seq + s.length, s.flags) for s in large.segments()}
    drop = frozenset(
        s.number
        for s in small.segments()
        if not s.length and (s.from_client, s.seq + s.length, s.flags) not in keep
    )
    acks = {s.ack for s in large.segments()}
    drop |= {s.number for s in small.segments() if s.flags == "A" and s.ack not in acks}
    ids = {"remote": small, "tap": large} if split_at == "remote" else {"remote": large, "tap": small}
    captures = {
        "remote": ids["remote"].seen_at(replace(REMOTE, drop=drop if split_at == "remote" else frozenset())),
        "tap": ids["tap"].seen_at(replace(TAP, drop=drop if split_at == "tap" else frozenset())),
    }
    found = fates(matched(captures))[("remote", "tap", "to_client")]
    assert "merged" in found if split_at == "remote" else "split" in found


def test_a_proxy_in_between_made_nothing_vanish() -> None:
    """Other initial numbers: two connections, each answered."""
    inner = replace(
        TALK, client_isn=77_000_000, server_isn=88_000_000, client=("10.0.0.9", 50000), client_id=9000
    )
    matching = matched({"remote": inner.seen_at(REMOTE), "tap": TALK.seen_at(TAP)})
    assert lost_packets(matching) == 0


def test_a_transparent_proxy_in_between_made_nothing_vanish() -> None:
    """The same addresses and ports, but numbers and identifications of its own."""
    inner = replace(TALK, client_isn=77_000_000, server_isn=88_000_000, client_id=9000, server_id=40000)
    matching = matched({"remote": inner.seen_at(REMOTE), "tap": TALK.seen_at(TAP)})
    assert lost_packets(matching) == 0


def test_a_firewall_that_moves_sequence_numbers() -> None:
    """The same identifications, numbers a constant apart: one connection, and the report says so."""
    moved = replace(REMOTE, sequence_offset=(123_456_789, 4_000_000_000))
    matching = matched(
        {"remote": TALK.seen_at(moved), "tap": TALK.seen_at(replace(TAP, drop=frozenset({ACKS[1]})))}
    )
    assert lost_packets(matching) == 1
    assert all(hop.rewritten["tcp.seq"] == hop.rewritten_packets > 5 for hop in matching.hops)


def test_a_side_alone_is_oriented_by_the_addresses_of_the_others() -> None:
    """SYNs from the remote end that nobody answers, more of them than there are other packets."""
    lone = [
        (
            TALK.start_ns + 60_000_000 + n * 1_000_000,
            w.ethernet(
                w.ipv4("192.0.2.80", "10.0.0.5", w.tcp(45000, 9090, seq=424_242_424, flags="S"), identification=n)
            ),
        )
        for n in range(30)
    ]  # fmt: skip
    remote = [*TALK.seen_at(REMOTE), *lone]
    middle = [*TALK.seen_at(MIDDLE), *((at + 90_000, frame) for at, frame in lone)]
    matching = matched({"remote": remote, "middle": middle, "tap": TALK.seen_at(TAP)})
    assert path_of(matching) == ["remote", "middle", "tap"]
    assert ("remote", "middle", "to_client") in fates(matching)
    assert len(fates(matching)[("middle", "tap", "to_client")]["unproven"]) == 30


def test_who_sends_a_syn_ack_first_is_no_client() -> None:
    """Its SYN took another way."""
    lone = replace(TALK, server=("192.0.2.80", 9090))
    (answer,) = [s.number for s in lone.segments() if s.flags == "SA"]
    captures = {
        name: [f for s, f in zip(lone.segments(), lone.seen_at(point), strict=True) if s.number == answer]
        for name, point in (("remote", REMOTE), ("tap", TAP))
    }
    matching = matched(captures)
    assert path_of(matching) == ["remote", "tap"]
    assert [hop.count(DELIVERED) for hop in matching.hops] == [1, 0]


def test_points_with_nothing_in_common_have_no_hop() -> None:
    """Nor an order."""
    other = replace(
        TALK,
        client=("10.7.0.1", 1234),
        client_isn=99_999_999,
        server_isn=55_555_555,
        client_id=1,
        server_id=2,
    )
    matching = matched({"one": TALK.seen_at(TAP), "two": other.seen_at(TAP)})
    assert (matching.hops, matching.order) == ((), (None, None))


def test_a_given_order_makes_one_path() -> None:
    """case.toml knows; an empty capture in a stated place was watching."""
    syn = (
        TALK.start_ns,
        w.ethernet(w.ipv4("10.0.0.5", "192.0.2.80", w.tcp(4, 443, seq=99_999_999, flags="S"))),
    )
    matching = matched({"tap": [syn], "remote": []}, order=["remote", "tap"])
    assert matching.order == (1, 2)
    assert losses(matching) == {("tap", "remote", "to_remote"): [1]}


def test_an_empty_capture_without_a_place_says_nothing() -> None:
    assert matched({"tap": TALK.seen_at(TAP), "remote": []}).hops == ()


def test_an_empty_capture_between_two_that_saw_it_is_passed_over() -> None:
    """The packets went by there, or elsewhere: no loss."""
    captures = {"tap": TALK.seen_at(TAP), "middle": [], "remote": TALK.seen_at(REMOTE)}
    matching = matched(captures, order=["remote", "middle", "tap"])
    assert lost_packets(matching) == 0
    assert {(hop.upstream, hop.downstream) for hop in matching.hops} == {(0, 2), (2, 0)}


def test_a_path_that_splits() -> None:
    """Two connections over two middle points: each is followed on its own way."""
    other = replace(
        TALK,
        client=("10.0.0.5", 40001),
        client_isn=31_000_000,
        server_isn=32_000_000,
        start_ns=TALK.start_ns + 50_000_000,
    )
    matching = matched({
        "remote": [*TALK.seen_at(REMOTE), *other.seen_at(REMOTE)],
        "left": TALK.seen_at(MIDDLE),
        "right": other.seen_at(replace(MIDDLE, delay_ns=210_000)),
        "tap": [*TALK.seen_at(TAP), *other.seen_at(TAP)],
    })  # fmt: skip
    assert lost_packets(matching) == 0
    assert (path_of(matching)[0], path_of(matching)[-1]) == ("remote", "tap")


def test_neighbours_are_ordered_by_the_packets_they_share() -> None:
    """What a far point's jitter says of two neighbours with different losses is not what they say themselves."""
    server = [s.number for s in TALK.segments() if not s.from_client]
    lost, late = frozenset(ACKS[-1:]), {s.time_ns for s in TALK.segments() if s.number in server[4:]}
    way = TALK.rtt_ns // 2 - REMOTE.delay_ns
    jittery = [(at - 300_000 * (at - way in late), frame) for at, frame in TALK.seen_at(REMOTE)]
    outer, inner = replace(MIDDLE, delay_ns=60_000), replace(TAP, delay_ns=45_000, drop=lost)
    captures = {"far": jittery, "tap": TALK.seen_at(inner), "switch": TALK.seen_at(outer)}
    matching = matched(captures)
    assert path_of(matching) == ["far", "switch", "tap"]
    assert set(losses(matching)) == {("switch", "tap", "to_client")}


@quick
@given(to_client=st.booleans(), offset=st.sampled_from([0, 2 * HOUR]))
def test_one_direction_only(to_client: bool, offset: int) -> None:
    """The order may be unknown; what was dropped is lost all the same, and nothing else."""
    other_way = frozenset(s.number for s in TALK.segments() if s.from_client == to_client)
    bare = [n for n in BARE if n not in other_way][1]
    dropped_at = "tap" if to_client else "remote"
    shown = {
        "remote": replace(REMOTE, drop=other_way, clock_offset_ns=offset),
        "tap": replace(TAP, drop=other_way, delay_ns=50_000),
    }
    shown[dropped_at] = replace(shown[dropped_at], drop=other_way | {bare})
    matching = matched({name: TALK.seen_at(point) for name, point in shown.items()})
    assert lost_packets(matching) == 1
    assert all(order is not None for order in matching.order) is (offset == 0)


def test_points_that_nothing_orders_lie_beside_those_of_their_node() -> None:
    """One direction, clocks apart, no router: what happened is inside the node that is on both sides of it."""
    other_way = frozenset(s.number for s in TALK.segments() if s.from_client)
    bare = [n for n in BARE if n not in other_way][1]
    gone = {"compute_in": frozenset[int](), "far_out": frozenset[int](), "zone_in": frozenset[int]()}
    gone |= {"compute_out": frozenset({bare}), "a_client": frozenset({bare})}
    captures = {
        name: TALK.seen_at(replace(REMOTE, drop=other_way | drop, clock_offset_ns=number * HOUR))
        for number, (name, drop) in enumerate(gone.items())
    }
    points = [
        replace(point, node="" if point.name == "zone_in" else point.name.partition("_")[0])
        for point in points_of(captures)
    ]
    matching = match(points)
    assert set(losses(matching)) == {("compute_in", "compute_out", "to_client")}
    assert path_of(matching) == []


@pytest.mark.parametrize("side", ["client", "remote"])
def test_a_point_that_nothing_places_is_not_inside_another_node(side: str) -> None:
    """One direction; both points of a node have one clock, the third one's is apart: no path comes back to a node."""
    to_client = side == "client"
    other_way = frozenset(s.number for s in TALK.segments() if s.from_client == to_client)
    bare = [n for n in BARE if n not in other_way][1]
    near, far = (MIDDLE, TAP) if to_client else (TAP, MIDDLE)
    captures = {
        "compute_in": TALK.seen_at(replace(near, drop=other_way)),
        "compute_out": TALK.seen_at(replace(far, drop=other_way | {bare})),
        "vm_eth0": TALK.seen_at(replace(far, drop=other_way | {bare}, clock_offset_ns=HOUR)),
    }
    matching = match([replace(point, node=point.name.partition("_")[0]) for point in points_of(captures)])
    assert set(losses(matching)) == {("compute_in", "compute_out", f"to_{side}")}


@pytest.mark.parametrize("isn", [0, 1_000_000])
def test_replayed_connections_are_paired_in_time(isn: int) -> None:
    """The same numbers three times; the second time an acknowledgment was lost."""
    runs = [
        replace(TALK, client_isn=isn, server_isn=isn, start_ns=TALK.start_ns + i * 10_000_000_000)
        for i in range(3)
    ]
    remote = [p for run in runs for p in run.seen_at(REMOTE)]
    drops = [frozenset[int](), frozenset({ACKS[0]}), frozenset[int]()]
    tap = [p for run, drop in zip(runs, drops, strict=True) for p in run.seen_at(replace(TAP, drop=drop))]
    frames = len(TALK.segments()) + ACKS[0] + 1
    assert losses(matched({"remote": remote, "tap": tap})) == {("remote", "tap", "to_client"): [frames]}
    # a capture that began after the first run
    late = tap[len(TALK.segments()) :]
    assert losses(matched({"remote": remote, "tap": late})) == {("remote", "tap", "to_client"): [frames]}


def test_reused_ports_are_different_connections() -> None:
    """One 4-tuple, two connections; the second lost an acknowledgment."""
    again = replace(TALK, client_isn=700_000_000, server_isn=800_000_000, start_ns=TALK.start_ns + HOUR)
    remote = [*TALK.seen_at(REMOTE), *again.seen_at(REMOTE)]
    tap = [*TALK.seen_at(TAP), *again.seen_at(replace(TAP, drop=frozenset({ACKS[0]})))]
    assert losses(matched({"remote": remote, "tap": tap})) == {
        ("remote", "tap", "to_client"): [len(TALK.segments()) + ACKS[0] + 1]
    }


def test_mid_connection_without_a_handshake() -> None:
    """Packets vote; addresses differ."""
    tap = replace(TAP, nat={TALK.client: ("10.44.0.1", 5)}, drop=frozenset({ACKS[-1]}))
    matching = matched({"remote": TALK.seen_at(REMOTE)[4:], "tap": TALK.seen_at(tap)[4:]})
    assert lost_packets(matching) == 1


def test_both_directions_of_opening_on_one_path() -> None:
    """A connection opened from the far side is followed as well."""
    back = Conversation(
        client=("192.0.2.80", 5000),
        server=("10.0.0.5", 22),
        client_isn=61_000_000,
        server_isn=62_000_000,
        start_ns=TALK.start_ns + 60_000_000,
    )
    bare = next(s.number for s in back.segments() if s.flags == "A" and s.from_client and s.number > 4)
    mirrored = {"remote": 100_000, "tap": 450_000}
    talks = [
        replace(
            TALK,
            client=("10.0.0.5", 40000 + i),
            client_isn=9_000_000 * (i + 1),
            start_ns=TALK.start_ns + i * 20_000_000,
        )
        for i in range(3)
    ]
    matching = matched({
        "remote": [*(p for t in talks for p in t.seen_at(REMOTE)), *back.seen_at(Point(delay_ns=mirrored["remote"]))],
        "tap": [*(p for t in talks for p in t.seen_at(TAP)), *back.seen_at(Point(delay_ns=mirrored["tap"], drop=frozenset({bare})))],
    })  # fmt: skip
    assert path_of(matching) == ["remote", "tap"]
    assert losses(matching) == {("remote", "tap", "to_client"): [3 * len(TALK.segments()) + bare + 1]}


def test_the_result_names_points_in_path_order_whatever_they_are_called() -> None:
    """Names decide nothing."""
    one = matched({"a": TALK.seen_at(TAP), "b": TALK.seen_at(MIDDLE), "c": TALK.seen_at(REMOTE)})
    other = match(
        points_of({"c": TALK.seen_at(TAP), "b": TALK.seen_at(MIDDLE), "a": TALK.seen_at(REMOTE)})[::-1]
    )
    assert (path_of(one), path_of(other)) == (["c", "b", "a"], ["a", "b", "c"])


def test_no_points_and_one_point() -> None:
    assert match([]).points == ()
    assert matched({"tap": TALK.seen_at(TAP)}).order == (1,)


def test_a_capture_that_began_after_the_first_replay_at_the_remote_end() -> None:
    """Fewer at the point that is looked at first."""
    runs = [replace(TALK, start_ns=TALK.start_ns + i * 10_000_000_000) for i in range(3)]
    remote = [p for run in runs[1:] for p in run.seen_at(REMOTE)]
    tap = [
        p
        for n, run in enumerate(runs)
        for p in run.seen_at(replace(TAP, drop=frozenset({ACKS[0]} if n == 1 else ())))
    ]
    assert losses(matched({"remote": remote, "tap": tap})) == {("remote", "tap", "to_client"): [ACKS[0] + 1]}


def test_replays_behind_nat_next_to_a_connection_of_its_own() -> None:
    """The one that is unique tells the clocks, which tell the others."""
    runs = [replace(TALK, start_ns=TALK.start_ns + i * 10_000_000_000) for i in range(1, 4)]
    own = replace(TALK, client=("10.0.0.6", 5), client_isn=77_777_777, server_isn=66_666_666)
    tap = replace(TAP, nat={TALK.client: ("10.3.3.3", 3)}, clock_offset_ns=-5 * HOUR)
    remote = [p for run in (own, *runs) for p in run.seen_at(REMOTE)]
    behind = [p for run in (own, *runs[1:]) for p in run.seen_at(tap)]
    matching = matched({"remote": remote, "tap": behind})
    assert lost_packets(matching) == 0
    assert matching.conversations.group[:, 1].tolist() == [0, -1, 1, 2]


def test_ipv6_without_a_handshake() -> None:
    """Timestamps stand in for the identification."""
    talk = replace(TALK, client=("2001:db8::5", 40000), server=("2001:db8::80", 443), timestamps=True)
    tap = replace(TAP, drop=frozenset({ACKS[-1]}))
    assert lost_packets(matched({"remote": talk.seen_at(REMOTE)[4:], "tap": talk.seen_at(tap)[4:]})) == 1


def test_given_places_of_empty_captures() -> None:
    matching = matched({"tap": [], "remote": []}, order=["remote", "tap"])
    assert (matching.order, matching.hops) == ((1, 2), ())
