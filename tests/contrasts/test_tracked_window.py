"""Where packets lie to the window of their connection: each bound alone, what nobody can tell, and the kernel's word."""

from pathlib import Path

import numpy as np
import packet_writer as w
import pytest
from captured import points_of
from hypothesis import given, settings
from hypothesis import strategies as st
from listed_talk import listing
from written_cases import Talk, View

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.contrasts.tracked_window import (
    ACK_OVER,
    ACK_UNDER,
    INSIDE,
    SEQ_OVER,
    SEQ_UNDER,
    UNTOLD,
    tracked_windows,
)
from lastseen.diagnosis.facts_of import facts_of

pytestmark = pytest.mark.kernel

START_NS = 1_700_000_000_000_000_000
ENDS = ("10.0.0.5", 40000), ("192.0.2.80", 443)
FIRST = 1_000, 500_000
"""Sequence numbers of the SYN and of the SYN-ACK."""
SCALED, WINDOW = w.window_scale(7), 100
ROOM = WINDOW << 7
FAULTS = Path(__file__).parents[2] / "src/lastseen/faults"


class Wire:
    """Packets of one connection as they passed a point. Numbers count from each end's SYN."""

    def __init__(self, first: tuple[int, int] = FIRST, *, turned: bool = False, port: int = 40000) -> None:
        self.first, self.frames, self.ends = first, [], ((ENDS[0][0], port), ENDS[1])
        self.turned = turned

    def send(
        self, side: int, flags: str = "A", *, seq: int = 1, ack: int = 1, size: int = 0, window: int = WINDOW,
        options: bytes = b"",
    ) -> "Wire":  # fmt: skip
        (source, sport), (target, dport) = self.ends[side], self.ends[1 - side]
        numbers = (
            (self.first[side] + seq) % 2**32,
            (self.first[1 - side] + ack) % 2**32 if "A" in flags else 0,
        )
        segment = w.tcp(sport, dport, seq=numbers[0], ack=numbers[1], flags=flags, window=window,
                        options=options, data=bytes(size))  # fmt: skip
        self.frames.append(w.ethernet(w.ipv4(source, target, segment, identification=len(self.frames) + 1)))
        return self

    def opened(self, offers: tuple[bytes, bytes] = (SCALED, SCALED)) -> "Wire":
        """The handshake: after it each end may send a window of WINDOW, scaled."""
        self.send(0, "S", seq=0, window=64_000, options=offers[0])
        self.send(1, "SA", seq=0, ack=1, window=64_000, options=offers[1])
        return self.send(0).send(1)

    def packets(self) -> list[w.Packet]:
        return [(START_NS + number * 1000, frame) for number, frame in enumerate(self.frames)]

    def told(self) -> list[int]:
        """What is told of each packet."""
        (point,) = points_of({"tap": self.packets()})
        return tracked_windows(point, np.arange(len(self.frames))).tolist()


def last(wire: Wire) -> int:
    return wire.told()[-1]


ALLOWED = 1 + ROOM
"""The last number the server may begin with after the handshake: the client's SYN allows nothing yet."""
SLACK = 64_000
"""The client's largest window so far, that of its SYN: by less than so much the server may overshoot (since 6.1)."""


@pytest.mark.parametrize(
    ("seq", "size", "place"),
    [
        (1, 1000, INSIDE),
        (ALLOWED, 1000, INSIDE),
        (ALLOWED + 1, SLACK - 2, INSIDE),
        (ALLOWED + 1, SLACK - 1, SEQ_OVER),
        (ALLOWED + SLACK, 10, SEQ_OVER),
    ],
)
def test_a_segment_begins_where_it_is_allowed_to_or_ends_within_a_window_beyond(
    seq: int, size: int, place: int
) -> None:
    assert last(Wire().opened().send(1, seq=seq, size=size)) == place


def test_what_is_beyond_moves_no_bound() -> None:
    """It never arrived, for whoever tracks: its acknowledgment would be of bytes that were not seen."""
    wire = Wire().opened().send(1, seq=ALLOWED + SLACK, size=10)
    assert wire.send(0, ack=ALLOWED + SLACK + 10).told()[-2:] == [SEQ_OVER, ACK_OVER]


def test_an_overshoot_that_passes_may_be_acknowledged() -> None:
    wire = Wire().opened().send(1, seq=ALLOWED + 1, size=1000)
    assert wire.send(0, ack=ALLOWED + 1001).told()[-2:] == [INSIDE, INSIDE]


@pytest.mark.parametrize(("ack", "place"), [(1, INSIDE), (101, INSIDE), (102, ACK_OVER)])
def test_only_what_was_sent_can_be_acknowledged(ack: int, place: int) -> None:
    assert last(Wire().opened().send(1, size=100).send(0, ack=ack)) == place


def far() -> Wire:
    """The server has sent 100,000 bytes, and the client acknowledged all."""
    wire = Wire().opened()
    for part in range(20):
        wire.send(1, seq=1 + 5000 * part, size=5000)
        wire.send(0, ack=5001 + 5000 * part)
    return wire


def test_what_lies_more_than_a_window_back_is_old() -> None:
    oldest = 100_001 - SLACK
    assert last(far().send(1, seq=oldest - 1000, size=1000)) == INSIDE
    assert last(far().send(1, seq=oldest - 1001, size=1000)) == SEQ_UNDER


def test_an_acknowledgment_may_be_late_by_66000_bytes() -> None:
    assert last(far().send(0, ack=100_001 - 66_000)) == INSIDE
    assert last(far().send(0, ack=100_000 - 66_000)) == ACK_UNDER


@pytest.mark.parametrize(("offers", "scale"), [((SCALED, b""), 0), ((b"", SCALED), 0), ((SCALED, SCALED), 7)])
def test_windows_are_scaled_where_both_ends_offered_it(offers: tuple[bytes, bytes], scale: int) -> None:
    window = 10_000 << scale
    limit = 1 + window + max(window, SLACK)
    for seq, place in ((limit - 20, INSIDE), (limit, SEQ_OVER)):
        assert last(Wire().opened(offers).send(0, window=10_000).send(1, seq=seq, size=10)) == place


def test_a_shut_window_leaves_room_for_a_probe() -> None:
    """The kernel counts a window of 0 as one byte."""
    wire = Wire().opened().send(1, size=64_000).send(0, ack=64_001, window=0)
    assert wire.send(1, seq=64_001, size=1).told()[-1] == INSIDE


BLOCKS = w.sack((FIRST[1] + 30_000, FIRST[1] + 64_001)) + b"\x01\x01"


@pytest.mark.parametrize(("options", "place"), [(BLOCKS, INSIDE), (b"", SEQ_OVER)])
def test_blocks_that_were_received_give_room_behind_them(options: bytes, place: int) -> None:
    """Of an acknowledgment with SACK blocks it is taken that it has all: it never makes a window too small."""
    wire = Wire().opened().send(1, size=64_000).send(0, ack=1001, options=options, window=500)
    assert last(wire.send(1, seq=200_000, size=10)) == place


def test_a_segment_without_an_acknowledgment_is_judged_by_its_place() -> None:
    assert last(Wire().opened().send(1, "F", seq=1)) == INSIDE


def test_of_resets_and_handshakes_nothing_is_told() -> None:
    told = Wire().opened().send(1, "R", seq=900_000).send(0, "S", seq=0).send(1, "SA", seq=0).told()
    assert told == [UNTOLD, UNTOLD, INSIDE, INSIDE, UNTOLD, UNTOLD, UNTOLD]


@pytest.mark.parametrize("without", [0, 1])
def test_nor_of_connections_whose_handshake_was_not_seen(without: int) -> None:
    wire = far()
    del wire.frames[without]
    assert set(wire.told()) == {UNTOLD}


def test_nor_where_its_options_were_cut_off() -> None:
    """Without them a window would be thought too small."""
    (point,) = points_of({"tap": w.pcap(far().packets(), snap_length=14 + 20 + 20, nanoseconds=True)})
    assert not tracked_windows(point, np.arange(point.packets)).any()


def test_a_repeated_syn_changes_nothing() -> None:
    wire = Wire().send(0, "S", seq=0, window=64_000, options=SCALED).opened()
    assert wire.send(1, size=100).told() == [UNTOLD, UNTOLD, UNTOLD, INSIDE, INSIDE, INSIDE]


def test_nothing_is_told_of_a_listing_or_of_other_protocols(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    (tmp_path / "tap.txt").write_text(listing(talk, View()))
    with Progress() as progress, opened([tmp_path], progress) as case:
        (point,) = matched(case, progress).points
        assert not tracked_windows(point, np.arange(point.packets)).any()
    frame = w.ethernet(w.ipv4("10.0.0.5", "192.0.2.53", w.udp(5353, 53, b"q")))
    (point,) = points_of({"tap": [(START_NS, frame)]})
    assert tracked_windows(point, np.arange(1)).tolist() == [UNTOLD]


def mixed(first: tuple[int, int] = FIRST, *, port: int = 40000) -> Wire:
    """A transfer with one packet beyond each bound."""
    wire = Wire(first, port=port)
    wire.opened().send(0, size=300).send(1, ack=301)
    for part in range(20):
        wire.send(1, ack=301, seq=1 + 5000 * part, size=5000).send(0, seq=301, ack=5001 + 5000 * part)
    wire.send(1, ack=301, seq=300_000, size=1000).send(0, seq=301, ack=400_000)
    return wire.send(1, ack=301, seq=2, size=10).send(0, seq=301, ack=30_000)


EXPECTED = [SEQ_OVER, ACK_OVER, SEQ_UNDER, ACK_UNDER]


@settings(max_examples=8)  # plain Python decodes a hundred packets for each, too
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False), st.booleans())
def test_neither_numbers_nor_other_connections_nor_the_order_asked_for_matter(
    client: int, server: int, random: object, answer_first: bool
) -> None:
    """Sequence numbers wrap; a packet captured before the SYN belongs to an earlier connection of the ports."""
    mine, other = mixed((client, server)).packets(), mixed(port=40001).packets()
    if answer_first:  # then the flow's first end is the server
        mine = [(START_NS - 1, Wire((7, 9)).send(1, "R").frames[0]), *mine]
    (point,) = points_of({"tap": sorted([*mine, *((at + 300, frame) for at, frame in other)])})
    rows = list(range(point.packets))
    random.shuffle(rows)  # type: ignore[attr-defined]
    told = np.empty(point.packets, np.uint8)
    told[rows] = tracked_windows(point, np.array(rows))
    per = [told[point.group_of == group] for group in np.unique(point.group_of)]
    whole = [part.tolist() for part in per if len(part) > 1]
    assert whole == [mixed().told()] * 2
    assert whole[0][-4:] == EXPECTED


@pytest.mark.parametrize(
    ("case", "outside"),
    [
        ("conntrack_out_of_window/cases/positive/recorded_acks_elsewhere", True),
        ("conntrack_out_of_window/cases/positive/recorded_untracked_acks", False),
        ("conntrack_out_of_window_reset/cases/near_miss/recorded_rule_drops_it", True),
    ],
)
def test_the_kernel_says_the_same_where_it_saw_the_same(case: str, outside: bool) -> None:
    """Its log names each packet beyond the window: those and no others. Untracked ones it never saw (`outside` False)."""
    with Progress() as progress, opened([FAULTS / case], progress) as evidence:
        matching = matched(evidence, progress)
        facts, _ = facts_of(matching, evidence.rows, evidence.details, ())
    site = facts.sites[0]
    lines = [line for line in facts.lines("conntrack_invalid") if "over upper bound" in line.line.reason]
    said = {facts.row_at(line, site.hop.upstream, site.hop.direction) for line in lines}
    told = tracked_windows(site.upstream, np.arange(site.upstream.packets))
    assert said
    assert set(np.flatnonzero(told == SEQ_OVER)) == (said if outside else set())
    assert not np.isin(told, (ACK_OVER, SEQ_UNDER, ACK_UNDER)).any()
