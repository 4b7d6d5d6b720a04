"""A lost packet and the ICMP error that quotes it: joined where one packet only can be meant, at the nearest point."""

import ipaddress
import tempfile
from collections.abc import Sequence

import numpy as np
import packet_writer as w
import pytest
from captured import points_of

from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.evidence.captures.details import read_details
from lastseen.matching import match
from lastseen.matching.quoted import quotes_of_losses
from lastseen.tables.details import DetailRows
from lastseen.tables.packets import Capture
from lastseen.tables.points import LOST, REMOTE_TO_CLIENT, UNPROVEN, Matching

pytestmark = pytest.mark.kernel

START, MS = 1_700_000_000_000_000_000, 1_000_000
V4, V6 = ("10.0.0.5", "192.0.2.80", "198.18.0.1"), ("2001:db8::5", "2001:db8:1::80", "2001:db8:f::1")
Sent = tuple[float, bool, w.Payload]
"""(ms, from the client, what it carries)."""
Found = list[tuple[int, str, int, int, int, int | None]]


def segments(*, sizes: Sequence[int] = (1400, 100)) -> list[Sent]:
    """A handshake, a request, and an answer a segment of each size at 10, 11 ... ms."""
    sent = [
        (0, True, w.tcp(40000, 80, seq=99, flags="S")),
        (1, False, w.tcp(80, 40000, seq=499, ack=100, flags="SA")),
        (2, True, w.tcp(40000, 80, seq=100, ack=500)),
        (3, True, w.tcp(40000, 80, seq=100, ack=500, flags="PA", data=b"q" * 50)),
    ]
    seq = 500
    for n, size in enumerate(sizes):
        sent.append((10 + n, False, w.tcp(80, 40000, seq=seq, ack=150, flags="PA", data=bytes(size))))
        seq += size
    return [
        *sent,
        (50, True, w.tcp(40000, 80, seq=150, ack=500)),
        (51, True, w.tcp(40000, 80, seq=150, ack=500)),
    ]


def packet(hosts: Sequence[str], sent: Sent, number: int, *, identified: bool = True) -> bytes:
    ends = hosts[:2] if sent[1] else hosts[1::-1]
    return w.ip(*ends, sent[2], identification=number + 1 if identified or ":" in hosts[0] else 0)


def error(hosts: Sequence[str], quoted: bytes, number: int = 900, *, told: tuple[int, int] = (3, 4)) -> bytes:
    """To the sender of what is quoted."""
    six = ":" in hosts[0]
    receiver = str(ipaddress.ip_address(quoted[8:24] if six else quoted[12:16]))
    if six:
        return w.ipv6(hosts[2], receiver, w.icmp6(2, 0, rest=(1300).to_bytes(4), data=quoted[:1200]))
    rest = (0).to_bytes(2) + (1300 if told == (3, 4) else 0).to_bytes(2)
    return w.ipv4(hosts[2], receiver, w.icmp(*told, rest=rest, data=quoted[:28]), identification=number)


def found(captures: dict[str, list[tuple[float, bytes]]]) -> tuple[Matching, Found]:
    """(lost frame, point, frame there, type, code, MTU) of what is quoted; points in the order given."""
    files = {
        name: w.pcap([(START + int(at * MS), w.ethernet(data)) for at, data in sorted(frames, key=lambda f: f[0])],
                     nanoseconds=True)
        for name, frames in captures.items()
    }  # fmt: skip

    def details(capture: Capture, rows: np.ndarray) -> DetailRows:
        stream = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ByteSource
        stream.write(files[capture.file.removesuffix(".pcap")])
        stream.flush()
        with ByteSource(stream) as source:
            return read_details(source, capture, rows)

    matching = match(points_of(files, order=list(files)))
    return matching, [
        (q.row + 1, matching.points[q.point].name, q.error_row + 1, q.type, q.code, q.mtu)
        for q in quotes_of_losses(matching, details)
    ]


def path(
    hosts: Sequence[str], sent: Sequence[Sent], lost: Sequence[int], errors: Sequence[tuple[float, bytes]],
    *, identified: bool = True,
) -> dict[str, list[tuple[float, bytes]]]:  # fmt: skip
    """`wan`, where the errors come by, and `lan`, which the lost packets never reach."""
    whole = [
        (at, packet(hosts, one, n, identified=identified)) for n, one in enumerate(sent) for at in (one[0],)
    ]
    return {
        "wan": [*whole, *errors],
        "lan": [frame for n, frame in enumerate(whole) if n not in lost],
    }


@pytest.mark.parametrize("hosts", [V4, V6])
def test_the_error_that_quotes_a_lost_packet(hosts: Sequence[str]) -> None:
    sent = segments()
    told = (10.2, error(hosts, packet(hosts, sent[4], 4)))
    kind = (2, 0) if hosts is V6 else (3, 4)
    assert found(path(hosts, sent, [4], [told]))[1] == [(5, "wan", 6, *kind, 1300)]


@pytest.mark.parametrize("lost", [[4, 5], [5]])
def test_the_error_that_quotes_a_packet_of_unproven_fate(lost: list[int]) -> None:
    """The second capture may have been over; whoever threw the packet away says so all the same."""
    sent = segments()[:6]
    told = (11.2, error(V4, packet(V4, sent[5], 5)))
    matching, said = found(path(V4, sent, lost, [told]))
    (hop,) = (hop for hop in matching.hops if hop.direction == REMOTE_TO_CLIENT)
    assert (hop.count(LOST), hop.count(UNPROVEN)) == (0, len(lost))
    assert said == [(6, "wan", 7, 3, 4, 1300)]


def test_nothing_lost_or_nothing_said_is_nothing() -> None:
    sent = segments()
    assert found(path(V4, sent, [], [(10.2, error(V4, packet(V4, sent[4], 4)))]))[1] == []
    assert found(path(V4, sent, [4], []))[1] == []


def test_an_error_about_something_else_a_redirect_and_one_cut_short_name_nothing() -> None:
    sent = segments()
    lost = packet(V4, sent[4], 4)
    other = (10.2, error(V4, packet(V4, sent[5], 5)))
    redirect = (10.3, error(V4, lost, told=(5, 1)))
    cut = (10.4, w.ipv4(V4[2], V4[1], w.icmp(3, 4, data=lost[:12]), identification=901))
    ping = (10.5, w.ipv4("192.0.2.80", "198.18.0.1", w.icmp(8, data=b"x" * 30), identification=77))
    assert found(path(V4, sent, [4], [other, redirect, cut, ping]))[1] == []
    assert found(path(V4, sent, [4], [cut]))[1] == []
    assert found(path(V4, sent, [4], [redirect]))[1] == []
    assert found(path(V4, sent, [4], [ping]))[1] == []


def test_repetitions_without_an_identification_are_told_apart_only_by_as_many_errors() -> None:
    """The same segment three times: two errors may be about any two of them."""
    sent = segments(sizes=(1400,))
    again = [replace_time(sent[4], at) for at in (12.0, 16.0)]
    sent = [*sent[:5], *again, *sent[5:]]
    told = [(at + 0.2, error(V4, packet(V4, sent[4], 4, identified=False), 900 + n))
            for n, at in enumerate((10, 12, 16))]  # fmt: skip
    lost = [4, 5, 6]
    assert found(path(V4, sent, lost, told[:2], identified=False))[1] == []
    named = found(path(V4, sent, lost, told, identified=False))[1]
    assert [(frame, seen) for frame, _, seen, *_ in named] == [(5, 6), (7, 8), (9, 10)]


def replace_time(sent: Sent, at: float) -> Sent:
    return (at, sent[1], sent[2])


def test_an_error_that_the_capture_holds_twice_is_one() -> None:
    sent = segments()
    told = error(V4, packet(V4, sent[4], 4))
    assert found(path(V4, sent, [4], [(10.2, told), (10.3, told)]))[1] == [(5, "wan", 6, 3, 4, 1300)]


def test_an_error_seen_further_on_carries_the_addresses_of_that_point() -> None:
    """Behind a translation the server is another; the nearest point that saw the error is told."""
    sent, inside = segments(), ("10.0.0.5", "10.7.7.7", "198.18.0.1")
    told = {hosts: (10.4, error(hosts, packet(hosts, sent[4], 4))) for hosts in (V4, inside)}
    captures = path(V4, sent, [4], [])
    server = [(at - 0.1, packet(inside, one, n)) for n, one in enumerate(sent) for at in (one[0],)]
    further = {"server": [*server, told[inside]], **captures}
    assert found(further)[1] == [(5, "server", 6, 3, 4, 1300)]
    further["wan"] = [*captures["wan"], (10.3, told[V4][1])]
    assert found(further)[1] == [(5, "wan", 6, 3, 4, 1300)]


def test_an_error_at_a_point_that_did_not_see_the_connection() -> None:
    sent = segments()
    captures = path(V4, sent, [4], [])
    captures["beside"] = [(10.3, error(V4, packet(V4, sent[4], 4)))]
    assert found(captures)[1] == [(5, "beside", 1, 3, 4, 1300)]


def test_datagrams_are_named_by_their_ports_and_identification() -> None:
    sent = [
        (n, n % 2 == 0, w.udp(*((5000, 53) if n % 2 == 0 else (53, 5000)), b"%04d" % n)) for n in range(12)
    ]
    told = (5.5, error(V4, packet(V4, sent[5], 5), told=(3, 13)))
    assert found(path(V4, sent, [5], [told]))[1] == [(6, "wan", 7, 3, 13, None)]
