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


def v6(flags: str, at: int, size: int, *, ack: int = 1, back: bool = True) -> bytes:
    """A segment over IPv6 without timestamps: nothing but its numbers tells it from others."""
    ports, ends = ((443, 40000), ("::2", "::1")) if back else ((40000, 443), ("::1", "::2"))
    return w.ethernet(w.ipv6(*ends, w.tcp(*ports, seq=at, ack=ack, flags=flags, data=bytes(size))))


def both(frames: list[tuple[int, bytes | None, bytes | None]]) -> dict[str, list[w.Packet]]:
    """What the remote point and the tap saw 350 us apart, each where it has something; times in ms of the remote one."""
    way = {True: -350_000, False: 350_000}
    opening = [
        (0, v6("PA", 1, 5, back=False), v6("PA", 1, 5, back=False)),
        (1, *[v6("PA", 10, 9, ack=6)] * 2),
    ]
    ending = [(9_000, *[v6("PA", 90_000, 9, ack=6)] * 2)]
    captures: dict[str, list[w.Packet]] = {"remote": [], "tap": []}
    for at, remote, tap in (*opening, *frames, *ending):
        time = START + at * MS
        if remote is not None:
            captures["remote"].append((time, remote))
        if tap is not None:
            captures["tap"].append((time + way[tap[54:56] == (40000).to_bytes(2)], tap))
    return captures


A, B, C = ((1_000 + n * 100, 100) for n in range(3))
ABC = (1_000, 300)


def data(piece: tuple[int, int]) -> bytes:
    return v6("A", *piece)


def test_bytes_that_were_sent_again_much_later_are_not_those_that_arrived() -> None:
    """The tap sent three; the remote point has them as one frame, and not what was sent again."""
    frames = [(10, data(ABC), data(A)), (10, None, data(B)), (10, None, data(C)), (4_500, None, data(A))]
    to_client = both(frames)
    assert losses(matched(to_client)) == {}  # what the tap alone has came from beyond the remote point
    to_remote = {
        name: [(at, turned(packet)) for at, packet in packets] for name, packets in to_client.items()
    }
    assert losses(matched(to_remote, order=["remote", "tap"])) == {("tap", "remote", "to_remote"): [6]}


def turned(packet: bytes) -> bytes:
    """The same packet from the client to the server."""
    src, dst, ports = packet[22:38], packet[38:54], packet[54:58]
    return packet[:22] + dst + src + ports[2:] + ports[:2] + packet[58:]


@pytest.mark.parametrize("first_arrives", [True, False])
def test_as_many_equal_packets_at_both_points_need_not_be_the_same(*, first_arrives: bool) -> None:
    """A frame of three arrived in pieces; its middle was sent again and copied by the network, and one copy lost.

    Where the first piece did not arrive, neither did the frame.
    """
    frames = [
        (10, data(ABC), data(A) if first_arrives else None),
        (10, None, data(B)),
        (10, None, data(C)),
        (700, data(B), data(B)),
        (701, data(B), None),
    ]
    claimed = losses(matched(both(frames)))[("remote", "tap", "to_client")]
    assert claimed == ([4] if first_arrives else [3, 4])


def test_equal_packets_far_out_of_order_stay_paired() -> None:
    """One of two equal acknowledgments was kept back for long, and nothing else can be what arrived; data was lost."""
    delivered = [(n, *[v6("PA", 2_000 + n, 1, ack=6)] * 2) for n in range(10, 14)]
    captures = both([*delivered, (200, v6("PA", 5_000, 7, ack=6), None)])
    twin = v6("A", 3_000, 0, ack=6)
    captures["remote"] += [(START + 11 * MS, twin), (START + 100 * MS, twin)]
    captures["tap"] += [(START + 60 * MS, twin), (START + 100 * MS + 350_000, twin)]
    claimed = losses(matched({name: sorted(packets) for name, packets in captures.items()}))
    assert claimed == {("remote", "tap", "to_client"): [9]}


@pytest.mark.parametrize("at_remote", [True, False])
def test_a_copy_of_a_part_is_known_by_the_identification_it_has_in_the_frame(at_remote: bool) -> None:
    """The network copied a segment that is the second part of a frame, and kept the copy back for a while."""
    first, second = (frame("A", 5_000 + 100 * n, 1, 100 + n, data=bytes(100)) for n in range(2))
    whole = frame("A", 5_000, 1, 100, data=bytes(200))
    opening = [(0, frame("A", 1, 4_000, 7, client=True)), (MS, frame("PA", 4_900, 1, 99, data=bytes(100)))]
    merging = [*opening, (10 * MS, whole), (10 * MS + 50_000, second)]
    single = [*opening, (10 * MS, first), (10 * MS + 10_000, second), (12 * MS, second)]
    ending = [(20 * MS, frame("PA", 6_000, 1, 200, data=bytes(9)))]
    captures = {}
    for name, own, way in (("remote", at_remote, 0), ("tap", not at_remote, 350_000)):
        packets = [*(merging if own else single), *ending]
        captures[name] = [
            (START + at + (-way if data[34:36] == (40000).to_bytes(2) else way), data) for at, data in packets
        ]
    assert losses(matched({name: sorted(packets) for name, packets in captures.items()})) == {}


def test_segments_put_together_are_one_frame_although_their_times_are_not_equally_near() -> None:
    """The last of a frame's segments came a millisecond before it, the others earlier; all sent again, they were lost."""
    copies = [(at, None, data(piece)) for at, piece in ((300, A), (300, B), (300, C))]
    frames = [(10, data(ABC), None), (8, None, data(A)), (8, None, data(B)), (10, None, data(C)), *copies]
    to_remote = {
        name: [(at, turned(packet)) for at, packet in sorted(packets)]
        for name, packets in both(frames).items()
    }
    assert losses(matched(to_remote, order=["remote", "tap"])) == {("tap", "remote", "to_remote"): [6, 7, 8]}
