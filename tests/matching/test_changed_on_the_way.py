"""What is changed on its way, in numbers, identifications or pieces, is no loss; what is lost beside it still is."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import packet_writer as w
import pytest
from captured import fates, losses, matched
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.kernel

START, MS = 1_700_000_000_000_000_000, 1_000_000
CLIENT, SERVER = "10.0.0.5", "192.0.2.80"
CLIENT6, SERVER6 = "2001:db8::5", "2001:db8:1::80"
HALF_MS = 5.0
"""Half of the round trip: the remote point lies at nine tenths of it, the tap at one tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A segment as its sender sent it; `at` in ms; `stamp`: TCP's timestamp, 0 none; `n`: its number."""

    at: float
    client: bool
    seq: int
    ack: int
    flags: str
    data: bytes = b""
    identification: int = 0
    stamp: int = 0
    n: int = 0


Change = Callable[[Sent], Sent]


def conversation(
    *, sizes: Sequence[int] = (200, 5000, 100, 3000), start: float = 0, isn: int = 1_000_000
) -> list[Sent]:
    """A handshake, requests and answers of these sizes by turns, all acknowledged, and both FIN."""
    nexts, sent = [isn, 3 * isn], list[Sent]()
    at = start

    def send(client: bool, flags: str, data: bytes = b"") -> None:
        side = 0 if client else 1
        ack = nexts[1 - side] if "A" in flags else 0
        number = len(sent)
        sent.append(
            Sent(at=at, client=client, seq=nexts[side], ack=ack, flags=flags, data=data, n=number,
                 identification=(500 if client else 9000) + number, stamp=int(at) + 77_000 + 1000 * side)
        )  # fmt: skip
        nexts[side] += len(data) + ("S" in flags) + ("F" in flags)

    for client, flags in ((True, "S"), (False, "SA"), (True, "A")):
        send(client, flags)
        at += 2 * HALF_MS
    for number, size in enumerate(sizes):
        client = number % 2 == 0
        for begin in range(0, size, 1400):
            send(client, "PA", random.Random(number + begin).randbytes(min(1400, size - begin)))
            at += 0.2
        at += 2 * HALF_MS
        send(not client, "A")
        at += 30
    for client, flags in ((False, "FA"), (True, "FA"), (False, "A")):
        send(client, flags)
        at += 2 * HALF_MS
    return sent


def unchanged(sent: Sent) -> Sent:
    return sent


def frame(sent: Sent, *, six: bool) -> bytes:
    ends = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
    ports = (40000, 443) if sent.client else (443, 40000)
    options = w.timestamps(sent.stamp, 5) if sent.stamp else b""
    segment = w.tcp(
        *ports, seq=sent.seq % 2**32, ack=sent.ack % 2**32, flags=sent.flags, data=sent.data, options=options
    )
    return w.ethernet(
        w.ip(*(ends if sent.client else ends[::-1]), segment, identification=sent.identification)
    )


def seen(
    sent: Sequence[Sent], *, remote: bool, change: Change = unchanged, lost: Sequence[int] = (), six: bool = False
) -> list[w.Packet]:  # fmt: skip
    """At the remote point or the tap; `change`: what was made of each packet before."""
    found = []
    for one in sent:
        way = 2 * HALF_MS * (0.9 if one.client == remote else 0.1)
        if one.n not in lost:
            found.append((START + int((one.at + way) * MS), frame(change(one), six=six)))
    return sorted(found)


def with_identifications_of_its_own(sent: Sent) -> Sent:
    return replace(sent, identification=random.Random(sent.n).randrange(1, 65536))


def without_identifications(sent: Sent) -> Sent:
    return replace(sent, identification=0)


def with_timestamps_of_its_own(sent: Sent) -> Sent:
    return replace(sent, stamp=sent.stamp + 123_456 + sent.n)


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("lost", [[], [4], [4, 11]])
@pytest.mark.parametrize(
    "change", [with_identifications_of_its_own, without_identifications, with_timestamps_of_its_own]
)
def test_identifications_that_are_rewritten(change: Change, lost: list[int], six: bool) -> None:
    """By a firewall; over IPv6 timestamps stand for them. Numbers 4 and 11 are bare acknowledgments of the server."""
    talk = conversation()
    assert [(talk[n].client, talk[n].flags, talk[n].data) for n in (4, 11)] == [(False, "A", b"")] * 2
    captures = {
        "remote": seen(talk, remote=True, six=six),
        "tap": seen(talk, remote=False, change=change, lost=lost, six=six),
    }
    found = matched(captures)
    frames = [data for _, data in captures["remote"]]
    wanted = [frames.index(frame(talk[n], six=six)) + 1 for n in lost]
    assert losses(found) == ({("remote", "tap", "to_client"): wanted} if lost else {})
    delivered = {name: row for name, row in fates(found).items() if set(row) - {"lost"}}
    assert delivered == {}


def test_identifications_rewritten_on_one_of_two_ways() -> None:
    """The other connection keeps its own."""
    talks = [conversation(isn=1_000_000), conversation(isn=7_000_000, start=0.05)]
    remote = [packet for talk in talks for packet in seen(talk, remote=True)]
    tap = seen(talks[0], remote=False, change=with_identifications_of_its_own) + seen(talks[1], remote=False)
    ports = {talk[0].seq: port for talk, port in zip(talks, (40000, 40000), strict=True)}
    assert len(ports) == 2
    assert losses(matched({"remote": sorted(remote), "tap": sorted(tap)})) == {}


def test_one_of_its_repetitions_seen_here_and_another_there_is_no_rewriting() -> None:
    """Each point has two keep-alives of the same numbers; nothing says that the identifications changed."""
    talk = conversation()
    last = talk[-1]
    alive = [replace(talk[2], at=last.at + 1000 * n, n=100 + n, identification=3000 + n) for n in range(4)]
    captures = {
        "remote": seen([*talk, *alive[:2]], remote=True),
        "tap": seen([*talk, *alive[2:]], remote=False),
    }
    assert losses(matched(captures)) == {}
    assert all("outside" in row or "unproven" in row or not row for row in fates(matched(captures)).values())


def lengthened(sent: Sent) -> Sent:
    """A gateway writes four bytes into the first request and moves all numbers behind them."""
    if sent.n == 3:
        return replace(sent, data=sent.data + b"more")
    if sent.n > 3:
        return replace(sent, seq=sent.seq + 4 * sent.client, ack=sent.ack + 4 * (not sent.client))
    return sent


def bleached(sent: Sent) -> Sent:
    return replace(sent, flags=sent.flags.replace("E", ""))


def test_a_payload_that_a_gateway_lengthens() -> None:
    talk = conversation()
    assert talk[3].data
    assert (
        losses(
            matched({"remote": seen(talk, remote=True, change=lengthened), "tap": seen(talk, remote=False)})
        )
        == {}
    )


def test_ecn_of_a_handshake_that_is_cleared() -> None:
    talk = [replace(one, flags=one.flags + "E" * ("S" in one.flags)) for one in conversation()]
    assert (
        losses(matched({"remote": seen(talk, remote=True), "tap": seen(talk, remote=False, change=bleached)}))
        == {}
    )


def test_a_packet_of_the_connection_before_that_comes_after_its_successor_began() -> None:
    """The client takes the same port again while the server's last packet is under way."""
    talk = conversation()
    again = conversation(start=talk[-1].at + 0.5, isn=9_000_000)
    both = [*talk, *(replace(one, n=one.n + 1000, identification=one.identification + 300) for one in again)]
    assert losses(matched({"remote": seen(both, remote=True), "tap": seen(both, remote=False)})) == {}


# ---- datagrams ----
Datagram = tuple[float, bool, bytes, int]
"""(ms, from the client, payload, identification)."""


def datagram(one: Datagram) -> bytes:
    _, client, data, number = one
    ends, ports = ((CLIENT, SERVER), (5000, 4433)) if client else ((SERVER, CLIENT), (4433, 5000))
    return w.ipv4(*ends, w.udp(*ports, data), identification=number, dont_fragment=False)


def placed(packets: Sequence[tuple[float, bool, bytes]], *, remote: bool) -> list[w.Packet]:
    """(ms, from the client, IP packet) as a point sees them."""
    return sorted(
        (START + int((at + 2 * HALF_MS * (0.9 if client == remote else 0.1)) * MS), w.ethernet(packet))
        for at, client, packet in packets
    )


def bursts(counts: Sequence[int], *, size: int = 1200, last: int = 700) -> Iterator[list[Datagram]]:
    """A request, and an answer of so many datagrams of one size, the last of another; each as a list."""
    number = 100
    for k, count in enumerate(counts):
        yield [(40.0 * k, True, random.Random(k).randbytes(60), 7000 + k)]
        sizes = [size] * (count - 1) + [last]
        yield [
            (40.0 * k + 12 + j / 100, False, random.Random(k * 100 + j).randbytes(sizes[j]), number + j)
            for j in range(count)
        ]
        number += count


def whole(burst: Sequence[Datagram]) -> Datagram:
    at, client, _, number = burst[0]
    return at, client, b"".join(data for _, _, data, _ in burst), number


def offloaded(
    counts: Sequence[int], *, at_sender: bool, snap: int = 262144, lost: Callable[[Datagram], bool] = lambda _: False
) -> dict[tuple[str, str, str], dict[str, list[int]]]:  # fmt: skip
    """Fates where one point has the answers as the server's host hands them over or the client's gets them."""
    pieces = [one for burst in bursts(counts) for one in burst]
    large = [whole(burst) for burst in bursts(counts)]
    at = [(one[0], one[1], datagram(one)) for one in (large if at_sender else pieces)]
    then = [(one[0], one[1], datagram(one)) for one in (pieces if at_sender else large) if not lost(one)]
    captures = {"remote": placed(at, remote=True), "tap": placed(then, remote=False)}
    return fates(
        matched(
            {name: w.pcap(packets, snap_length=snap, nanoseconds=True) for name, packets in captures.items()}
        )
    )


@settings(max_examples=20)
@given(
    counts=st.lists(st.integers(1, 12), min_size=2, max_size=8),
    at_sender=st.booleans(),
    snap=st.sampled_from([262144, 60]),
)
def test_datagrams_cut_and_put_together_by_offload(counts: list[int], at_sender: bool, snap: int) -> None:
    """With some that are not, which tell the travel time; payloads compared or not."""
    found = offloaded([1, *counts, 1], at_sender=at_sender, snap=snap)
    assert not any("lost" in row or "unproven" in row for row in found.values())


def test_datagrams_all_of_which_offload_touched() -> None:
    """Nothing tells the travel time; the first bytes tell which they are, where they were captured."""
    assert offloaded([3, 4, 5], at_sender=True) == {
        ("remote", "tap", "to_client"): {"split": [2, 4, 6]}, ("tap", "remote", "to_remote"): {}
    }  # fmt: skip
    found = offloaded([3, 4, 5], at_sender=True, snap=60)
    assert found["remote", "tap", "to_client"] == {"unproven": [2, 4, 6]}


def test_a_piece_that_was_lost_leaves_the_whole_unproven_and_another_one_lost() -> None:
    """What came began as the whole did. Of the other burst nothing came."""
    gone = {j for burst in list(bursts([1, 3, 1, 4, 1]))[7:8] for j in (one[3] for one in burst)}
    second = list(bursts([1, 3, 1, 4, 1]))[3][1][3]
    found = offloaded(
        [1, 3, 1, 4, 1], at_sender=True, lost=lambda one: not one[1] and one[3] in {*gone, second}
    )
    assert found["remote", "tap", "to_client"] == {"unproven": [4], "lost": [8]}


def test_pieces_seen_twice_are_put_together_once() -> None:
    pieces = [one for burst in bursts([1, 3, 1]) for one in burst]
    large = [whole(burst) for burst in bursts([1, 3, 1])]
    tap = placed([(one[0], one[1], datagram(one)) for one in pieces], remote=False)
    twice = sorted([*tap, *((at + 3000, data) for at, data in tap)])
    found = matched({"remote": placed([(o[0], o[1], datagram(o)) for o in large], remote=True), "tap": twice})
    assert losses(found) == {}


@pytest.mark.parametrize("sizes", [(700, 1200, 700), (1200, 1200, 1300), (1200, 1200)])
def test_what_no_offload_makes_is_not_put_together(sizes: tuple[int, ...]) -> None:
    """A longer one behind a shorter one; more or less than the whole: it is unproven for beginning like it. A later one is."""
    payload = [random.Random(n).randbytes(size) for n, size in enumerate(sizes)]
    alone = [(n * 20.0, n % 2 == 0, random.Random(50 + n).randbytes(90), 900 + n) for n in range(5)]
    large = (
        45.0,
        False,
        b"".join(payload) + (b"" if len(sizes) == 3 and sizes[2] == 700 else b"x" * 100),
        500,
    )
    parts = [(45.0 + n / 100, False, data, 500 + n) for n, data in enumerate(payload)]
    later = [(2045.0 + n / 100, False, random.Random(90 + n).randbytes(500), 800 + n) for n in range(2)]
    remote = placed([(o[0], o[1], datagram(o)) for o in (*alone, large, whole(later))], remote=True)
    tap = placed([(o[0], o[1], datagram(o)) for o in (*alone, *parts, *later)], remote=False)
    assert fates(matched({"remote": remote, "tap": tap}))["remote", "tap", "to_client"] == {
        "unproven": [3],
        "split": [7],
    }


@pytest.mark.parametrize("make", [w.udp, None])
def test_a_datagram_that_a_router_cuts_into_fragments(make: object) -> None:
    """With small ones that it passes on whole. Of those that are gone, pieces and all, it is said."""
    remote, tap = list[tuple[float, bool, bytes]](), list[tuple[float, bool, bytes]]()
    for n in range(8):
        data = random.Random(n).randbytes(3000 if n % 2 else 300)
        payload = w.udp(4433, 5000, data) if make else w.icmp(0, rest=n.to_bytes(4), data=data)
        asked = (
            w.udp(5000, 4433, b"q" * 40 + bytes([n]))
            if make
            else w.icmp(8, rest=n.to_bytes(4), data=data[:50])
        )
        question = w.ipv4(CLIENT, SERVER, asked, identification=40 + n)
        answer = w.ipv4(SERVER, CLIENT, payload, identification=200 + n, dont_fragment=False)
        pieces = (
            w.ipv4_fragments(SERVER, CLIENT, payload, size=1480, identification=200 + n)
            if n % 2
            else [answer]
        )
        remote += [(n * 30.0, True, question), (n * 30.0 + 12, False, answer)]
        tap += [(n * 30.0, True, question), *((n * 30.0 + 12, False, piece) for piece in pieces if n != 5)]
    found = matched({"remote": placed(remote, remote=True), "tap": placed(tap, remote=False)})
    assert fates(found)["remote", "tap", "to_client"] == {"lost": [12], "unproven": [4, 8, 16]}


def test_frames_are_in_order() -> None:
    """Of the generator: it sends nothing before what came before."""
    assert all(one.at <= other.at for one, other in pairwise(conversation()))
