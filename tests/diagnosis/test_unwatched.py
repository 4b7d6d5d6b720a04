"""Captures that ended by themselves show nothing of what came then."""

import json
from pathlib import Path

import pytest
from written_cases import Talk, View, diagnosed, seen, write_case

FILES = ("tap.pcap", "wire.pcap")


@pytest.mark.parametrize(
    ("cut", "grade", "said"),
    [
        ([], "healthy", "passed all 2 points"),
        (["wire.pcap"], "healthy", "passed all 2 points"),
        (
            ["tap.pcap", "wire.pcap"],
            "blind",
            "but all 2 captures that saw something ended before the run did",
        ),
    ],
)
def test_one_capture_that_ran_to_the_end_is_needed(
    tmp_path: Path, cut: list[str], grade: str, said: str
) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    record = json.dumps({"schema": "lastseen.run/1", "cut": cut}) + "\n"
    case = write_case(tmp_path, {name: seen([talk], View()) for name in FILES} | {"run.json": record})
    verdict = diagnosed(case).verdict
    assert verdict.grade == grade
    assert said in verdict.summary


def test_one_capture_that_ended_is_said_as_one(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    record = json.dumps({"schema": "lastseen.run/1", "cut": ["tap.pcap"]}) + "\n"
    case = write_case(tmp_path, {"tap.pcap": seen([talk], View()), "run.json": record})
    assert "but the capture that saw something ended" in diagnosed(case).verdict.summary
