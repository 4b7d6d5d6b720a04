"""Segmentation and receive offload make other packets of the same bytes: what is lost is what none of them carried."""

import packet_writer as w
import pytest
from captured import fates, losses, matched, path_of
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.kernel

START = 1_700_000_000_000_000_000
MS = 1_000_000
CLIENT, SERVER = "10.0.0.5", "192.0.2.80"
CLIENT_ISN, SERVER_ISN = 1_000_000, 2_000_000
SIZE = 1000
AT_REMOTE_NS, AT_TAP_NS = 400_000, 50_000
"""How far from the client each point is."""

Runs = list[int]
"""Segments that each frame holds, in order; what is left over is one a frame."""


def frame(flags: str, seq: int, ack: int, number: int, *, data: bytes = b"", client: bool = False) -> bytes:
    ports, ends = ((40000, 443), (CLIENT, SERVER)) if client else ((443, 40000), (SERVER, CLIENT))
    segment = w.tcp(*ports, seq=seq, ack=ack, flags=flags, data=data)
    return w.ethernet(w.ipv4(*ends, segment, identification=number))


def merged(numbers: list[int], runs: Runs) -> list[list[int]]:
    """Segments that follow each other put together by runs; a gap ends a frame."""
    found: list[list[int]] = []
    lengths = iter([*runs, *[1] * len(numbers)])
    room = 0
    for number in numbers:
        if room and found[-1][-1] == number - 1:
            found[-1].append(number)
            room -= 1
        else:
            found.append([number])
            room = next(lengths) - 1
    return found


def seen(count: int, lost: set[int], runs: Runs, *, at_remote: bool) -> tuple[list[w.Packet], list[set[int]]]:
    """What a point sees of a burst of segments, and which of them each of its frames holds.

    Those that are lost behind the remote point are sent again, one a frame, before the client acknowledges them all.
    """
    way = AT_REMOTE_NS if at_remote else AT_TAP_NS
    end = SERVER_ISN + 1 + SIZE * count
    packets = [
        (START + at + way, frame(flags, seq, ack, number, data=data, client=True), set[int]())
        for at, flags, seq, ack, number, data in (
            (0, "S", CLIENT_ISN, 0, 1, b""),
            (2 * MS, "A", CLIENT_ISN + 1, SERVER_ISN + 1, 2, b""),
            (3 * MS, "PA", CLIENT_ISN + 1, SERVER_ISN + 1, 3, b"GET"),
            (900 * MS, "A", CLIENT_ISN + 4, end, 4, b""),
        )
    ]
    packets.append((START + MS - way, frame("SA", SERVER_ISN, CLIENT_ISN + 1, 9000), set()))
    packets.append((START + 901 * MS - way, frame("FA", end, CLIENT_ISN + 4, 9900), set()))
    groups = merged([n for n in range(count) if at_remote or n not in lost], runs)
    for at, number, group in (
        *((4 * MS + group[-1] * 10_000, 9001 + group[0], group) for group in groups),
        *(((400 + n) * MS, 9500 + n, [n]) for n in sorted(lost)),
    ):
        payload = b"".join(bytes([n]) * SIZE for n in group)
        data = frame("A", SERVER_ISN + 1 + SIZE * group[0], CLIENT_ISN + 4, number, data=payload)
        packets.append((START + at - way, data, set(group) if number < 9500 else set()))
    packets.sort(key=lambda packet: packet[0])
    return [packet[:2] for packet in packets], [packet[2] for packet in packets]


runs = st.lists(st.integers(1, 12), max_size=8)


@settings(max_examples=60)
@given(
    count=st.integers(1, 30),
    lost=st.sets(st.integers(0, 29), max_size=6),
    at_remote=runs,
    at_tap=runs,
    turned=st.booleans(),
)
def test_frames_none_of_whose_bytes_arrived_are_lost(
    count: int, lost: set[int], at_remote: Runs, at_tap: Runs, *, turned: bool
) -> None:
    """However segments were put together at either point; a frame of which a part arrived may be called either."""
    lost &= set(range(count))
    remote, holds = seen(count, lost, at_remote, at_remote=True)
    tap, _ = seen(count, lost, at_tap, at_remote=False)
    captures = {"remote": remote, "tap": tap}
    matching = matched(dict(reversed(captures.items())) if turned else captures)
    claimed = losses(matching)
    assert path_of(matching) == ["remote", "tap"]
    assert set(claimed) <= {("remote", "tap", "to_client")}
    frames = set(claimed.get(("remote", "tap", "to_client"), []))
    assert {n for n, held in enumerate(holds, 1) if held and held <= lost} <= frames
    assert frames <= {n for n, held in enumerate(holds, 1) if held & lost}
    found = fates(matching)[("remote", "tap", "to_client")]
    assert set(found) <= {"lost", "merged", "split"}


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("identified", [True, False])
def test_a_copy_that_one_point_has_alone_and_the_other_as_part_of_a_frame(
    *, arrives: bool, identified: bool
) -> None:
    """The network copied a segment; the copy came behind the frame that offload had made of the first two.

    Both copies and the other segment arrive, or one copy less than were sent.
    """
    remote, _ = seen(3, set(), [2], at_remote=True)
    tap, _ = seen(3, set(), [], at_remote=False)
    number = 9001 if identified else 0

    def segment(n: int, size: int) -> bytes:
        data = b"".join(bytes([k]) * SIZE for k in range(n, n + size))
        own = number + n if number else 0
        return frame("A", SERVER_ISN + 1 + SIZE * n, CLIENT_ISN + 4, own, data=data)

    remote = [(at, segment(0, 2) if len(data) > 2 * SIZE else data) for at, data in remote]
    tap = [
        (
            at,
            segment(0, 1)
            if data[54:] == bytes(SIZE)
            else segment(1, 1)
            if data[54:] == b"\1" * SIZE
            else data,
        )
        for at, data in tap
    ]
    at = START + 4 * MS + 60_000
    remote.append((at - AT_REMOTE_NS, segment(0, 1)))
    if arrives:
        tap.append((at - AT_TAP_NS, segment(0, 1)))
    claimed = losses(matched({"remote": sorted(remote), "tap": sorted(tap)}))
    assert sum(map(len, claimed.values())) == (0 if arrives else 1)
