"""What never came back from beyond a point, and was not seen at the next one: lost, filtered, or on another way."""

from dataclasses import replace
from typing import Any

import packet_writer as w
import pytest
from captured import fates, losses, lost_packets, matched, points_of
from conversation_writer import Conversation, Point

from lastseen.matching import match

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((200, 3000), (90, 500)))
REMOTE, TAP = Point(delay_ns=400_000), Point(delay_ns=50_000)


def test_one_of_many_syns_got_no_further() -> None:
    """A lone unanswered SYN is lost at the hop it did not pass."""
    others = [
        replace(
            TALK,
            client=("10.0.0.5", 41000 + i),
            client_isn=5_000_000 * (i + 1),
            start_ns=TALK.start_ns + i * 30_000_000,
        )
        for i in range(3)
    ]
    frames = [[p for talk in others for p in talk.seen_at(point)] for point in (REMOTE, TAP)]
    syn = w.tcp(45000, 443, seq=424_242_424, flags="S")
    lone = (
        others[1].start_ns - 5_000_000,
        w.ethernet(w.ipv4("10.0.0.5", "192.0.2.80", syn, identification=77)),
    )
    tap = sorted([*frames[1], lone], key=lambda p: p[0])
    matching = matched({"remote": frames[0], "tap": tap})
    assert losses(matching) == {("tap", "remote", "to_remote"): [tap.index(lone) + 1]}


SSH_SYN = w.ethernet(
    w.ipv4("10.0.0.5", "192.0.2.99", w.tcp(45000, 22, seq=424_242_424, flags="S"), identification=7)
)


def test_a_syn_to_what_the_other_capture_seems_to_leave_out_is_unproven() -> None:
    """All it shows has one port that this one has not: its filter, or a loss."""
    tap = sorted([*TALK.seen_at(TAP), (TALK.start_ns + 3_000_000, SSH_SYN)], key=lambda p: p[0])
    matching = matched({"remote": TALK.seen_at(REMOTE), "tap": tap})
    assert losses(matching) == {}
    assert len(fates(matching)[("tap", "remote", "to_remote")]["unproven"]) == 1


def test_a_capture_that_shows_arp_asked_for_no_port() -> None:
    """What has no port is there, so the SYN to another port would be, had it come; one to another host might not."""
    tap = sorted([*TALK.seen_at(TAP), (TALK.start_ns + 3_000_000, SSH_SYN)], key=lambda p: p[0])
    arp = w.MAC_B + w.MAC_A + b"\x08\x06" + bytes((0, 1, 8, 0, 6, 4, 0, 1)) + bytes(20)
    remote = sorted([*TALK.seen_at(REMOTE), (TALK.start_ns + 2_000_000, arp)], key=lambda p: p[0])
    matching = matched({"remote": remote, "tap": tap})
    assert len(fates(matching)[("tap", "remote", "to_remote")]["lost"]) == 1


def test_a_syn_is_outside_where_answered_traffic_is_left_out_as_well() -> None:
    """What was answered did pass: that it is missing shows the filter."""
    answered = replace(
        TALK,
        client=("10.0.0.5", 41000),
        server=("192.0.2.80", 22),
        client_isn=5_000_000,
        server_isn=6_000_000,
    )
    tap = [*TALK.seen_at(TAP), *answered.seen_at(TAP), (TALK.start_ns + 3_000_000, SSH_SYN)]
    matching = matched({"remote": TALK.seen_at(REMOTE), "tap": sorted(tap, key=lambda p: p[0])})
    assert losses(matching) == {}
    assert len(fates(matching)[("tap", "remote", "to_remote")]["outside"]) == 1


@pytest.mark.parametrize(
    "packet",
    [
        w.ipv6("fd00::5", "fd00::1", w.icmp6(135, rest=b"\0" * 20)),
        w.ipv6("fe80::5", "fe80::1", w.udp(5353, 5353, b"q")),
        w.ipv6("fd00::5", "ff02::fb", w.udp(5353, 5353, b"q")),
        w.ipv4("10.0.0.5", "224.0.0.251", w.udp(5353, 5353, b"q"), identification=9),
        w.ipv4("10.0.0.5", "255.255.255.255", w.udp(68, 67, b"q"), identification=9),
        w.ipv4("169.254.1.1", "169.254.1.2", w.udp(68, 67, b"q"), identification=9),
    ],
)
def test_what_stays_on_the_link_is_not_lost(packet: bytes) -> None:
    """No router passes it on; nothing is claimed of it, lost or not."""
    tap = sorted([*TALK.seen_at(TAP), (TALK.start_ns + 3_000_000, w.ethernet(packet))], key=lambda p: p[0])
    found = fates(matched({"remote": TALK.seen_at(REMOTE), "tap": tap}))
    assert all(not fate for fate in found.values())


def refused(address: str) -> list[w.Packet]:
    """A SYN from the tap's side to port 443 of an address, and the reset that comes back."""
    syn = w.tcp(45000, 443, seq=424_242_424, flags="S")
    reset = w.tcp(443, 45000, ack=424_242_425, flags="RA")
    return [
        (TALK.start_ns + 3_000_000, w.ethernet(w.ipv4("10.0.0.5", address, syn, identification=7))),
        (TALK.start_ns + 3_001_000, w.ethernet(w.ipv4(address, "10.0.0.5", reset, identification=0))),
    ]


@pytest.mark.parametrize(("address", "lost"), [("192.0.2.80", 1), ("10.0.0.1", 0)])
def test_what_only_a_reset_answers_is_lost_if_it_led_beyond(address: str, lost: int) -> None:
    """A firewall in between may have sent the reset; an address on this side may have sent it itself."""
    tap = sorted([*TALK.seen_at(TAP), *refused(address)], key=lambda p: p[0])
    assert lost_packets(matched({"remote": TALK.seen_at(REMOTE), "tap": tap})) == lost


def test_a_reset_that_is_missing_behind_does_not_end_the_watch() -> None:
    """It may be a firewall's that lies between; the last request did not get past it."""
    request = TALK.number_of("client data 1")
    tap = [f for s, f in zip(TALK.segments(), TALK.seen_at(TAP), strict=True) if s.number <= request]
    remote = [f for s, f in zip(TALK.segments(), TALK.seen_at(REMOTE), strict=True) if s.number < request]
    reset = w.tcp(443, 40000, seq=TALK.segments()[request].ack, flags="R")
    tap.append((tap[-1][0] + 1000, w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", reset))))
    points = [
        replace(p, watch=replace(p.watch, end_ns=tap[-1][0] + 1_000_000_000))
        for p in points_of({"remote": remote, "tap": tap})
    ]
    assert losses(match(points)) == {("tap", "remote", "to_remote"): [len(tap) - 1]}


def test_an_unanswered_connection_that_had_answers_elsewhere() -> None:
    """One direction at the tap shows acknowledgments that grow: it took another way."""
    only_client = frozenset(s.number for s in TALK.segments() if not s.from_client or s.number < 4)
    other = replace(TALK, client=("10.0.0.6", 5), client_isn=77_777_777, server_isn=66_666_666)
    tap = sorted([*TALK.seen_at(replace(TAP, drop=only_client)), *other.seen_at(TAP)], key=lambda p: p[0])
    assert lost_packets(matched({"remote": other.seen_at(REMOTE), "tap": tap})) == 0


def test_retransmissions_nobody_acknowledges_are_lost() -> None:
    """The path broke before the captures began: the same acknowledgment number all the time, then a reset."""
    frames = [
        w.ethernet(
            w.ipv4(
                "10.0.0.5",
                "192.0.2.80",
                w.tcp(41000, 443, seq=88_888_888, ack=99_999_999, flags=flags, data=data),
                identification=70 + n,
            )
        )
        for n, (flags, data) in enumerate([("PA", b"hello"), ("PA", b"hello"), ("RA", b"")])
    ]
    stray = [(TALK.start_ns + (n + 2) * 1_000_000, data) for n, data in enumerate(frames)]
    tap = sorted([*TALK.seen_at(TAP), *stray], key=lambda p: p[0])
    found = losses(matched({"remote": TALK.seen_at(REMOTE), "tap": tap}))
    assert found == {("tap", "remote", "to_remote"): [tap.index(p) + 1 for p in stray]}


def test_hosts_that_nat_renames_are_no_filter() -> None:
    """The host that all of the remote end's connections share is unknown at the tap."""
    nat = {TALK.client: ("203.0.113.5", 999), TALK.server: ("203.0.113.80", 443)}
    syn = w.ethernet(
        w.ipv4("10.0.0.5", "192.0.2.80", w.tcp(45000, 443, seq=424_242_424, flags="S"), identification=7)
    )
    tap = sorted([*TALK.seen_at(TAP), (TALK.start_ns + 3_000_000, syn)], key=lambda p: p[0])
    assert lost_packets(matched({"remote": TALK.seen_at(replace(REMOTE, nat=nat)), "tap": tap})) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence_offset": (123_456_789, 987_654_321)},
        {"sequence_offset": (123_456_789, 0), "nat": {("10.0.0.5", 45000): ("203.0.113.7", 1024)}},
    ],
)
@pytest.mark.parametrize("version", [4, 6])
def test_a_connection_that_may_be_there_under_other_numbers_is_not_lost(
    changes: dict[str, Any], version: int
) -> None:
    """Of a side alone, whose handshake was not captured, too little is left to know it by."""
    talk = replace(
        TALK, client=("10.0.0.5", 45000), client_isn=5_000_000, server_isn=6_000_000, client_id=700
    )
    if version == 6:
        talk = replace(talk, client=("2001:db8::5", 45000), server=("2001:db8::80", 443))
        changes = {name: value for name, value in changes.items() if name != "nat"}
    later = replace(talk, start_ns=TALK.start_ns + 30_000_000)
    mine = [n for n, s in enumerate(later.segments()) if s.from_client and n > 4]
    hidden = frozenset(range(len(later.segments()))) - frozenset(mine)
    captures = {
        name: [*TALK.seen_at(point), *later.seen_at(replace(point, drop=hidden, **more))]
        for name, point, more in (("remote", REMOTE, changes), ("tap", TAP, {}))
    }
    last = replace(TALK, client=("10.0.0.5", 46000), client_isn=8_000_000, server_isn=9_000_000)
    last = replace(last, start_ns=TALK.start_ns + 60_000_000)
    matching = matched(
        {
            name: [*frames, *last.seen_at(REMOTE if name == "remote" else TAP)]
            for name, frames in captures.items()
        }
    )
    assert losses(matching) == {}
    assert len(matching.conversations.group) == 4


@pytest.mark.parametrize(("at_remote", "lost"), [(0, 0), (7, 1)])
def test_a_syn_that_says_nothing(at_remote: int, lost: int) -> None:
    """Over IPv6 and with an initial number of 0 it may be the one there is from other ends, if that is as long."""
    syns = {
        name: w.ethernet(w.ipv6(client, "2001:db8::80", w.tcp(port, 443, seq=0, flags="S", data=b"x" * size)))
        for name, client, port, size in (
            ("tap", "2001:db8::5", 45000, 0),
            ("remote", "2001:db8:99::7", 1024, at_remote),
        )
    }
    captures = {
        name: sorted([*TALK.seen_at(point), (TALK.start_ns + 3_000_000, syns[name])])
        for name, point in (("remote", REMOTE), ("tap", TAP))
    }
    assert lost_packets(matched(captures)) == lost


def test_a_refused_connection_beside_an_empty_capture_of_a_stated_place() -> None:
    """A capture that saw nothing shows no addresses; its place on the path says what lies beyond."""
    syn = w.ethernet(
        w.ipv4("10.0.0.5", "192.0.2.80", w.tcp(4, 443, seq=99_999_999, flags="S"), identification=1)
    )
    reset = w.tcp(443, 4, seq=0, ack=100_000_000, flags="RA")
    refused = w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", reset, identification=2))
    tap = [(TALK.start_ns, syn), (TALK.start_ns + 1_000_000, refused)]
    matching = matched({"tap": tap, "remote": []}, order=["remote", "tap"])
    assert losses(matching) == {("tap", "remote", "to_remote"): [1]}
