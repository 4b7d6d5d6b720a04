"""The filter a capture says it has: what it leaves out is no loss."""

from dataclasses import replace

import packet_writer as w
import pytest
from captured import fates, losses, matched, points_of
from conversation_writer import Conversation, Point

from lastseen.matching import match
from lastseen.matching.stated_filters import passes

pytestmark = pytest.mark.kernel

TALK = Conversation(exchanges=((200, 3000),))
REMOTE, TAP = Point(delay_ns=400_000), Point(delay_ns=50_000)
SYN = w.ethernet(
    w.ipv4("10.0.0.5", "192.0.2.80", w.tcp(45000, 22, seq=424_242_424, flags="S"), identification=7)
)


@pytest.mark.parametrize(
    ("text", "protocol", "ports", "excluded"),
    [
        ("tcp port 443", 6, (40000, 443), False),
        ("tcp port 443", 6, (40000, 22), True),
        ("tcp port 443", 17, (40000, 443), True),
        ("TCP and port 443", 6, (443, 40000), False),
        ("udp && port 53", 17, (5, 6), True),
        ("icmp6", 58, (0, 0), False),
        ("port 53", 17, (53, 9), False),
        ("tcp and udp", 6, (1, 2), True),
    ],
)
def test_plain_filters(text: str, protocol: int, ports: tuple[int, int], excluded: bool) -> None:
    plain = passes(text)
    assert plain is not None
    assert plain.excludes(protocol, ports) is excluded


@pytest.mark.parametrize(
    "text", ["", "host 10.0.0.1", "tcp or udp", "not port 22", "(tcp)", "port 1 and port 2", "x" * 501]
)
def test_what_is_not_plain_excludes_nothing(text: str) -> None:
    assert passes(text) is None


def test_a_syn_that_the_stated_filter_leaves_out_is_outside() -> None:
    """Another connection on another port shows that the host alone is no filter; the file says what is."""
    blocks = w.Pcapng()
    other = replace(
        TALK,
        client=("10.0.0.5", 41000),
        server=("192.0.2.80", 80),
        client_isn=5_000_000,
        server_isn=6_000_000,
    )
    frames = sorted([*TALK.seen_at(REMOTE), *other.seen_at(REMOTE)])
    tap = sorted([*TALK.seen_at(TAP), *other.seen_at(TAP), (TALK.start_ns + 3_000_000, SYN)])
    for text, fate in (("", "lost"), ("port 443", "outside")):
        remote = blocks.section() + blocks.interface(resolution=9, filter_text=text)
        remote += b"".join(blocks.packet(*frame) for frame in frames)
        found = fates(matched({"remote": remote, "tap": tap}))
        assert list(found[("tap", "remote", "to_remote")]) == [fate]


def test_case_toml_says_the_filter() -> None:
    """It is the same as the file's own."""
    tap = sorted([*TALK.seen_at(TAP), (TALK.start_ns + 3_000_000, SYN)])
    points = [
        replace(point, filter="tcp port 443")
        for point in points_of({"remote": TALK.seen_at(REMOTE), "tap": tap})
    ]
    assert losses(match(points)) == {}
