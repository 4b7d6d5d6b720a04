"""A capture of all interfaces of a router shows a packet more than once: as it came, translated, in its tunnel."""

from collections.abc import Sequence

import packet_writer as w
import pytest
from captured import fates, losses, matched
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.kernel

START = 1_700_000_000_000_000_000
MS = 1_000_000
HOSTS = {4: ("10.0.0.5", "192.0.2.80", "203.0.113.7"), 6: ("2001:db8::5", "2001:db8:1::80", "2001:db8:99::7")}
"""Client, server, what the router makes of the client."""
UP = ("router", "remote", "to_remote")


def datagram(version: int, number: int, data: bytes, *, translated: bool, back: bool = False) -> bytes:
    client, server, outside = HOSTS[version]
    near, ports = outside if translated else client, (40000, 5353)
    ends = (server, near) if back else (near, server)
    packet = w.udp(*(ports[::-1] if back else ports), data)
    if version == 4:
        return w.ethernet(w.ipv4(*ends, packet, identification=number + 1 + 7000 * back))
    return w.ethernet(w.ipv6(*ends, packet))


def routed(
    version: int, payloads: Sequence[bytes], *, lost: frozenset[int] = frozenset(), kept_ns: int = 100_000
) -> dict[str, list[w.Packet]]:
    """What a router with all interfaces captured and the remote point saw of one datagram every 30 ms.

    `lost` behind the router; `kept_ns`: for so long the router keeps each before it goes on.
    """
    router, remote = list[w.Packet](), list[w.Packet]()
    for n, data in enumerate(payloads):
        at = START + 30 * n * MS
        router.append((at, datagram(version, n, data, translated=False)))
        frame = datagram(version, n, data, translated=True)
        router.append((at + kept_ns, frame))
        if n not in lost:
            remote.append((at + kept_ns + 300_000, frame))
    return {"router": sorted(router, key=lambda packet: packet[0]), "remote": remote}


PAYLOADS = [b"%020d" % n for n in range(12)]


@pytest.mark.parametrize("version", [4, 6])
def test_what_came_by_translated_is_not_lost_as_it_came(version: int) -> None:
    assert losses(matched(routed(version, PAYLOADS), order=["remote", "router"])) == {}


@pytest.mark.parametrize("version", [4, 6])
def test_a_lost_datagram_is_lost_once_where_it_was_last_seen(version: int) -> None:
    captures = routed(version, PAYLOADS, lost=frozenset({3, 7}))
    found = fates(matched(captures, order=["remote", "router"]))[UP]
    assert found["lost"] == [8, 16]
    assert {7, 15} <= set(found["duplicated"])


def test_what_waits_for_a_neighbours_address_is_known_by_its_identification() -> None:
    captures = routed(4, PAYLOADS, kept_ns=80 * MS)
    assert losses(matched(captures, order=["remote", "router"])) == {}


@settings(max_examples=40, deadline=None)
@given(
    version=st.sampled_from((4, 6)),
    kinds=st.lists(st.integers(0, 2), min_size=3, max_size=14),
    lost=st.frozensets(st.integers(0, 13), max_size=5),
)
def test_datagrams_with_the_same_payload(version: int, kinds: list[int], lost: frozenset[int]) -> None:
    """Requests that are sent again: never more is lost than was, and by identification exactly that."""
    payloads = [b"request %d, the same again" % kind for kind in kinds]
    gone = frozenset(n for n in lost if n < len(kinds) - 1)
    captures = routed(version, payloads, lost=gone)
    found = losses(matched(captures, order=["remote", "router"])).get(UP, [])
    assert len(found) <= len(gone)
    if version == 4 and len(gone) < len(kinds) - 1:
        assert set(found) <= {2 * n + 2 for n in gone}


def test_other_ports_are_another_packet() -> None:
    """A datagram of another conversation with the same payload and identification is another one."""
    captures = {"up": list[w.Packet](), "down": list[w.Packet]()}
    for talk, ports in enumerate(((40000, 5353), (40002, 5355))):
        for n in range(8):
            own = 0 if n == 4 else 1000 * talk
            packet = w.udp(*ports, b"number %04d" % (own + n))
            frame = w.ethernet(w.ipv4("10.0.0.5", "192.0.2.80", packet, identification=50 + n + own))
            at = START + (20 * n + talk) * MS
            captures["up"].append((at, frame))
            if not (talk and n == 4):
                captures["down"].append((at + 100_000, frame))
    found = losses(matched({name: sorted(seen) for name, seen in captures.items()}, order=["down", "up"]))
    assert found == {("up", "down", "to_remote"): [10]}
