"""A capture that ended by itself (at its bound, say) ended at a packet, not at a moment: nothing may be lost for it."""

from dataclasses import replace

import packet_writer as w
import pytest
from captured import fates, lost_packets, points_of
from conversation_writer import Conversation, Point, Segment
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.matching import match
from lastseen.matching.watching import with_watches
from lastseen.tables.facts_from_texts import Counter, CutCapture, Moment, Row
from lastseen.tables.points import Matching
from lastseen.tables.sources import Source

pytestmark = pytest.mark.kernel

RECORD = Source(file="run.json", line=1)
TALK = Conversation(exchanges=((200, 60_000),))
REMOTE, TAP = Point(delay_ns=400_000), Point(delay_ns=50_000)
DATA = [s for s in TALK.segments() if s.length and not s.from_client]
ACK = next(s.number for s in TALK.segments() if s.flags == "A" and not s.from_client and not s.length)
"""The server's bare acknowledgment of the request: nobody says whether it came."""
HOP = ("remote", "tap", "to_client")
MILLISECOND = 1_000_000


def stopped(
    remote: list[w.Packet], tap: list[w.Packet], *, order: tuple[str, ...] = (), more: tuple[Row, ...] = ()
) -> Matching:
    """The matching of two captures of which the run says that the tap's ended early."""
    points = points_of({"remote": remote, "tap": tap}, order=order)
    return match(with_watches(points, [CutCapture(source=RECORD, file="tap.pcap"), *more]))


def burst(point: Point, segments: list[Segment], *, gap_ns: int = 13_000) -> list[w.Packet]:
    """The segments as one burst: each so much later than the one before, whatever was acknowledged."""
    talk = replace(TALK, close=False)
    frames = {number: frame for number, (_, frame) in enumerate(talk.seen_at(point))}
    start = talk.seen_at(point)[0][0]
    return [(start + n * gap_ns, frames[s.number]) for n, s in enumerate(segments)]


@pytest.mark.parametrize("ended_later", [False, True])
def test_what_came_just_after_the_bound_is_not_lost(ended_later: bool) -> None:
    """Forty packets pass in 13 us each, the way takes up to 60 us: the last four of them came after the tap's last one."""
    remote = burst(REMOTE, DATA)
    tap = [(time + 3_000 + (57_000 if n == 5 else 0), frame) for n, (time, frame) in enumerate(remote)]
    after = Moment(source=RECORD, node="", snapshot="after", at_ns=tap[-1][0] + 10**9, what="snapshot")
    found = fates(stopped(remote, tap[:-4], more=(after,) if ended_later else ()))[HOP]
    assert found == {"unproven": [len(remote) - n for n in (3, 2, 1, 0)]}


def test_what_its_host_had_in_hand_is_not_lost() -> None:
    """Received packets have their time and wait for the CPU; ACKs that were sent later are in the file already."""
    acks = [s for s in TALK.segments() if s.from_client and s.flags == "A"][1:9]
    data = burst(REMOTE, DATA)
    passed = [(time + 3_000, frame) for time, frame in data]
    sent = [(passed[-1][0] + 10_000, frame) for _, frame in burst(TAP, acks)]
    came = [(time + 2_000, frame) for time, frame in sent]
    found = fates(stopped(data + came, passed[:-4] + sent))
    assert found[HOP] == {"unproven": [len(data) - n for n in (3, 2, 1, 0)]}


def test_what_was_lost_before_the_bound_is_lost() -> None:
    """Later packets of its own connection and direction came by, or the capture ran on for so long that they had to."""
    tap = TALK.seen_at(replace(TAP, drop=frozenset({ACK})))
    assert fates(stopped(TALK.seen_at(REMOTE), tap[:-2]))[HOP]["lost"] == [ACK + 1]
    last, end = DATA[-1].number, len(TALK.segments())
    remote = TALK.seen_at(replace(REMOTE, drop=frozenset(range(last + 1, end))))
    silent = TALK.seen_at(replace(TAP, drop=frozenset(range(last, end))))
    other = replace(
        TALK, client=("10.0.0.5", 40001), client_isn=7_000_000, server_isn=9_000_000, client_id=900
    )
    for later_ms, fate in ((100, "unproven"), (900, "lost")):
        later = replace(other, start_ns=TALK.start_ns + later_ms * MILLISECOND)
        found = fates(stopped(remote + later.seen_at(REMOTE), silent + later.seen_at(TAP)))[HOP]
        assert found == {fate: [last + 1]}


def test_an_empty_one_proves_nothing_even_in_its_place() -> None:
    found = fates(stopped(TALK.seen_at(REMOTE), [], order=("remote", "tap")))
    assert all(set(kinds) <= {"unproven"} for kinds in found.values())


def sides(number: int) -> tuple[list[w.Packet], list[tuple[bool, w.Packet]]]:
    """One of several connections, as the remote point sees it, and at the tap with who sent each packet."""
    talk = replace(
        TALK,
        client=("10.0.0.5", 40_000 + number),
        client_isn=1_000_000 * (number + 1),
        server_isn=5_000_000 * (number + 1),
        client_id=1000 * (number + 1),
        server_id=20_000 + 1000 * number,
        exchanges=((200, 20_000),),
    )
    senders = [s.from_client for s in talk.segments()]
    return talk.seen_at(REMOTE), list(zip(senders, talk.seen_at(TAP), strict=True))


SIDES = [sides(number) for number in range(3)]


@settings(max_examples=40, deadline=None)
@given(
    waits=st.lists(st.integers(0, 150 * MILLISECOND), min_size=6, max_size=6),
    jitter=st.lists(st.integers(0, 60_000), min_size=1, max_size=20),
    kept=st.tuples(*[st.integers(4, 3 * len(SIDES[0][0]))] * 2),
    talks=st.integers(1, 3),
)
def test_wherever_it_ends_nothing_is_lost(
    waits: list[int], jitter: list[int], kept: tuple[int, int], talks: int
) -> None:
    """Whatever each direction of a connection waits in its host's queues between its time stamp and the capture."""
    tap: list[tuple[int, w.Packet]] = []
    for number, (_, seen) in enumerate(SIDES[:talks]):
        latest = [0, 0]
        for k, (side, (time, frame)) in enumerate(seen):
            latest[side] = max(latest[side] + 1, time + jitter[k % len(jitter)])
            tap.append((latest[side] + waits[2 * number + side], (latest[side], frame)))
    written = [packet for _, packet in sorted(tap, key=lambda one: one[0])]
    remote = sorted((packet for there, _ in SIDES[:talks] for packet in there), key=lambda one: one[0])
    other = CutCapture(source=RECORD, file="remote.pcap")
    assert lost_packets(stopped(remote[: kept[0]], written[: kept[1]], more=(other,))) == 0


@pytest.mark.parametrize(
    ("scope", "node", "dropped", "fate"),
    [
        ("tap", "", 3, "unproven"),
        ("tap", "", 0, "lost"),
        ("eth9", "", 3, "lost"),
        ("tap", "elsewhere", 3, "lost"),
    ],
)
def test_what_tcpdump_says_it_dropped(scope: str, node: str, dropped: int, fate: str) -> None:
    """Its closing lines, of this interface and host: a packet that the ends say nothing of may be one of those."""
    captures = {"remote": TALK.seen_at(REMOTE), "tap": TALK.seen_at(replace(TAP, drop=frozenset({ACK})))}
    row = Counter(
        source=RECORD,
        node=node,
        family="capture",
        scope=scope,
        name="packets_dropped_by_kernel",
        value=dropped,
    )
    found = fates(match(with_watches(points_of(captures), [row])))
    assert found[HOP] == {fate: [ACK + 1]}


WAY_NS = 40 * MILLISECOND
"""From the client's point to the server's."""


def under_way(n: int, sender: str) -> list[tuple[int, bytes]]:
    """When the sender's point sees its nth segment and its nth datagram, and these."""
    back = sender == "s"
    source, target = ("192.0.2.80", "10.0.0.5") if back else ("10.0.0.5", "192.0.2.80")
    sport, dport = (443, 40000) if back else (40000, 443)
    seq, ack = (50_000, 1000) if back else (1000, 50_000)
    segment = w.tcp(
        sport, dport, seq=seq + 100 * n, ack=ack + 100 * n, flags="PA", data=bytes([n, back]) * 50
    )
    packets = segment, w.udp(sport, dport, bytes([n, back]) * 30)
    at = TALK.start_ns + 5 * n * MILLISECOND + back
    return [
        (at + k, w.ethernet(w.ipv4(source, target, packet, identification=1 + 2 * n + k + 5000 * back)))
        for k, packet in enumerate(packets)
    ]


@pytest.mark.parametrize("near_ms", [300, 320, 345, 600])
@pytest.mark.parametrize("seen", ["cs", "c", "s"])
def test_what_was_under_way_when_a_capture_ended_is_not_lost(near_ms: int, seen: str) -> None:
    """A connection and a call, a packet of each every 5 ms and way; `seen`: whose packets the captures hold.

    Nothing but the moment at which somebody ended the captures keeps a packet out of the other one.
    """
    captures: dict[str, list[w.Packet]] = {"near": [], "far": []}
    for n in range(100):
        for sender in seen:
            for at, frame in under_way(n, sender):
                captures["near"].append((at + WAY_NS * (sender == "s"), frame))
                captures["far"].append((at + WAY_NS * (sender == "c"), frame))
    ended = {"near": near_ms, "far": 300}
    for name, until in ended.items():
        until_ns = TALK.start_ns + until * MILLISECOND
        captures[name] = sorted(packet for packet in captures[name] if packet[0] < until_ns)
    for order in ((), ("far", "near")):
        assert lost_packets(match(points_of(captures, order=order))) == 0
