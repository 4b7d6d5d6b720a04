"""Lost, unproven, outside: what a missing packet is called, and why."""

from dataclasses import replace

import numpy as np
import packet_writer as w
import pytest
from captured import fates, losses, lost_packets, matched, points_of, read
from conversation_writer import Conversation, Point

from lastseen.evidence.case_toml import CaseToml, PointToml
from lastseen.matching import match
from lastseen.matching.points import build_points
from lastseen.matching.watching import with_watches
from lastseen.tables.facts_from_texts import Moment
from lastseen.tables.points import Watch
from lastseen.tables.sources import Source

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((200, 3000),))
LAST = len(TALK.segments()) - 1
REMOTE, TAP = Point(delay_ns=400_000), Point(delay_ns=50_000)
DOWN, UP = ("remote", "tap", "to_client"), ("tap", "remote", "to_remote")
LATE_NS = 6_000_000


def stray(flags: str, at_ns: int, number: int = 999) -> w.Packet:
    """One more bare packet of the server, as the remote point saw it."""
    segment = TALK.segments()[LAST]
    packet = w.tcp(443, 40000, seq=segment.seq, ack=segment.ack, flags=flags)
    return at_ns, w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", packet, identification=number))


def with_a_late_packet() -> dict[str, list[w.Packet]]:
    """The remote end sends something 6 ms after the tap's last packet."""
    remote, tap = TALK.seen_at(REMOTE), TALK.seen_at(TAP)
    return {"remote": [*remote, stray("FA", tap[-1][0] + LATE_NS)], "tap": tap}


def test_a_packet_after_the_last_one_is_unproven() -> None:
    found = fates(matched(with_a_late_packet()))
    assert found[DOWN] == {"unproven": [LAST + 2]}


def test_a_later_snapshot_proves_the_loss() -> None:
    points = points_of(with_a_late_packet())
    moment = Moment(
        source=Source(file="when.txt"), snapshot="after", at_ns=TALK.start_ns + 10**10, what="snapshot"
    )
    assert losses(match(with_watches(points, [moment]))) == {DOWN: [LAST + 2]}


def test_the_closing_record_of_pcapng_proves_the_loss() -> None:
    """isb_endtime: the capture ran on."""
    captures = with_a_late_packet()
    ng = w.Pcapng()
    body = [ng.packet(at // 1000, data) for at, data in captures["tap"]]
    at = captures["tap"][-1][0] // 1000
    tap = b"".join([ng.section(), ng.interface(), *body, ng.statistics(at, end=at + 50_000)])
    assert losses(matched({"remote": captures["remote"], "tap": tap})) == {DOWN: [LAST + 2]}


def test_nothing_is_in_a_capture_that_was_sent_after_its_closing_record() -> None:
    """Without the record what was sent so soon after the last packet would still be expected."""
    captures = TALK.seen_at(REMOTE), TALK.seen_at(TAP)
    last = captures[1][-1][0]
    remote = [*captures[0], stray("FA", last + 200_000)]
    assert losses(matched({"remote": remote, "tap": captures[1]})) == {DOWN: [LAST + 2]}
    ng = w.Pcapng()
    body = [ng.packet(at, data) for at, data in captures[1]]
    start = [ng.section(), ng.interface(resolution=9), *body]
    tap = b"".join([*start, ng.statistics(last, end=last + 100_000)])
    assert fates(matched({"remote": remote, "tap": tap}))[DOWN] == {"unproven": [LAST + 2]}


def test_what_case_toml_says_of_the_end_counts() -> None:
    points = points_of(with_a_late_packet(), order=["remote", "tap"])
    tap = points[1]
    watch = Watch(start_ns=None, end_ns=(tap.last_ns or 0) + 10 * LATE_NS, reason="case.toml")
    assert losses(match([points[0], replace(tap, watch=watch)])) == {DOWN: [LAST + 2]}


def test_other_traffic_proves_that_the_point_was_watching() -> None:
    """The span is that of all packets, not only TCP."""
    captures = with_a_late_packet()
    arp = w.ethernet(bytes(28), kind=0x0806)
    captures["tap"].append((captures["tap"][-1][0] + 2 * LATE_NS, arp))
    assert losses(matched(captures)) == {DOWN: [LAST + 2]}


def test_a_capture_that_was_cut_off_is_outside() -> None:
    """Packets of the other direction, which must have passed it, are missing as well."""
    tap = TALK.seen_at(TAP)[:8]
    found = fates(matched({"remote": TALK.seen_at(REMOTE), "tap": tap}))
    assert set(found[DOWN]) <= {"outside", "unproven"}
    assert found[DOWN]["outside"]
    assert "lost" not in found[UP]


def test_a_capture_that_began_late_is_outside() -> None:
    tap = TALK.seen_at(TAP)[5:]
    found = fates(matched({"remote": TALK.seen_at(REMOTE), "tap": tap}))
    assert set(found[DOWN]) <= {"outside", "unproven"}
    assert found[DOWN]["outside"]


def test_an_acknowledgment_of_unseen_data_is_capture_loss() -> None:
    """The client got it; the tap's capture did not."""
    missed = frozenset({TALK.number_of("server data 0.1")})
    found = fates(matched({"remote": TALK.seen_at(REMOTE), "tap": TALK.seen_at(replace(TAP, drop=missed))}))
    assert found[DOWN] == {"outside": [TALK.number_of("server data 0.1") + 1]}


def test_data_repeated_after_a_loss_stays_lost() -> None:
    """The acknowledgment is of the second copy, which the tap saw."""
    data = TALK.number_of("server data 0.1")
    remote = TALK.seen_at(REMOTE)
    first = TALK.segments()[data]
    packet = w.tcp(443, 40000, seq=first.seq, ack=first.ack, flags="PA",
                   data=bytes((first.seq + i) * 37 % 251 for i in range(first.length)))  # fmt: skip
    again = w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", packet, identification=4242))
    early = remote[data][0] - 200_000
    remote.insert(data, (early, again))
    assert losses(matched({"remote": remote, "tap": TALK.seen_at(TAP)})) == {DOWN: [data + 1]}


def test_a_cut_off_timestamp_hides_no_identification() -> None:
    """Over IPv4 these tell a repetition from what was lost, whatever the snap length leaves of the options."""
    talk = replace(TALK, timestamps=True)
    number = talk.number_of("server data 0.1")
    remote, data = talk.seen_at(REMOTE), talk.segments()[number]
    time, repetition = remote[number]
    first = bytearray(repetition)
    first[18:20] = (4242).to_bytes(2)
    remote.insert(number, (time - 200_000, bytes(first)))
    assert data.options
    tap = w.pcap(talk.seen_at(TAP), nanoseconds=True, snap_length=14 + 20 + 20 + 2)
    assert losses(matched({"remote": remote, "tap": tap})) == {DOWN: [number + 1]}


def test_what_was_rewritten_is_counted() -> None:
    """Addresses, ports and traffic class."""
    nat = {TALK.client: ("203.0.113.5", 999)}
    matching = matched({"remote": TALK.seen_at(replace(REMOTE, nat=nat)), "tap": TALK.seen_at(TAP)})
    down = matching.hops[0]
    assert down.rewritten == {"ip.addr": down.rewritten_packets, "port": down.rewritten_packets}
    assert down.rewritten_packets == len(down.delays_ns)


def test_reordered_packets_are_counted_once_each() -> None:
    tap = TALK.seen_at(TAP)
    pair = TALK.number_of("server data 0"), TALK.number_of("server data 0.1")
    one, other = tap[pair[0]], tap[pair[1]]
    tap[pair[0]], tap[pair[1]] = (one[0], other[1]), (other[0], one[1])
    assert [hop.reordered for hop in matched({"remote": TALK.seen_at(REMOTE), "tap": tap}).hops] == [1, 0]


def test_delays_are_measured_with_aligned_clocks() -> None:
    tap = replace(TAP, clock_offset_ns=7_200_000_000_000)
    down = matched({"remote": TALK.seen_at(REMOTE), "tap": TALK.seen_at(tap)}).hops[0]
    assert np.abs(down.delays_ns - 350_000).max() <= 1


def test_an_empty_capture_of_unknown_time_is_unproven() -> None:
    """A point that saw nothing it could be timed by, between conversations others share."""
    said = CaseToml(
        point=(PointToml(name="tap", file="tap.pcap"), PointToml(name="remote", file="remote.pcap"))
    )
    captures = [read(w.pcap(TALK.seen_at(TAP)), "tap.pcap"), read(w.pcap([]), "remote.pcap")]
    matching = match(build_points(captures, [], said))
    assert lost_packets(matching) == 0
