"""An attempt that nobody answered is not healthy, however soon it was given up."""

from pathlib import Path

from written_cases import Talk, View, diagnosed, seen, write_case

from lastseen.tables.diagnosis import Verdict

SOON_MS = 300
LATE_MS = 3000


def verdict(folder: Path, talk: Talk, last_ms: float) -> Verdict:
    """Of a capture that has another, whole connection and ends with it."""
    other = Talk(client=("10.0.0.5", 41000), timestamps=True)
    other.opening()
    other.exchange(10)
    other.exchange(last_ms / 2)
    other.exchange(last_ms)
    return diagnosed(write_case(folder, {"tap.pcap": seen([talk, other], View())})).verdict


def attempt() -> Talk:
    talk = Talk()
    talk.send(5, "S", client=True)
    return talk


def test_a_syn_without_an_answer_is_not_healthy(tmp_path: Path) -> None:
    found = verdict(tmp_path, attempt(), LATE_MS)
    assert found.grade == "blind"
    assert found.summary == "10.0.0.5:40000 > 192.0.2.80:443 got no answer at all"


def test_a_syn_at_the_end_of_a_capture_may_yet_be_answered(tmp_path: Path) -> None:
    assert verdict(tmp_path, attempt(), SOON_MS).grade == "healthy"


def test_a_capture_of_one_direction_does_not_show_answers(tmp_path: Path) -> None:
    talk = attempt()
    talk.send(6, "A", client=True)
    talk.send(7, "PA", client=True, size=100)
    assert verdict(tmp_path, talk, SOON_MS).grade == "healthy"
