"""The same connection at several points, by the marks that are there."""

import packet_writer as w
import pytest
from captured import fates, losses, lost_packets, matched
from conversation_writer import Conversation, Point
from hypothesis import given
from hypothesis import strategies as st

from lastseen.matching.conversations import nearest_in_order

pytestmark = pytest.mark.kernel

START = 1_700_000_000_000_000_000
A, B = "10.0.0.1", "192.0.2.1"


def segment(
    flags: str, *, seq: int, ack: int = 0, back: bool = False, number: int = 0, **more: object
) -> bytes:
    src, dst = (B, A) if back else (A, B)
    ports = (443, int(more.pop("port", 40000)))[:: 1 if back else -1]  # type: ignore[call-overload]
    packet = w.tcp(ports[0], ports[1], seq=seq, ack=ack, flags=flags, **more)  # type: ignore[arg-type]
    return w.ethernet(w.ipv4(src, dst, packet, identification=number))


def timed(frames: list[bytes], shift: int = 0) -> list[w.Packet]:
    return [(START + n * 1_000_000 + shift, data) for n, data in enumerate(frames)]


SYN = segment("S", seq=3_000_000_000, number=1)
SYN_ACK = segment("SA", seq=4_000_000_000, ack=3_000_000_001, back=True, number=2)
ACK = segment("A", seq=3_000_000_001, ack=4_000_000_001, number=3)
DATA = segment("PA", seq=3_000_000_001, ack=4_000_000_001, number=4, data=b"GET /")
REFUSED = segment("RA", seq=0, ack=3_000_000_001, back=True, number=5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([SYN, SYN_ACK, ACK, DATA], [SYN_ACK]),
        ([SYN, SYN_ACK, ACK, DATA], [SYN]),
        ([SYN, ACK, DATA], [SYN_ACK, ACK]),
        ([SYN, REFUSED], [REFUSED]),
        ([SYN], [SYN, REFUSED]),
        ([SYN_ACK], [SYN, SYN_ACK]),
        ([DATA, ACK], [SYN, SYN_ACK, ACK, DATA]),
    ],
)
def test_what_one_point_saw_of_a_handshake_is_enough(one: list[bytes], other: list[bytes]) -> None:
    """SYN, SYN-ACK.ack - 1, the handshake's ACK, RST-ACK.ack - 1."""
    for first, second in ((one, other), (other, one)):
        matching = matched({"x": timed(first), "y": timed(second, 1_000)})
        assert len(matching.conversations.group) == 1


def test_a_connection_seen_without_its_opening_is_turned_the_right_way() -> None:
    """The port tells one point another originator than the other point's SYN does."""
    odd = [segment("S", seq=3_000_000_000, port=443, number=1)]
    talk = [
        segment("PA", seq=3_000_000_001 + 5 * n, ack=4_000_000_001, number=n + 2, data=b"hello")
        for n in range(4)
    ]
    answer = [
        segment("A", seq=4_000_000_001, ack=3_000_000_006 + 5 * n, back=True, number=n + 70) for n in range(4)
    ]
    mixed = [data for pair in zip(talk, answer, strict=True) for data in pair]
    matching = matched({"x": timed([SYN, SYN_ACK, ACK, *mixed]), "y": timed(mixed[::1][1:], 3_001_000)})
    assert len(matching.conversations.group) == 1
    assert lost_packets(matching) == 0
    assert len(odd) == 1


def test_a_syn_scan_with_one_number_is_told_apart_by_ports() -> None:
    """One ISN for all; the fourth SYN was lost."""
    scan = [segment("S", seq=0, port=30000 + n, number=n + 1) for n in range(8)]
    refusals = [segment("RA", seq=0, ack=1, back=True, port=30000 + n) for n in range(8)]
    tap = [p for n in range(8) for p in ([scan[n], refusals[n]] if n != 3 else [scan[n]])]
    remote = [p for n in range(8) if n != 3 for p in (scan[n], refusals[n])]
    times = {data: n for n, data in enumerate(tap)}
    matching = matched({
        "tap": timed(tap),
        "remote": [(START + times[d] * 1_000_000 + (1_000 if d in scan else -1_000), d) for d in remote],
    })  # fmt: skip
    assert losses(matching) == {("tap", "remote", "to_remote"): [7]}


def test_common_ballots_and_contradicting_numbers_join_nothing() -> None:
    """Five flows of one payload here, two with other numbers there."""
    same = [w.ethernet(w.ipv4(A, B, w.udp(1000 + n, 53, b"x" * 40))) for n in range(6)]
    nat = [w.ethernet(w.ipv4("10.9.9.9", B, w.udp(2000 + n, 53, b"x" * 40))) for n in range(6)]
    matching = matched({"x": timed(same), "y": timed(nat)})
    assert len(matching.conversations.group) == 12


@given(
    many=st.lists(st.integers(0, 1000), min_size=1, max_size=12).map(sorted),
    data=st.data(),
    shift=st.integers(-5000, 5000),
)
def test_the_nearest_in_order_takes_none_twice(many: list[int], data: st.DataObject, shift: int) -> None:
    import numpy as np  # noqa: PLC0415 - beside its only use

    few = sorted(data.draw(st.lists(st.integers(0, 1000), max_size=len(many))))
    picks = nearest_in_order(np.array(few, np.int64), np.array(many, np.int64), np.int64(shift)).tolist()
    assert len(picks) == len(few)
    assert picks == sorted(set(picks))
    assert all(0 <= pick < len(many) for pick in picks)


def test_the_nearest_in_order_finds_exact_ones() -> None:
    import numpy as np  # noqa: PLC0415 - beside its only use

    few, many = np.array([110, 130], np.int64), np.array([0, 10, 20, 30, 40], np.int64)
    assert nearest_in_order(few, many, np.int64(-100)).tolist() == [1, 3]


def test_a_flow_has_one_partner_the_one_with_most_packets() -> None:
    """Its packets were seen there in two flows (a port that changed); most of them in the first."""
    payloads = [b"payload %03d of this flow" % n for n in range(5)]
    one = [
        w.ethernet(w.ipv4(A, B, w.udp(1000, 53, data), identification=n + 1))
        for n, data in enumerate(payloads)
    ]
    other = [
        w.ethernet(w.ipv4("10.9.9.9", B, w.udp(2000 + (n == 4), 53, data), identification=n + 1))
        for n, data in enumerate(payloads)
    ]
    matching = matched({"x": timed(one), "y": timed(other, 1_000)})
    assert sorted(sorted(row) for row in matching.conversations.group.tolist()) == [[-1, 1], [0, 0]]


def test_late_captures_beside_numbers_that_were_moved() -> None:
    """The remote point saw the handshake with other numbers; others began after it and are as the middle one.

    What the last one has in common with that is seen by way of the tap.
    """
    talk = Conversation(exchanges=((200, 3000), (90, 500)))
    moved = Point(delay_ns=400_000, sequence_offset=(123_456_789, 4_000_000_000))
    middle, tap, inside = (talk.seen_at(Point(delay_ns=delay)) for delay in (200_000, 50_000, 40_000))
    captures = {"remote": talk.seen_at(moved), "middle": middle[:10], "tap": tap[6:], "vm": inside[11:]}
    matching = matched(captures)
    assert len(matching.conversations.group) == 1
    assert {fate for hop in fates(matching).values() for fate in hop} <= {"outside", "unproven"}
    assert losses(matched({**captures, "middle": middle})) == {}
