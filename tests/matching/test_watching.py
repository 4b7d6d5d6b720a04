"""How long a point watched, from what was recorded beside it."""

from dataclasses import replace

import packet_writer as w
import pytest
from captured import fates, points_of
from conversation_writer import Conversation
from conversation_writer import Point as Seen

from lastseen.matching import match
from lastseen.matching.watching import with_watches
from lastseen.tables.facts_from_texts import Counter, CutCapture, Moment, Row
from lastseen.tables.points import Point, Watch
from lastseen.tables.sources import Source

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((10, 10),))
FRAMES = TALK.seen_at(Seen())
END = FRAMES[-1][0]
CLIENT = sum(s.from_client for s in TALK.segments())
SERVER = len(FRAMES) - CLIENT


def point(node: str = "cmp", interface: str = "tap0", frames: list[w.Packet] = FRAMES) -> Point:
    (made,) = points_of({"tap": frames})
    return replace(made, node=node, interface=interface)


def moment(at_ns: int, *, node: str = "cmp", snapshot: str = "after") -> Moment:
    return Moment(
        source=Source(file="when.txt", line=1), node=node, snapshot=snapshot, at_ns=at_ns, what="snapshot"
    )


def counters(*, received: int = CLIENT, sent: int = SERVER, before: bool = True) -> list[Row]:
    """Link counters of tap0 that grew by so much."""
    return [
        Counter(source=Source(file=f"{when}.txt"), node="cmp", snapshot=when, family="link", scope="tap0", name=name, value=value)
        for name, grown in (("rx_packets", received), ("tx_packets", sent))
        for when, value in (("before", 7), ("after", 7 + grown))
        if before or when == "after"
    ]  # fmt: skip


def watched(rows: list[Row], *points: Point) -> list[Watch]:
    return [p.watch for p in with_watches(points, rows)]


def test_a_later_snapshot_of_the_node() -> None:
    (watch,) = watched([moment(END + 5), moment(END + 9, snapshot="before")], point())
    assert watch == Watch(end_ns=END + 5, reason="the snapshot taken then (when.txt:1)")


def test_the_only_node_with_a_snapshot_serves_all() -> None:
    assert [w.end_ns for w in watched([moment(END + 5)], point(node="other"))] == [END + 5]
    both = [moment(END + 5), moment(END + 7, node="b")]
    assert [w.end_ns for w in watched(both, point(node="other"), point(node="b"))] == [None, END + 7]


def test_an_earlier_moment_and_case_toml_stand() -> None:
    assert watched([moment(END - 5)], point()) == [Watch()]
    said = replace(point(), watch=Watch(end_ns=END + 1, reason="case.toml"))
    assert watched([moment(END + 5)], said) == [said.watch]
    assert watched([], point()) == [Watch()]


def test_counters_that_counted_every_packet_were_read_after_the_last() -> None:
    """A neighbour on the same node, whose own last packet is earlier, was watching as long."""
    early = replace(point(interface=""), last_ns=END - 1_000)
    assert [w.end_ns for w in watched(counters(), point(), early)] == [None, END]
    assert [w.end_ns for w in watched(counters(received=SERVER, sent=CLIENT), point(), early)] == [None, END]


@pytest.mark.parametrize(
    "rows", [counters(sent=SERVER - 1), counters(before=False), counters(received=0), []]
)
def test_counters_that_disagree_prove_nothing(rows: list[Row]) -> None:
    early = replace(point(interface=""), last_ns=END - 1_000)
    assert [w.end_ns for w in watched(rows, point(), early)] == [None, None]


def test_several_flows_are_not_counted() -> None:
    other = w.ethernet(w.ipv4("10.0.0.7", "10.0.0.6", w.udp(1, 2)))
    early = replace(point(interface=""), last_ns=END - 1_000)
    assert [w.end_ns for w in watched(counters(), point(frames=[*FRAMES, (END, other)]), early)] == [
        None,
        None,
    ]
    assert [w.end_ns for w in watched(counters(), point(frames=[]), early)] == [None, None]


def test_counters_read_around_a_capture_tell_what_it_has_not() -> None:
    """Two packets more than were captured."""
    start = FRAMES[0][0]
    around = [moment(start - 5, snapshot="before"), moment(END + 5)]
    (watch,) = watched([*around, *counters(sent=SERVER + 2)], point())
    assert (watch.uncaptured, watch.counted_ns) == (2, (start - 5, END + 5))
    for rows in (
        counters(sent=SERVER - 1),
        [],
        [moment(start + 5, snapshot="before")],
        [moment(END - 5), *counters()],
    ):
        assert watched([*around[: len(rows) and 2], *rows], point())[0].uncaptured is None


def test_what_the_interface_did_not_count_is_lost() -> None:
    """A filter, or a capture that began late, cannot have hidden more packets than the counters have beside."""
    syns = [
        (END + n, w.ethernet(w.ipv4("10.0.0.5", "192.0.2.80", w.tcp(45000, 22, seq=9_999_999, flags="S"), identification=n)))
        for n in range(1, 4)
    ]  # fmt: skip
    for beside, fate in ((2, "lost"), (3, "unproven")):
        points = [
            replace(p, watch=replace(p.watch, end_ns=END + 9, uncaptured=beside, counted_ns=(0, END + 9)))
            for p in points_of({"remote": TALK.seen_at(Seen(delay_ns=400_000)), "tap": [*FRAMES, *syns]})
        ]
        assert fates(match(points))[("tap", "remote", "to_remote")] == {
            fate: [len(FRAMES) + n for n in (1, 2, 3)]
        }


def test_nothing_proves_how_long_a_capture_watched_that_ended_early() -> None:
    """A full disk ended it, say: what came after is missing there and was not lost."""
    source = Source(file="run.json", line=1)
    other = Counter(source=source, family="snmp", scope="", name="IpInDiscards", value=1)
    rows = [moment(END + 5), *counters(), other, CutCapture(source=source, file="tap")]
    cut, whole = (replace(point(), file=name) for name in ("tap", "other"))
    assert [w.end_ns for w in watched(rows, cut, whole)] == [None, END + 5]
