"""A client's own account and its connection: by its ends, and by what must come before what."""

from dataclasses import replace
from pathlib import Path

import pytest
from gathered_cases import SEED, gathered, other_talk
from written_cases import MS, START_NS, TUNNEL, Sent, Talk, View, lost_short, seen, two_points

from lastseen.diagnosis.timeline import timeline
from lastseen.diagnosis.transfer_joins import JoinedTransfer, join_transfers
from lastseen.faults.facts import Facts
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.sources import Source
from lastseen.tables.transfers import Milestone, Transfer

CLIENT, SERVER = Endpoint(address="10.0.0.5", port=40000), Endpoint(address="192.0.2.80", port=443)
USUAL = (("begun", 0), ("named", 1), ("connected", 5), ("asked", 12), ("answered", 15), ("ended", 5000))


def transfer(reached: tuple[tuple[str, float], ...] = USUAL, **more: object) -> Transfer:
    stones = tuple(
        Milestone(
            what=what, after_ns=int(at_ms * MS), source=Source(file="c.txt", line=line), text=f"{what}!"
        )
        for line, (what, at_ms) in enumerate(reached, start=1)
    )
    made = Transfer(
        source=Source(file="c.txt", line=1), tool="curl", milestones=stones, peer=SERVER, ended_by="timeout",
        resolution_ns=1000, took_ns=int(reached[-1][1] * MS),
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return gathered(tmp_path_factory.mktemp("one"), two_points([SEED]))[0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    short = Talk(client=("10.0.0.5", 40001), next_seq=[5_000_001, 7_000_001])
    short.opening()
    short.exchange(20)
    short.send(40, "FA")
    short.send(41, "FA", client=True)
    short.send(42, "A")
    return gathered(tmp_path_factory.mktemp("two"), two_points([SEED, short]))[0]


def translated(sent: Sent) -> bytes:
    """The packet with another address for the server."""
    return sent.packet.replace(bytes((192, 0, 2, 80)), bytes((10, 9, 9, 9)), 1)


def joined(facts: Facts, told: Transfer) -> JoinedTransfer:
    (found,) = join_transfers([told], facts)
    return found


def test_the_only_connection_to_the_peer_is_meant_and_tells_the_clients_end(one: Facts) -> None:
    found = joined(one, transfer())
    assert (found.conversation, found.candidates) == (one.in_focus()[0].number, 1)
    assert found.transfer.local == CLIENT
    assert found.earliest_ns is not None
    assert found.latest_ns is not None
    assert START_NS - 10 * MS < found.earliest_ns <= found.latest_ns < START_NS + 10 * MS


def test_an_account_whose_ends_are_told_keeps_them(one: Facts) -> None:
    assert joined(one, transfer(local=CLIENT)).transfer.local == CLIENT
    assert joined(one, transfer(local=replace(CLIENT, port=1))).conversation is None


def test_without_a_peer_nothing_is_joined(one: Facts) -> None:
    assert joined(one, transfer(peer=None)).candidates == 0
    assert joined(one, transfer(peer=replace(SERVER, port=0))).candidates == 0
    assert joined(one, transfer(peer=replace(SERVER, address="192.0.2.81"))).candidates == 0


def test_a_connection_that_closed_before_the_account_ends_is_another(two: Facts) -> None:
    found = joined(two, transfer())
    names = {c.number: c.text for c in two.in_focus()}
    assert found.conversation is not None
    assert names[found.conversation].startswith("10.0.0.5:40000")


def test_of_two_that_fit_none_is_meant(tmp_path: Path) -> None:
    facts, _ = gathered(tmp_path, two_points([SEED, other_talk(40001)]))
    found = joined(facts, transfer())
    assert (found.conversation, found.candidates, found.transfer.local) == (None, 2, None)


@pytest.mark.parametrize("more", [{"resolution_ns": 10**9}, {"is_one": False}])
def test_times_that_tell_no_order_bound_nothing(one: Facts, more: dict[str, object]) -> None:
    found = joined(one, transfer(**more))
    assert (found.candidates, found.earliest_ns, found.latest_ns) == (1, None, None)


def test_a_tunnel_reaches_some_twice_and_the_first_counts(one: Facts) -> None:
    twice = (*USUAL[:5], ("asked", 16), ("answered", 17), USUAL[5])
    assert joined(one, transfer(twice)).earliest_ns == joined(one, transfer()).earliest_ns


def test_milestones_without_times_bound_nothing(one: Facts) -> None:
    told = transfer()
    stones = tuple(replace(stone, after_ns=None) for stone in told.milestones)
    found = joined(one, replace(told, milestones=stones, took_ns=None))
    assert (found.candidates, found.earliest_ns, found.latest_ns) == (1, None, None)


def test_a_translated_peer_leaves_the_clients_end_untold(tmp_path: Path) -> None:
    """Where neither end of the connection, seen nearest the client, is the peer that the client named."""
    inside = View(delay_ms=0.1, drop=lost_short, change=translated)
    facts, _ = gathered(tmp_path, {"1_tunnel.pcap": seen([SEED], TUNNEL), "2_tap.pcap": seen([SEED], inside)})
    found = joined(facts, transfer())
    assert (found.candidates, found.transfer.local) == (1, None)


CURL = """\
10:00:00.001000 *   Trying 192.0.2.80:443...
10:00:00.005000 * Connected to h (192.0.2.80) port 443 (#0)
10:00:00.012000 > GET / HTTP/1.0
10:00:00.012000 >
10:00:00.015000 < HTTP/1.0 200 OK
10:00:00.015010 <
10:00:05.000000 * Operation timed out after 5000 milliseconds with 4800 bytes received
10:00:05.000100 * Closing connection 0
"""


def test_the_timeline_has_the_clients_words(tmp_path: Path) -> None:
    facts, rows = gathered(tmp_path, {**two_points([SEED]), "curl.txt": CURL})
    assert facts.symptoms[0].local == CLIENT
    assert [c.text for c in facts.conversations] == ["10.0.0.5:40000 > 192.0.2.80:443"]
    said = [event for event in timeline(facts, rows).events if event.where == "curl"]
    assert [event.text for event in said] == [
        "named: Trying 192.0.2.80:443...",
        "connected: Connected to h (192.0.2.80) port 443 (#0)",
        "asked: GET / HTTP/1.0",
        "answered: HTTP/1.0 200 OK",
        "ended: Operation timed out after 5000 milliseconds with 4800 bytes received",
    ]
    assert abs(said[0].at_ns - START_NS) < 10 * MS


def test_an_account_of_another_connection_is_not_on_the_timeline(tmp_path: Path) -> None:
    other = CURL.replace("192.0.2.80", "192.0.2.81")
    facts, rows = gathered(tmp_path, {**two_points([SEED]), "curl.txt": other})
    assert not any(event.where == "curl" for event in timeline(facts, rows).events)
