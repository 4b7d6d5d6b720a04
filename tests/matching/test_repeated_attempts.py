"""A SYN that is sent again although it was refused: one attempt, at every point."""

import numpy as np
import packet_writer as w
import pytest
from captured import losses, matched, points_of
from conversation_writer import Conversation
from conversation_writer import Point as Place

from lastseen.matching.repeated_attempts import as_one_attempt
from lastseen.tables.connections import STATES
from lastseen.tables.points import Point

pytestmark = pytest.mark.kernel

START_NS = 1_700_000_000_000_000_000
CLIENT, SERVER = "10.0.0.5", "192.0.2.80"
SYN_NS = (0, 1_000_000_000, 3_000_000_000, 7_000_000_000)


def syn(at_ns: int, number: int, *, port: int = 40000, isn: int = 1_000_000) -> w.Packet:
    segment = w.tcp(port, 8080, seq=isn, flags="S")
    return START_NS + at_ns, w.ethernet(w.ipv4(CLIENT, SERVER, segment, identification=300 + number))


def answer(
    at_ns: int, number: int, flags: str = "RA", *, port: int = 40000, isn: int = 1_000_000
) -> w.Packet:
    """The server's; a reset in answer to a SYN has sequence number 0 and no IP identification."""
    seq = 0 if "R" in flags else 77_000_000
    segment = w.tcp(8080, port, seq=seq, ack=isn + 1, flags=flags)
    packet = w.ipv4(SERVER, CLIENT, segment, identification=0 if "R" in flags else 900 + number)
    return START_NS + at_ns + 300_000, w.ethernet(packet)


def refused(*, port: int = 40000, isn: int = 1_000_000) -> list[w.Packet]:
    """Each SYN and its reset, as the server's side has them."""
    return [
        packet
        for number, at_ns in enumerate(SYN_NS)
        for packet in (syn(at_ns, number, port=port, isn=isn), answer(at_ns, number, port=port, isn=isn))
    ]


def point(packets: list[w.Packet]) -> Point:
    (found,) = points_of({"tap": packets})
    return found


def test_refusals_that_never_arrive_are_lost_and_not_the_attempts() -> None:
    """A connection before it tells how long the way is; resets have no identification to know them by."""
    before = Conversation(client=(CLIENT, 50_000), start_ns=START_NS - 5_000_000_000)
    near, far = before.seen_at(Place(delay_ns=100_000)), before.seen_at(Place())
    first, way_ns = len(near), [-100_000, 100_000] * len(SYN_NS)
    passed = [(at_ns + way, frame) for way, (at_ns, frame) in zip(way_ns, refused(), strict=True)]
    found = losses(matched({"client": [*far, *passed[::2], passed[-1]], "server": [*near, *refused()]}))
    assert found == {("server", "client", "to_client"): [first + 2, first + 4, first + 6]}


def test_the_attempt_is_counted_as_a_whole() -> None:
    (row,) = point(refused()).connections
    assert (row["packets"].tolist(), row["syn"].tolist(), row["rst"].tolist()) == ([4, 4], [4, 0], [0, 4])
    assert (row["first"], row["last"]) == (0, 7)
    assert row["end_ns"] - row["start_ns"] == SYN_NS[-1] + 300_000
    assert row["longest_gap_ns"] == SYN_NS[3] - SYN_NS[2] - 300_000
    assert row["gap_before"] == 6


def test_what_is_answered_at_last_is_a_connection_that_opened() -> None:
    """The program began to listen meanwhile."""
    at_ns = SYN_NS[-1]
    packets = [*refused()[:-1], answer(at_ns, 9, "SA")]
    ack = w.ipv4(CLIENT, SERVER, w.tcp(40000, 8080, seq=1_000_001, ack=77_000_001, flags="A"))
    packets.append((START_NS + at_ns + 600_000, w.ethernet(ack)))
    (row,) = point(packets).connections
    assert STATES[row["state"]] == "S1"
    assert row["isn"].tolist() == [1_000_000, 77_000_000]


def test_another_number_is_another_attempt() -> None:
    """The program tries again by itself; its host chooses a new number."""
    packets = [syn(0, 0), answer(0, 0), syn(SYN_NS[1], 1, isn=5_000_000), answer(SYN_NS[1], 1, isn=5_000_000)]
    assert len(point(packets).connections) == 2


def test_others_attempts_in_between_keep_their_packets() -> None:
    late = [(at_ns + 500_000_000, frame) for at_ns, frame in refused(port=41000, isn=9_000_000)]
    here = point(sorted(refused() + late))
    assert len(here.connections) == 2
    assert here.connections["first"].tolist() == [0, 2]
    assert np.bincount(here.group_of).tolist() == [8, 8]


def test_packets_of_no_connection_stay_without() -> None:
    arp = (START_NS + 5, w.ethernet(b"\0" * 28, kind=0x0806))
    here = point(sorted([*refused(), arp]))
    assert np.flatnonzero(here.group_of < 0).tolist() == [1]


def test_without_a_repeated_attempt_nothing_is_made_anew() -> None:
    here = point([syn(0, 0), answer(0, 0)])
    assert as_one_attempt(here.connections, here.group_of)[0] is here.connections


def test_nor_where_each_attempt_is_another() -> None:
    here = point([*refused()[:2], syn(SYN_NS[1], 1, isn=5_000_000), answer(SYN_NS[1], 1, isn=5_000_000)])
    assert as_one_attempt(here.connections, here.group_of)[0] is here.connections
