"""A traced descriptor and its connection: by its ends, and by what must come before what."""

from pathlib import Path

import pytest
from gathered_cases import SEED, gathered, other_talk
from written_cases import MS, START_NS, Talk, two_points

from lastseen.diagnosis.syscall_joins import UNEVEN_NS, JoinedCalls, join_calls
from lastseen.faults.facts import Facts
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Syscall
from lastseen.tables.sources import Source

CLIENT, SERVER = Endpoint(address="10.0.0.5", port=40000), Endpoint(address="192.0.2.80", port=443)


def call(
    name: str, at_ms: float | None, *, took_ms: float | None = 0.1, result: int | None = 0, fd: int = 3,
    timeout_ns: int | None = None, local: Endpoint | None = CLIENT, peer: Endpoint | None = SERVER, pid: int = 7,
) -> Syscall:  # fmt: skip
    return Syscall(
        source=Source(file="strace.txt", line=1 + int(at_ms or 0)), pid=pid, name=name, fd=fd, args="", result=result,
        at_ns=None if at_ms is None else START_NS + int(at_ms * MS), result_text="", timeout_ns=timeout_ns,
        duration_ns=None if took_ms is None else int(took_ms * MS), local=local, peer=peer,
    )  # fmt: skip


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return gathered(tmp_path_factory.mktemp("one"), two_points([SEED]))[0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    late = Talk(client=("10.0.0.5", 40001), next_seq=[5_000_001, 7_000_001])
    late.opening()
    late.exchange(900)
    late.unheard_close(910)
    return gathered(tmp_path_factory.mktemp("two"), two_points([SEED, late]))[0]


def joined(facts: Facts, *calls: Syscall) -> list[JoinedCalls]:
    return join_calls(calls, facts)


def ahead_ms(found: JoinedCalls) -> tuple[float | None, float | None]:
    return tuple(None if ns is None else ns / MS for ns in (found.earliest_ns, found.latest_ns))  # type: ignore[return-value]


# ---- bounds ----
def test_both_sides_are_bounded_by_what_sends_and_what_waits(one: Facts) -> None:
    (found,) = joined(
        one, call("connect", -1, took_ms=2), call("write", 9.5, result=200), call("close", 5999)
    )
    assert found.conversation == one.in_focus()[0].number
    low, high = ahead_ms(found)
    assert low is not None
    assert high is not None
    assert -1 <= low <= 0 <= high <= 1


def test_a_connect_alone_bounds_one_side_until_it_succeeded(one: Facts) -> None:
    (found,) = joined(one, call("connect", -1, result=-1))
    assert found.earliest_ns is None
    assert found.latest_ns is not None


def test_a_connect_that_goes_on_is_bounded_by_the_wait_for_it(one: Facts) -> None:
    waited = call("poll", -0.8, took_ms=2, result=1, timeout_ns=60_000 * MS)
    (found,) = joined(one, call("connect", -1, result=-1), waited)
    assert found.earliest_ns is not None
    later = call("poll", 2, took_ms=0.001, result=1, timeout_ns=60_000 * MS)
    (again,) = joined(one, call("connect", -1, result=-1), waited, later)
    assert again.earliest_ns == found.earliest_ns


def test_the_end_of_the_file_comes_after_the_fin(two: Facts) -> None:
    """Nobody captured a FIN at the point nearest the client here, so nothing is bounded by it."""
    (found,) = joined(two, call("read", 9_000, result=0))
    assert found.earliest_ns is None


def test_seconds_bound_no_closer_than_a_second(one: Facts) -> None:
    exact = joined(one, call("connect", 0, took_ms=0), call("write", 0, result=1, took_ms=0))[0]
    whole = START_NS // 10**9 * 10**9
    assert whole == START_NS, "the written cases begin with a second"
    coarse = joined(one, call("read", 0, took_ms=0, result=10))[0]
    assert exact.earliest_ns is not None
    assert coarse.earliest_ns is not None
    assert coarse.earliest_ns < 15 * MS - 900 * MS


def test_calls_without_times_bound_nothing(one: Facts) -> None:
    (found,) = joined(one, call("connect", None), call("write", None))
    assert ahead_ms(found) == (None, None)
    assert found.candidates == 1


def test_bounds_that_contradict_each_other_are_another_connections(one: Facts) -> None:
    """It wrote a second after it had read the answer."""
    wrong = joined(one, call("read", 10.5, took_ms=2, result=10), call("write", 1_500, result=200))[0]
    assert (wrong.conversation, wrong.candidates) == (None, 0)


def test_uneven_clocks_are_borne(one: Facts) -> None:
    late = UNEVEN_NS / MS / 2
    (found,) = joined(one, call("connect", -1, took_ms=2), call("write", 10 + late, result=200))
    assert found.conversation is not None


# ---- which connection ----
def test_of_two_connections_the_one_whose_pauses_fit(two: Facts) -> None:
    """The trace does not tell its own address."""
    calls = (
        call("connect", -1, took_ms=2, local=None), call("write", 900 - 0.5, result=200, local=None),
        call("read", 900.5, took_ms=2.5, result=100, local=None),
    )  # fmt: skip
    (found,) = joined(two, *calls)
    names = {c.number: c.text for c in two.in_focus()}
    assert found.conversation is not None
    assert names[found.conversation].startswith("10.0.0.5:40001")


def test_a_descriptor_made_anew_is_another(one: Facts) -> None:
    first = call("connect", -1, local=None)
    again = [call("socket", 50, result=3, local=None, peer=None), call("connect", 51, local=None)]
    found = joined(one, first, call("close", 40, local=None), *again)
    assert [len(one.calls) for one in found] == [2, 2]
    lost_close = joined(one, first, *again)
    assert [len(one.calls) for one in lost_close] == [1, 2]


def test_threads_share_a_descriptor_once_it_has_a_name(one: Facts) -> None:
    opening = call("connect", -1, local=None)
    found = joined(one, opening, call("write", 9.5, result=1), call("read", 10.5, took_ms=5, result=1, pid=8))
    assert [len(one.calls) for one in found] == [3]


def test_two_descriptors_of_one_connection_are_two_talks_of_it(one: Facts) -> None:
    found = joined(one, call("write", 9.5, result=1), call("write", 9.5, result=1, fd=4))
    assert [talk.conversation for talk in found] == [one.in_focus()[0].number] * 2


def test_calls_without_a_peer_are_about_no_connection(one: Facts) -> None:
    assert joined(one, call("poll", 1, local=None, peer=None), call("close", 2, local=None, peer=None)) == []


def test_another_server_is_another_connection(one: Facts) -> None:
    (found,) = joined(one, call("write", 9.5, peer=Endpoint(address="192.0.2.81", port=443)))
    assert (found.conversation, found.candidates) == (None, 0)


def test_the_helper_of_the_timeline_makes_a_second_client(tmp_path: Path) -> None:
    facts, _ = gathered(tmp_path, two_points([SEED, other_talk(40001)]))
    (found,) = joined(facts, call("write", 9.5, result=1, local=None))
    assert (found.conversation, found.candidates) == (None, 2)
