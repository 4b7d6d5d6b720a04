"""Packets that others can be taken for are no ground to call anything lost."""

import packet_writer as w
import pytest
from captured import losses, matched
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.kernel

SECOND, START = 1_000_000_000, 1_700_000_000 * 1_000_000_000
DELAY = 40_000
CLIENT, SERVER = "2001:db8::5", "2001:db8:1::80"


def beats(count: int, *, after: int = 0, back: bool = False) -> list[w.Packet]:
    """Empty datagrams, one a second, each answered; over IPv6 nothing tells them apart. As the tap sees them."""
    ends, ports = ((SERVER, CLIENT), (80, 40000)) if back else ((CLIENT, SERVER), (40000, 80))
    frame = w.ethernet(w.ipv6(*ends, w.udp(*ports, b"")))
    return [(START + n * SECOND + (300 * DELAY if back else 0), frame) for n in range(after, after + count)]


def at_the_remote(packets: list[w.Packet]) -> list[w.Packet]:
    """The same packets as a point nearer the remote end sees them."""
    to_remote = beats(1)[0][1]
    return [(time + (DELAY if frame == to_remote else -DELAY), frame) for time, frame in packets]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=20)
def test_a_capture_that_began_late_lost_nothing(missed: int, seen: int, late: int) -> None:
    """Which heartbeats it has is a guess: so is where and when it was."""
    count = missed + seen
    remote = beats(seen, after=missed) + beats(max(seen - late, 0), after=missed + late, back=True)
    captures = {
        "tap": sorted(beats(count) + beats(count, back=True)),
        "remote": at_the_remote(sorted(remote)),
    }
    assert not losses(matched(captures))


def test_heartbeats_do_not_place_a_point() -> None:
    """The same with packets that nothing can be taken for: then the order is known, and what was lost."""
    sure = w.ethernet(w.ipv6(CLIENT, SERVER, w.udp(40000, 80, b"query")))
    answer = w.ethernet(w.ipv6(SERVER, CLIENT, w.udp(80, 40000, b"answer")))
    tap = [*beats(3), (START + 3 * SECOND, sure), (START + 4 * SECOND, answer)]
    remote = [
        (START + DELAY, tap[0][1]),
        (START + 3 * SECOND + DELAY, sure),
        (START + 4 * SECOND - DELAY, answer),
    ]
    assert matched({"tap": tap[:3], "remote": remote[:1]}).order == (None, None)
    placed = matched({"tap": tap, "remote": remote})
    assert [point.name for point in placed.points] == ["remote", "tap"]
    assert placed.order == (1, 2)
    assert losses(placed) == {("tap", "remote", "to_remote"): [2, 3]}


def repeated(stamp: int) -> bytes:
    """A request sent again and again, each time with another timestamp."""
    options = b"\1\1" + w.timestamps(stamp, 7)
    return w.ethernet(
        w.ipv6(CLIENT, SERVER, w.tcp(40000, 80, seq=1, ack=1, flags="PA", data=b"x" * 40, options=options))
    )


def test_a_timestamp_that_one_point_cut_off_tells_no_repetition_from_another() -> None:
    """The remote point has the second request; its capture was not begun when the first and an ACK passed."""
    ends, answer = (CLIENT, SERVER), w.tcp(80, 40000, seq=1, ack=41, flags="PA", data=b"answer")
    ack = w.ethernet(w.ipv6(*ends, w.tcp(40000, 80, seq=1, ack=9, flags="A")))
    answered = w.ethernet(w.ipv6(SERVER, CLIENT, answer))
    last = w.ethernet(w.ipv6(*ends, w.tcp(40000, 80, seq=41, ack=7, flags="A")))
    sent = [repeated(100), ack, repeated(200), answered, last]
    tap = [(START + n * SECOND, frame) for n, frame in enumerate(sent)]
    remote = [(time + (-DELAY if frame == answered else DELAY), frame) for time, frame in tap[2:]]
    cut = w.pcap(remote, nanoseconds=True, snap_length=14 + 40 + 20)
    assert not losses(matched({"tap": tap, "remote": cut}))


ACKED, TOLD = 1_000_000, 2_000_000


def duplicate_acks(count: int, *, copies: int = 1, missing: frozenset[int] = frozenset()) -> list[w.Packet]:
    """A handshake, then equal acknowledgments over IPv6, 2 ms apart; each stamped `copies` times within microseconds."""
    frames = [
        w.ethernet(w.ipv6(*ends, w.tcp(*ports, seq=seq, ack=ack, flags=flags, data=data)))
        for ends, ports, seq, ack, flags, data in (
            ((CLIENT, SERVER), (40000, 80), ACKED - 1, 0, "S", b""),
            ((SERVER, CLIENT), (80, 40000), TOLD - 1, ACKED, "SA", b""),
            ((CLIENT, SERVER), (40000, 80), ACKED, TOLD, "PA", b"GET"),
            ((SERVER, CLIENT), (80, 40000), TOLD + 100, ACKED + 3, "A", b"late"),
            *[((CLIENT, SERVER), (40000, 80), ACKED + 3, TOLD, "A", b"")] * count,
            ((SERVER, CLIENT), (80, 40000), TOLD, ACKED + 3, "PA", b"x" * 100),
            ((CLIENT, SERVER), (40000, 80), ACKED + 3, TOLD + 104, "FA", b""),
        )
    ]
    acks = range(4, 4 + count)
    return [
        (START + n * 2_000_000 + copy * 4_000, frame)
        for n, frame in enumerate(frames)
        for copy in range(copies if n in acks else 1)
        if n - 4 not in missing or n not in acks
    ]


def moved(packets: list[w.Packet]) -> list[w.Packet]:
    """As the remote point sees the client's and the server's packets."""
    return [(at + (DELAY if data[54:56] == (40000).to_bytes(2) else -DELAY), data) for at, data in packets]


@given(count=st.integers(2, 6), missing=st.integers(0, 5), copied=st.sampled_from(["tap", "remote", "both"]))
@settings(max_examples=20)
def test_copies_stamped_at_one_moment_take_no_other_packets_place(
    count: int, missing: int, copied: str
) -> None:
    """Each acknowledgment was captured twice at one point; one of them may be lost on the way."""
    gone = frozenset({missing}) if missing < count else frozenset[int]()
    tap = duplicate_acks(count, copies=1 if copied == "remote" else 2)
    remote = moved(duplicate_acks(count, copies=1 if copied == "tap" else 2, missing=gone))
    matching = matched({"tap": tap, "remote": sorted(remote)})
    lost = sum(map(len, losses(matching).values()))
    assert lost == len(gone) or (copied == "remote" and not lost)  # then a copy may pass for the missing one


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_packet_after_many_equal_ones_is_paired_with_its_own(lost: int) -> None:
    """Seven acknowledgments of one moment and an eighth later; some of the seven are lost."""
    packets = duplicate_acks(8)
    burst = packets[4][0]
    tap = packets[:4] + [(burst, data) for _, data in packets[4:11]] + packets[11:]
    remote = moved(tap[: 11 - lost] + tap[11:])
    found = losses(matched({"tap": tap, "remote": sorted(remote)}))
    assert 12 not in found.get(("tap", "remote", "to_remote"), [])


def test_a_conversation_that_seems_opened_by_its_server_goes_the_way_of_the_others() -> None:
    """Its first packet in either capture is an answer; which of three empty ones arrived, their times tell."""
    others, ports = dialogue_of(5000, count=6), (6000, 80)
    question, answer = (
        w.ethernet(w.ipv6(CLIENT, SERVER, w.udp(*ports, b"question"))),
        w.ethernet(w.ipv6(SERVER, CLIENT, w.udp(*ports[::-1], b""))),
    )
    way = 2_000_000
    asked = START + SECOND
    tap = [
        *others,
        (asked + 2_000_000, answer),
        (asked + 2_500_000, question),
        (asked + 3_000_000, answer),
        (asked + 4_000_000, answer),
    ]
    tap.append((START + 3 * SECOND, others[0][1]))
    remote = [
        (at + (way if data[54:56] in {b"\x13\x88", b"\x17\x70"} else -way), data) for at, data in sorted(tap)
    ]
    kept = [p for p in sorted(tap) if p != (asked + 3_000_000, answer)]
    missing = 1 + sorted(remote).index((asked + 3_000_000 - way, answer))
    assert losses(matched({"tap": kept, "remote": sorted(remote)})) == {
        ("remote", "tap", "to_client"): [missing]
    }


def dialogue_of(port: int, *, count: int) -> list[w.Packet]:
    """Questions and answers that nothing else can be taken for, 10 ms apart, as the tap sees them."""
    return [
        (
            START + n * 10_000_000,
            w.ethernet(
                w.ipv6(SERVER, CLIENT, w.udp(80, port, b"answer %d" % n))
                if n % 2
                else w.ipv6(CLIENT, SERVER, w.udp(port, 80, b"question %d" % n))
            ),
        )
        for n in range(count)
    ]
