"""A client that rests between two requests keeps nobody waiting; whatever is left open is no rest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from written_cases import Talk, View, diagnosed, two_points, write_case

from lastseen.tables.diagnosis import Diagnosis

REST_MS = 5000


def run(folder: Path, files: dict[str, bytes | str]) -> Diagnosis:
    return diagnosed(write_case(folder, files))


def begun(port: int = 40000) -> Talk:
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.opening()
    talk.exchange(10)
    return talk


def asks_again(talk: Talk) -> None:
    talk.exchange(REST_MS)


def server_closes(talk: Talk) -> None:
    talk.send(REST_MS, "FA")
    talk.send(REST_MS + 1, "FA", client=True)
    talk.send(REST_MS + 2, "A")


def unanswered(talk: Talk) -> None:
    talk.send(REST_MS, "PA", client=True, size=50)


def server_closed_before(talk: Talk) -> None:
    talk.send(30, "FA")
    talk.send(31, "A", client=True)
    talk.send(REST_MS, "PA", client=True, size=50)
    talk.send(REST_MS + 1, "A")


def unheard_before(talk: Talk) -> None:
    talk.send(30, "PA", client=True, size=50)
    talk.send(REST_MS, "PA", client=True, size=50)
    talk.send(REST_MS + 1, "A")


def only_acknowledges(talk: Talk) -> None:
    """Its last acknowledgment comes late: it may not have had what the server sent."""
    talk.send(30, "PA", size=700)
    talk.send(REST_MS, "A", client=True)


@pytest.mark.parametrize("ends", [asks_again, server_closes])
def test_a_client_that_rests_keeps_nobody_waiting(tmp_path: Path, ends: Callable[[Talk], None]) -> None:
    talk = begun()
    ends(talk)
    verdict = run(tmp_path, two_points([talk], View(), View(delay_ms=0.1))).verdict
    assert verdict.grade == "healthy"
    assert " rested for " in verdict.summary
    assert verdict.summary.endswith(" s with nothing outstanding")


@pytest.mark.parametrize("ends", [unanswered, server_closed_before, unheard_before, only_acknowledges])
def test_what_is_left_open_is_no_rest(tmp_path: Path, ends: Callable[[Talk], None]) -> None:
    talk = begun()
    ends(talk)
    assert run(tmp_path, two_points([talk], View(), View(delay_ms=0.1))).verdict.grade == "blind"


def test_a_rest_beside_a_felt_wait_says_nothing_of_it(tmp_path: Path) -> None:
    """A trace in which a call waited asks for an explanation, and the client's rest is none."""
    talk = begun()
    asks_again(talk)
    trace = (
        "1 1700000000.000000 poll([{fd=3<TCP:[10.0.0.5:40000->192.0.2.80:443]>, events=POLLIN}], 1, 9000) = 0 (Timeout)"
        " <9.000000>\n"
    )
    files = two_points([talk], View(), View(delay_ms=0.1)) | {"strace.txt": trace}
    assert run(tmp_path, files).verdict.grade == "blind"
