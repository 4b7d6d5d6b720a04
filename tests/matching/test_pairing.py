"""The same packet at two points, when its numbers alone do not tell."""

from collections.abc import Sequence

import packet_writer as w
import pytest
from captured import fates, losses, lost_packets, matched
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.kernel

START = 1_700_000_000_000_000_000
DELAY = 100_000


def frame(payload: w.Payload, identification: int, *, back: bool = False) -> bytes:
    ends = ("192.0.2.1", "10.0.0.1") if back else ("10.0.0.1", "192.0.2.1")
    return w.ethernet(w.ipv4(*ends, payload, identification=identification))


def udp(
    data: bytes, identification: int, *, back: bool = False, ports: tuple[int, int] = (5000, 53)
) -> bytes:
    return frame(w.udp(*(ports[::-1] if back else ports), data), identification, back=back)


def at(frames: Sequence[bytes], *, remote: bool, every_ns: int = 1_000_000) -> list[w.Packet]:
    """Frames sent one after the other; those to 192.0.2.1 reach the remote point later."""
    return sorted(
        (START + n * every_ns + (DELAY if remote == (f[26:30] == bytes((10, 0, 0, 1))) else 0), f)
        for n, f in enumerate(frames)
    )


def dialogue(count: int, identification: int = 1) -> list[bytes]:
    """Question and answer in turn."""
    return [udp(b"packet %d" % n, identification * (n + 1), back=bool(n % 2)) for n in range(count)]


@settings(max_examples=15)
@given(st.sets(st.integers(2, 17), max_size=4), st.booleans())
def test_udp_packets_dropped_are_lost(dropped: set[int], with_id: bool) -> None:
    """With an IP id or by digest alone."""
    frames = dialogue(20, int(with_id))
    to_client = {n for n in dropped if n % 2}
    remote = [f for n, f in enumerate(frames) if n not in dropped - to_client]
    captures = {
        "remote": [p for p in at(frames, remote=True) if p[1] in remote],
        "tap": [
            p
            for p in at(frames, remote=False)
            if p[1] in {f for n, f in enumerate(frames) if n not in to_client}
        ],
    }
    assert lost_packets(matched(captures)) == len(dropped)


def test_icmp_echoes_are_matched() -> None:
    """One request was lost, one answer was not sent then."""
    pings = [
        frame(w.icmp(8 * (n % 2 == 0), rest=bytes((0, 7, 0, n // 2)), data=b"ping"), n + 1, back=bool(n % 2))
        for n in range(10)
    ]
    tap = [p for p in at(pings, remote=False) if p[1] is not pings[5]]
    remote = [p for p in at(pings, remote=True) if p[1] not in (pings[4], pings[5])]
    assert losses(matched({"tap": tap, "remote": remote})) == {("tap", "remote", "to_remote"): [5]}


def test_ip_fragments_are_matched_by_datagram() -> None:
    """Every fragment of one datagram; the second was lost."""
    pieces = w.ipv4_fragments(
        "10.0.0.1", "192.0.2.1", w.udp(9, 9, bytes(range(240))), size=80, identification=77
    )
    fragments = [w.ethernet(piece) for piece in pieces]
    talk = dialogue(4)
    sent = [*talk[:2], *fragments, *talk[2:]]
    captures = {
        "tap": at(sent, remote=False),
        "remote": [p for p in at(sent, remote=True) if p[1] is not fragments[1]],
    }
    assert losses(matched(captures)) == {("tap", "remote", "to_remote"): [4]}


def test_fragments_of_tcp_are_matched_too() -> None:
    pieces = w.ipv4_fragments(
        "10.0.0.1",
        "192.0.2.1",
        w.tcp(9, 9, seq=88888888, ack=99999999, data=bytes(240)),
        size=80,
        identification=7,
    )
    sent = [*dialogue(2), *(w.ethernet(piece) for piece in pieces), *dialogue(6)[2:]]
    captures = {
        "tap": at(sent, remote=False),
        "remote": [p for n, p in enumerate(at(sent, remote=True)) if n != 4],
    }
    assert lost_packets(matched(captures)) == 1


@pytest.mark.parametrize("snap", [50, 65])
def test_a_digest_that_the_snap_length_cut_short_is_left_out(snap: int) -> None:
    """IP ids and lengths tell."""
    frames = [udp(b"%050d" % n, n + 1, back=bool(n % 2)) for n in range(10)]
    tap = [p for p in at(frames, remote=False) if p[1] is not frames[5]]
    cut = w.pcap(tap, nanoseconds=True, snap_length=snap)
    assert losses(matched({"remote": at(frames, remote=True), "tap": cut})) == {
        ("remote", "tap", "to_client"): [6]
    }


@settings(max_examples=15)
@given(gone=st.sets(st.integers(0, 7), max_size=5), count=st.integers(8, 12), remote_first=st.booleans())
def test_identical_packets_without_identification_pair_in_time(
    gone: set[int], count: int, remote_first: bool
) -> None:
    """Resets of Linux carry IP id 0: which of them was lost, time tells; in both orders of the points."""
    rst = frame(w.tcp(443, 40000, seq=5_000_000, flags="R"), 0, back=True)
    data = frame(w.tcp(40000, 443, seq=9_000_000, ack=5_000_000, flags="PA", data=b"hello"), 0)
    talk = [data, frame(w.tcp(443, 40000, seq=5_000_000, ack=9_000_005, flags="A"), 9, back=True)]
    end = [frame(w.tcp(443, 40000, seq=5_000_000, ack=9_000_005, flags="FA"), 10, back=True)]
    sent = [*talk, *[rst] * count, *end]
    names = ("a", "b") if remote_first else ("b", "a")
    captures = {
        names[0]: at(sent, remote=True),
        names[1]: [p for n, p in enumerate(at(sent, remote=False)) if n - 2 not in gone],
    }
    expected = {(*names, "to_client"): [n + 3 for n in sorted(gone)]} if gone else {}
    assert losses(matched(captures)) == expected


def test_a_lone_packet_without_a_twin_is_no_twin() -> None:
    frames = dialogue(6, 0)
    captures = {
        "remote": at(frames, remote=True),
        "tap": [p for p in at(frames, remote=False) if p[1] is not frames[3]],
    }
    assert losses(matched(captures)) == {("remote", "tap", "to_client"): [4]}


def test_packets_far_out_of_order_are_found() -> None:
    """Beyond the walk's look-ahead."""
    frames = [udp(b"%d" % n, n + 1, back=True) for n in range(60)]
    remote = at(frames, remote=True)
    moved = [*remote[40:], *remote[:40]]
    tap = [(START + DELAY + n * 1_000_000, data) for n, (_, data) in enumerate(moved)]
    assert not any(f for f in fates(matched({"remote": remote, "tap": tap})).values())


def test_flows_of_the_same_payload_are_told_apart_by_their_ends() -> None:
    """A hundred identical heartbeats."""
    frames = [udp(b"heartbeat", 0, ports=(6000 + n, 514)) for n in range(100)]
    captures = {
        "tap": at(frames, remote=False),
        "remote": [p for n, p in enumerate(at(frames, remote=True)) if n != 30],
    }
    assert losses(matched(captures)) == {("tap", "remote", "to_remote"): [31]}


def test_many_lone_flows_of_one_payload_behind_nat() -> None:
    """Nothing tells them apart but the identification."""
    tap = [udp(b"heartbeat", n + 1, ports=(6000 + n, 514)) for n in range(40)]
    remote = [udp(b"heartbeat", n + 1, ports=(9000 - n, 514)) for n in range(40)]
    matching = matched(
        {
            "tap": at(tap, remote=False),
            "remote": [p for n, p in enumerate(at(remote, remote=True)) if n != 30],
        }
    )
    assert lost_packets(matching) == 1


def test_twins_all_of_which_were_lost() -> None:
    """Nothing to choose from."""
    rst = frame(w.tcp(443, 40000, seq=5_000_000, flags="R"), 0, back=True)
    talk = [frame(w.tcp(443, 40000, seq=5_000_000, ack=9_000_005, flags="A"), n, back=True) for n in (9, 10)]
    sent = [talk[0], rst, rst, talk[1]]
    captures = {"remote": at(sent, remote=True), "tap": [p for p in at(sent, remote=False) if p[1] != rst]}
    assert lost_packets(matched(captures)) == 2


def stream(sizes: Sequence[int], *, base: int = 5_000_000, at_: int = 0, number: int = 100) -> list[bytes]:
    """Data of the server in packets of these sizes, one behind the other."""
    frames = []
    for n, size in enumerate(sizes):
        payload = w.tcp(443, 40000, seq=base + at_, ack=9_000_000, flags="PA", data=bytes(size))
        frames.append(frame(payload, number + n, back=True))
        at_ += size
    return frames


def test_a_merged_packet_of_which_a_part_was_lost() -> None:
    """What was merged whole is no loss; the part that nobody carried on is."""
    opening = [frame(w.tcp(40000, 443, seq=9_000_000, ack=5_000_000, flags="A"), 1)]
    remote = [*opening, *stream([100] * 6), *stream([7], at_=700_000)]
    tap = [
        *opening,
        *stream([200], number=300),
        *stream([200], at_=400, number=310),
        *stream([9], at_=700_010),
        *stream([1], at_=700_100),
    ]
    found = fates(matched({"remote": at(remote, remote=True), "tap": at(tap, remote=False)}))
    assert found[("remote", "tap", "to_client")] == {"merged": [2, 3, 6, 7], "lost": [4, 5], "unproven": [8]}


@pytest.mark.parametrize("dropped", [set[int](), {0, 10}, {1, 11}, {0, 1, 10, 11}, {0, 4}])
def test_losses_do_not_depend_on_which_packets_tell_the_travel_time(
    dropped: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all that would be looked at were lost: then all are looked at."""
    frames = [
        frame(w.tcp(*ports, seq=100 * n, ack=1, flags="PA", data=b"packet %d" % n), n + 1, back=bool(n % 2))
        for n in range(20)
        for ports in [(443, 5000) if n % 2 else (5000, 443)]
    ]
    captures = {
        "remote": [
            p for p in at(frames, remote=True) if p[1] not in {frames[n] for n in dropped if not n % 2}
        ],
        "tap": [p for p in at(frames, remote=False) if p[1] not in {frames[n] for n in dropped if n % 2}],
    }
    of_all = lost_packets(matched(captures))
    monkeypatch.setattr("lastseen.matching.shifts.SAMPLE", 1)
    assert lost_packets(matched(captures)) == of_all


def _tcp(identification: int, flags: str, *, seq: int, size: int = 0, back: bool = False) -> bytes:
    ports = (443, 40000) if back else (40000, 443)
    segment = w.tcp(*ports, seq=seq, ack=7000, flags=flags, data=bytes(size))
    packet = frame(segment, identification, back=back)
    return packet.ljust(60, b"\0")


@pytest.mark.parametrize("back", [False, True])
def test_padding_that_became_payload_is_no_loss(back: bool) -> None:
    """A data plane wrote an IP length that includes it. What really went missing, or has no identification, is lost."""
    talk = [_tcp(n + 1, "PA", seq=1000 + 100 * n, size=100, back=bool(n % 2)) for n in range(6)]
    short = [_tcp(30, "A", seq=1600, back=back), _tcp(31, "FA", seq=1600, back=back)]
    odd = [_tcp(0, "RA", seq=1601, back=back), _tcp(32, "A", seq=1601, back=back)]
    longer = [_tcp(30, "A", seq=1600, size=6, back=back), _tcp(31, "FA", seq=1600, size=6, back=back)]
    sent, seen = (
        [*talk, *short, *odd, talk[0]],
        [*talk, *longer, _tcp(0, "RA", seq=1601, size=6, back=back), talk[0]],
    )
    up, down = ("remote", "tap") if back else ("tap", "remote")
    matching = matched({up: at(sent, remote=back is True), down: at(seen, remote=back is False)})
    hop = next(h for h in matching.hops if matching.points[h.upstream].name == up)
    assert hop.rewritten.get("ip.len") == 2
    assert losses(matching) == {(up, down, "to_client" if back else "to_remote"): [9, 10]}
