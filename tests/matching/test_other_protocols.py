"""UDP, ICMP and its errors, SCTP: followed from point to point like TCP, whatever is translated on the way."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import packet_writer as w
import pytest
from captured import fates, losses, matched
from conversation_writer import Conversation, Point
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.kernel

START = 1_700_000_000_000_000_000
MS = 1_000_000
TALK = Conversation(exchanges=((200, 3000),))
V4 = ("10.0.0.5", "192.0.2.80", "203.0.113.7", "198.18.0.1")
V6 = ("2001:db8::5", "2001:db8:1::80", "2001:db8:99::7", "2001:db8:f::1")
"""Client, server, what a translation makes of the client, a router behind the translation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How one side of a translation shows the client: its address, its port and its echo identifier."""

    hosts: tuple[str, str, str, str]
    client: str
    port: int
    identifier: int

    def packet(self, payload: w.Payload, number: int, *, back: bool = False, src: str | None = None) -> bytes:
        """An IP packet of the client, or `back` to it from the server or `src`."""
        ends = (src or self.hosts[1], self.client) if back else (self.client, self.hosts[1])
        if ":" in self.client:
            return w.ipv6(*ends, payload)
        return w.ipv4(*ends, payload, identification=number + 1)


def sides(hosts: tuple[str, str, str, str], *, translated: bool) -> tuple[Side, Side]:
    inside = Side(hosts=hosts, client=hosts[0], port=40000, identifier=7)
    outside = Side(hosts=hosts, client=hosts[2], port=1024, identifier=61_007)
    return (outside if translated else inside), inside


Play = Callable[[Side], list[bytes]]


def udp(side: Side) -> list[bytes]:
    said = [(b"query %d" % n, b"answer %d" % n * 9) for n in range(4)]
    return [
        p
        for n, (asked, answered) in enumerate(said)
        for p in (
            side.packet(w.udp(side.port, 53, asked), n),
            side.packet(w.udp(53, side.port, answered), n, back=True),
        )
    ]


def sctp(side: Side) -> list[bytes]:
    """DATA chunks and their SACKs; each end's packets carry the tag the other one chose (RFC 9260, 3.1)."""
    found = []
    for n in range(4):
        data = struct.pack(">BBHIHHI", 0, 3, 36, 1000 + n, 0, n, 0) + b"x" * 20
        ack = struct.pack(">BBHIIHH", 3, 0, 16, 1000 + n, 65535, 0, 0)
        found.append(side.packet(w.sctp(side.port, 36412, data, tag=11), n))
        found.append(side.packet(w.sctp(36412, side.port, ack, tag=22), n, back=True))
    return found


def echo(side: Side) -> list[bytes]:
    """A translation may change the identifier (RFC 5508, 3.1)."""
    make, kinds = (w.icmp6, (128, 129)) if ":" in side.client else (w.icmp, (8, 0))
    rest = [side.identifier.to_bytes(2) + n.to_bytes(2) for n in range(4)]
    return [
        side.packet(make(kind, rest=rest[n], data=b"%08d" % n * 7), n, back=kind in (0, 129))
        for n in range(4)
        for kind in kinds
    ]


def errors(side: Side) -> list[bytes]:
    """Datagrams of which a router beyond the translation says that they expired: what it quotes is translated, too."""
    found = []
    for n in range(4):
        sent = side.packet(w.udp(side.port, 33434 + n, b"probe" + b"." * n), n)
        told = w.icmp6(3, 0, rest=bytes(4), data=sent) if ":" in side.client else None
        told = told or w.icmp(11, 0, rest=bytes(4), data=sent[:28])
        found += [sent, side.packet(told, 900 + n, back=True, src=side.hosts[3])]
    return found


def captures(
    play: Play, shown: tuple[Side, Side], dropped: frozenset[int], *, snap: int = 262144
) -> dict[str, bytes]:
    """Outside and inside of the translation, some way apart, and a connection that tells their order and clocks.

    `dropped`: numbers of packets to the client that never arrive inside.
    """
    files = {}
    for name, side, delay_ns in zip(("out", "tap"), shown, (400_000, 50_000), strict=True):
        frames = []
        for n, packet in enumerate(play(side)):
            back = n % 2 == 1
            if not (name == "tap" and n in dropped):
                way = -delay_ns if back else delay_ns
                frames.append((START + 7 * MS + n * 2 * MS + way, w.ethernet(packet)))
        talk = replace(TALK, start_ns=START).seen_at(Point(delay_ns=delay_ns))
        last = replace(TALK, start_ns=START + 40 * MS, client=("10.0.0.6", 40001), server=("192.0.2.81", 443))
        last = replace(last, client_isn=5_000_000, server_isn=6_000_000)
        frames += [*talk, *last.seen_at(Point(delay_ns=delay_ns))]
        files[name] = w.pcap(sorted(frames), nanoseconds=True, snap_length=snap)
    return files


@settings(max_examples=25)
@given(
    play=st.sampled_from([udp, sctp, echo, errors]),
    hosts=st.sampled_from([V4, V6]),
    translated=st.booleans(),
    dropped=st.frozensets(st.sampled_from([1, 3, 5, 7]), max_size=3),
    snap=st.sampled_from([262144, 110]),
)
def test_only_what_was_dropped_is_lost(
    play: Play, hosts: tuple[str, str, str, str], translated: bool, dropped: frozenset[int], snap: int
) -> None:
    """Addresses, ports, identifiers and quoted packets may be rewritten; a snap length of 110 keeps what tells."""
    matching = matched(captures(play, sides(hosts, translated=translated), dropped, snap=snap))
    found = losses(matching)
    assert {hop: len(frames) for hop, frames in found.items()} == (
        {("out", "tap", "to_client"): len(dropped)} if dropped else {}
    )
    assert all(set(kinds) <= {"lost"} for kinds in fates(matching).values())


def test_an_error_for_somebody_else_is_no_loss() -> None:
    """A router tells the end of a tunnel that a packet was too long: nothing of it goes on to the tap."""
    shown = sides(V4, translated=False)
    files = captures(udp, shown, frozenset())
    quoted = w.ipv4("10.9.0.1", "10.9.0.2", w.udp(50000, 6081, b"x" * 40), identification=5)
    told = w.ethernet(w.ipv4("10.9.0.9", "10.9.0.1", w.icmp(3, 4, data=quoted), identification=77))
    out = w.pcap([*_read(files["out"]), (START + 20 * MS, told)], nanoseconds=True)
    assert losses(matched({**files, "out": out})) == {}


def test_an_error_for_a_translated_end_is_lost_where_the_translation_dropped_it() -> None:
    """The end's other packets pass there under another address; the tap has no ICMP at all."""
    shown = sides(V4, translated=True)
    files = captures(errors, shown, frozenset({1, 3, 5, 7}))
    assert len(losses(matched(files))[("out", "tap", "to_client")]) == 4


@pytest.mark.parametrize("hosts", [V4, V6])
@pytest.mark.parametrize("play", [udp, sctp, errors])
def test_what_the_snap_length_cut_may_be_what_the_other_point_has(
    play: Play, hosts: tuple[str, str, str, str]
) -> None:
    """Translated and cut: not known again, and not called lost."""
    snap = 14 + (40 if hosts is V6 else 20) + 16
    files = captures(play, sides(hosts, translated=True), frozenset(), snap=snap)
    assert losses(matched(files)) == {}


def _read(data: bytes) -> Sequence[w.Packet]:
    """The records of a nanosecond pcap."""
    found, at = [], 24
    while at < len(data):
        seconds, below, size, _ = struct.unpack_from("<IIII", data, at)
        found.append((seconds * 10**9 + below, data[at + 16 : at + 16 + size]))
        at += 16 + size
    return found
