"""A client's own account to symptoms: which phase waited, and what is no wait."""

from dataclasses import replace

import pytest

from lastseen.connections.symptoms import by_badness
from lastseen.connections.transfer_symptoms import INITIAL_WINDOW_BYTES, transfer_symptoms
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.sources import Source
from lastseen.tables.symptoms import Symptom
from lastseen.tables.transfers import Milestone, Transfer

NS = 1_000_000_000
PEER = Endpoint(address="192.0.2.80", port=443)


def transfer(*reached: tuple[str, float | None], ended_by: str = "done", **more: object) -> Transfer:
    stones = tuple(
        Milestone(
            what=what, after_ns=None if at is None else int(at * NS), source=Source(file="c.txt", line=line)
        )
        for line, (what, at) in enumerate(reached, start=1)
    )
    made = Transfer(
        source=Source(file="c.txt", line=1), tool="curl", milestones=stones, ended_by=ended_by, peer=PEER
    )
    return replace(made, **more)  # type: ignore[arg-type]


def only(*reached: tuple[str, float | None], ended_by: str = "done", **more: object) -> Symptom:
    (found,) = transfer_symptoms([transfer(*reached, ended_by=ended_by, **more)])
    return found


@pytest.mark.parametrize(
    ("last", "kind", "call"),
    [
        ("begun", "waited_for_name", "curl"), ("named", "waited_for_connect", "curl"),
        ("reaching", "waited", "curl (connecting or TLS handshake)"), ("connected", "waited_for_data", "curl (handshake)"),
        ("securing", "waited_for_data", "curl (TLS handshake)"), ("secured", "waited", "curl"),
        ("asked", "waited_for_data", "curl"),
    ],
)  # fmt: skip
def test_what_was_reached_tells_what_was_waited_for(last: str, kind: str, call: str) -> None:
    found = only((last, 0.5), ("ended", 10), ended_by="timeout")
    assert (found.kind, found.call, found.waited_ns, found.ended_by) == (kind, call, 9_500_000_000, "timeout")
    assert (found.fd, found.peer, [source.line for source in found.sources]) == (-1, PEER, [2, 1])


def test_each_long_phase_is_a_symptom_of_its_own() -> None:
    found = transfer_symptoms(
        [transfer(("begun", 0), ("named", 5), ("connected", 8), ("asked", 8), ("ended", 8.5))]
    )
    assert [(one.kind, one.waited_ns, one.ended_by) for one in found] == [
        ("waited_for_name", 5 * NS, "data"),
        ("waited_for_connect", 3 * NS, "data"),
    ]


def test_a_quick_transfer_felt_nothing() -> None:
    assert (
        transfer_symptoms([transfer(("begun", 0), ("asked", 0.1), ("answered", 0.2), ("ended", 1.1))]) == ()
    )


def test_a_long_download_is_no_wait() -> None:
    """Nor is one whose size nobody told; a small answer cannot take so long to come."""
    reached = ("asked", 0.1), ("answered", 0.2), ("ended", 60)
    assert transfer_symptoms([transfer(*reached)]) == ()
    assert transfer_symptoms([transfer(*reached, received_bytes=INITIAL_WINDOW_BYTES + 1)]) == ()
    small = only(*reached, received_bytes=3848, framing="close")
    assert (small.kind, small.ended_by, small.response_bytes) == ("waited", "eof", 3848)
    assert small.after_complete_response is None


def test_an_upload_is_no_wait_for_its_answer() -> None:
    reached = ("asked", 0.1), ("answered", 60), ("ended", 60.1)
    assert transfer_symptoms([transfer(*reached, sent_bytes=10**9)]) == ()
    assert only(("asked", 0.1), ("ended", 60), ended_by="reset", sent_bytes=10**9).ended_by == "reset"


def test_an_answer_that_breaks_off_was_waited_for() -> None:
    found = only(("answered", 0.2), ("ended", 60), ended_by="timeout", framing="length", received_bytes=10**6)
    assert (found.kind, found.after_complete_response) == ("waited_for_data", False)


@pytest.mark.parametrize(
    ("ended_by", "said"),
    [("timeout", "timeout"), ("eof", "eof"), ("reset", "reset"), ("failed", "reset"), ("", "killed")],
)
def test_what_ended_it(ended_by: str, said: str) -> None:
    assert only(("asked", 0.1), ("ended", 9), ended_by=ended_by).ended_by == said


def test_whole_seconds_are_no_second() -> None:
    reached = ("asked", 0), ("ended", 1)
    assert transfer_symptoms([transfer(*reached, ended_by="reset", resolution_ns=NS)]) == ()
    assert only(("asked", 0), ("ended", 2), ended_by="reset", resolution_ns=NS).waited_ns == 2 * NS


def test_without_times_the_whole_is_told() -> None:
    reached = ("begun", None), ("asked", None), ("ended", None)
    found = only(*reached, ended_by="timeout", took_ns=3 * NS)
    assert (found.kind, found.waited_ns, found.started_ns) == ("waited_for_data", 3 * NS, None)
    assert transfer_symptoms([transfer(*reached, ended_by="reset", took_ns=NS // 10)]) == ()
    assert only(*reached, ended_by="failed", took_ns=3 * NS).ended_by == "reset"
    assert transfer_symptoms([transfer(*reached)]) == ()


def test_a_failure_that_tells_no_time_is_a_wait_of_unknown_length() -> None:
    reached = ("begun", None), ("asked", None), ("ended", None)
    assert only(*reached, ended_by="eof").waited_ns is None
    assert transfer_symptoms([transfer(*reached, ended_by="failed")]) == ()
    assert transfer_symptoms([transfer(("ended", None), ended_by="eof")]) == ()
    assert transfer_symptoms([transfer(("begun", None), ("asked", None), ended_by="eof")]) == ()
    assert transfer_symptoms([transfer(ended_by="eof")]) == ()


def test_the_clock_is_the_accounts_own() -> None:
    assert only(("asked", 0.5), ("ended", 9), ended_by="eof", began_ns=100).started_ns == 500_000_100


def test_calls_go_before_the_accounts_of_the_same_peer() -> None:
    """They are the closer look; an account of another peer is told by its length."""
    account = only(("asked", 0.1), ("ended", 9), ended_by="eof")
    call = replace(account, fd=3, waited_ns=2 * NS)
    other = replace(account, peer=Endpoint(address="192.0.2.81", port=443))
    assert by_badness([account, call]) == (call, account)
    assert by_badness([call, other]) == (other, call)
