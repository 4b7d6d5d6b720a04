"""Files of one rotated capture are one point, and each packet still knows its file and frame."""

from dataclasses import replace
from itertools import pairwise
from random import Random

import packet_writer as w
import pytest
from captured import losses, read, summary
from conversation_writer import Conversation, Point
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.evidence.case_toml import CaseToml
from lastseen.matching import match
from lastseen.matching.points import build_points
from lastseen.matching.rotated import one_a_capture
from lastseen.tables.packets import FLOW, FLOW_FIRST, FLOW_OPTIONS_A, FLOW_OPTIONS_B, FLOW_PACKETS
from lastseen.tables.points import source_of

pytestmark = pytest.mark.kernel

TALK = Conversation()
FRAMES = TALK.seen_at(Point(delay_ns=50_000))
CUTS = (0, 4, 9, len(FRAMES))


def files(*names: str, folder: str = "") -> list[object]:
    """The conversation in three files."""
    parts = [w.pcap(FRAMES[a:b], nanoseconds=True) for a, b in pairwise(CUTS)]
    return [read(data, folder + name) for data, name in zip(parts, names, strict=True)]


@pytest.mark.parametrize(
    "names",
    [
        ("tap.pcap", "tap.pcap1", "tap.pcap2"),
        ("tap.pcap00", "tap.pcap01", "tap.pcap02"),
        ("tap", "tap1", "tap2"),
        ("tap-20240101-120000.pcap", "tap-20240101-120100.pcap", "tap-20240101-120200.pcap"),
        ("tap_1700000000.pcap", "tap_1700000060.pcap", "tap_1700000120.pcap"),
        ("tap_00001_20240101120000.pcap", "tap_00002_20240101120100.pcap", "tap_00003_20240101120200.pcap"),
        ("tap.pcap0.gz", "tap.pcap1.gz", "tap.pcap2.gz"),
    ],
)
def test_the_parts_of_a_rotated_capture_are_one(names: tuple[str, ...]) -> None:
    """Whatever order they were given in; the connection is whole again."""
    (point,) = build_points(files(*names)[::-1], [], CaseToml())  # type: ignore[arg-type]
    whole = read(w.pcap(FRAMES, nanoseconds=True)).capture
    assert [str(source_of(point, row)) for row in (-1, 0, 3, 4, 9)] == [
        names[0], f"{names[0]} frame 1", f"{names[0]} frame 4", f"{names[1]} frame 1", f"{names[2]} frame 1",
    ]  # fmt: skip
    assert point.capture.parts == ((names[0], 0), (names[1], 4), (names[2], 9))
    assert (point.capture.packets == whole.packets).all()
    columns = [FLOW_PACKETS, FLOW_FIRST, FLOW_OPTIONS_A, FLOW_OPTIONS_B]
    assert (point.capture.flows[:, columns] == whole.flows[:, columns]).all()
    assert len(point.connections) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("eth0.pcap", "eth1.pcap", "eth2.pcap"),
        ("01_tap.pcap", "02_tap.pcap", "03_tap.pcap"),
        ("a1", "a2", "a3"),
    ],
)
def test_other_names_are_other_captures(names: tuple[str, ...]) -> None:
    assert len(one_a_capture(files(*names))) == 3  # type: ignore[arg-type]


def test_captures_that_ran_at_the_same_time_are_no_parts() -> None:
    data = w.pcap(FRAMES, nanoseconds=True)
    reads = [read(data, name) for name in ("tap.pcap", "tap.pcap1")]
    assert [r.parts for r in one_a_capture(reads)] == [("tap.pcap",), ("tap.pcap1",)]


def test_captures_long_after_each_other_are_no_parts() -> None:
    later = [(at + 3_600_000_000_000, data) for at, data in FRAMES]
    reads = [read(w.pcap(FRAMES), "tap.pcap"), read(w.pcap(later), "tap.pcap1")]
    assert len(one_a_capture(reads)) == 2


def test_another_folder_node_or_link_type_is_another_capture() -> None:
    first, second, _ = files("tap.pcap", "tap.pcap1", "x.pcap")
    faces = replace(second.capture.interfaces[0], link_type=113)  # type: ignore[attr-defined]
    other_link = replace(second, capture=replace(second.capture, interfaces=(faces,)))  # type: ignore[attr-defined, type-var]
    for other in (replace(second, node="b"), replace(second, parts=("x", "tap.pcap1")), other_link):  # type: ignore[type-var]
        assert len(one_a_capture([first, other])) == 2  # type: ignore[list-item]


def test_a_capture_of_several_interfaces_stays_as_it_is() -> None:
    ng = w.Pcapng()
    data = b"".join([ng.section(), ng.interface(name="a"), ng.interface(name="b")])
    assert len(one_a_capture([read(data, "tap.pcap"), read(data, "tap.pcap1")])) == 2


def test_an_empty_part_is_a_part() -> None:
    reads = [*files("tap.pcap", "tap.pcap1", "tap.pcap2"), read(w.pcap([]), "tap.pcap3")]
    (joined,) = one_a_capture(reads)  # type: ignore[arg-type]
    assert joined.capture.parts[-1] == ("tap.pcap3", len(FRAMES))


def test_a_flow_turned_round_and_no_flow_keep_their_meaning() -> None:
    """The second part begins with the other end's packet, and with one that is no IP packet."""
    arp = (FRAMES[4][0] - 1, w.ethernet(bytes(28), kind=0x0806))
    parts = [[FRAMES[0]], [arp, FRAMES[1], FRAMES[2]]]
    (joined,) = one_a_capture(
        [read(w.pcap(p, nanoseconds=True), f"tap.pcap{n}") for n, p in enumerate(parts)]
    )
    whole = read(w.pcap([FRAMES[0], arp, FRAMES[1], FRAMES[2]], nanoseconds=True)).capture
    assert joined.capture.packets[:, FLOW].tolist() == whole.packets[:, FLOW].tolist()
    assert joined.capture.flows[0, FLOW_OPTIONS_B] == whole.flows[0, FLOW_OPTIONS_B] != 0


def test_losses_at_a_rotated_point() -> None:
    """The order of files and the cut do not matter to fates."""
    lost = next(s.number for s in TALK.segments() if s.flags == "A" and not s.from_client)
    remote = read(w.pcap(TALK.seen_at(Point(delay_ns=400_000)), nanoseconds=True), "remote.pcap")
    tap = [p for n, p in enumerate(FRAMES) if n != lost]
    reads = [
        read(w.pcap(tap[:5], nanoseconds=True), "tap.pcap0"),
        remote,
        read(w.pcap(tap[5:], nanoseconds=True), "tap.pcap1"),
    ]
    assert losses(match(build_points(reads, [], CaseToml()))) == {("remote", "tap", "to_client"): [lost + 1]}


@settings(max_examples=15)
@given(
    cuts=st.sets(st.integers(0, len(FRAMES)), max_size=4),
    dropped=st.sets(st.integers(3, len(FRAMES) - 4), max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_a_connection_split_over_files_anywhere(cuts: set[int], dropped: set[int], order: Random) -> None:
    """It gives what it gives whole, whatever the order of the files; empty ones among them."""
    remote = read(w.pcap(TALK.seen_at(Point(delay_ns=400_000)), nanoseconds=True), "remote.pcap")
    tap = [p for n, p in enumerate(FRAMES) if n not in dropped]
    places = [0, *sorted(min(cut, len(tap)) for cut in cuts), len(tap)]
    parts = [
        read(w.pcap(tap[a:b], nanoseconds=True), f"tap.pcap{n}") for n, (a, b) in enumerate(pairwise(places))
    ]
    reads = [remote, *parts]
    order.shuffle(reads)
    whole = match(build_points([remote, read(w.pcap(tap, nanoseconds=True), "tap.pcap")], [], CaseToml()))
    assert summary(match(build_points(reads, [], CaseToml()))) == summary(whole)


def test_without_parts_a_packet_is_in_the_points_file() -> None:
    (point,) = build_points([read(w.pcap(FRAMES), "tap.pcap")], [], CaseToml())
    assert str(source_of(point, 2)) == "tap.pcap frame 3"
