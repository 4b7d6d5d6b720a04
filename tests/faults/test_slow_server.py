"""A wait for the server's answer is its own only where nothing that it sent meanwhile was lost before the first point."""

from pathlib import Path

import pytest
from written_cases import Talk, View, diagnosed, judgement, seen, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported


def _waited(*, hole: bool = False) -> Talk:
    """A request, its acknowledgment, three seconds of silence, four packets of an answer."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=180)
    talk.send(11, "A")
    first = None
    if hole:
        talk.send(12, "A", size=900)
        first = talk.sent[-1].number
        talk.send(13, "A", size=900)
        talk.send(13.5, "A", client=True)
    for number in range(4):
        again = first if hole and not number else None
        talk.send(3011 + number, "PA", size=900, again=again)
        talk.send(3011.5 + number, "A", client=True)
    talk.send(3020, "FA")
    talk.send(3021, "FA", client=True)
    talk.send(3022, "A")
    return talk


def _judged(tmp_path: Path, talk: Talk, view: View) -> Judgement:
    return judgement(diagnosed(write_case(tmp_path, {"tap.pcap": seen([talk], view)})), "slow_server")


def test_nothing_was_sent_meanwhile(tmp_path: Path) -> None:
    assert isinstance(_judged(tmp_path, _waited(), View()), Supported)


@pytest.mark.parametrize("lost", [1, 3])
def test_numbers_that_the_server_used_meanwhile_were_of_packets_lost_before(
    tmp_path: Path, lost: int
) -> None:
    """Repetitions of the answer, none of which got to the only point."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=180)
    talk.send(11, "A")
    talk.send(12, "PA", size=900)
    first = talk.sent[-1].number
    for repeat in range(1, lost):
        talk.send(12 + 400 * repeat, "PA", size=900, again=first)
    talk.send(3011, "PA", size=900, again=first)
    for number in range(4):
        talk.send(3012 + number, "PA", size=900)
    talk.send(3017, "A", client=True)
    said = _judged(tmp_path, talk, View(drop=lambda s: s.from_server and 12 <= s.at_ms < 3000))
    assert isinstance(said, Refuted)
    assert f"{lost} packet" in said.against[0].text


def test_what_fills_a_hole_had_been_sent_before(tmp_path: Path) -> None:
    talk = _waited(hole=True)
    hole = next(s.number for s in talk.sent if s.from_server and s.at_ms == 12)
    said = _judged(tmp_path, talk, View(drop=lambda s: s.number == hole))
    assert isinstance(said, Refuted)
