"""Which captures ended early, as the record of a run says it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import recognised, rows, weirds

from lastseen.evidence.texts import run_record
from lastseen.evidence.texts.text import Text
from lastseen.tables.facts_from_texts import CutCapture


def record(**said: object) -> str:
    return json.dumps({"schema": "lastseen.run/1", **said}) + "\n"


def test_captures_that_ended_early() -> None:
    found = [
        row
        for row in rows(run_record, record(cut=["captures/a.pcap", "captures/b.pcap2"]))
        if isinstance(row, CutCapture)
    ]
    assert [row.file for row in found] == ["captures/a.pcap", "captures/b.pcap2"]
    assert recognised(run_record, record())
    assert not recognised(run_record, '{"schema": "lastseen.diagnosis/1"}')


def test_a_record_without_them_says_nothing() -> None:
    """As those of earlier versions; blank lines and the room kept for the end are nothing either."""
    assert list(rows(run_record, record() + "\n   \n")) == []
    assert list(rows(run_record, record(cut=[])[:-1] + " " * 1000 + "\n")) == []


@pytest.mark.parametrize(
    "text",
    ["hello\n", record(cut="a"), record(cut=[1]), record(cut={"a": 1}), record()[:-5] + "\n", "[" * 100_000],
)
def test_what_is_no_record_is_weird(text: str) -> None:
    assert weirds(run_record, record() + text) == [2]


@given(st.text())
def test_no_text_makes_it_raise(line: str) -> None:
    assert len(list(run_record.read(Text("run.json", [(1, line)])))) <= 1


def test_files_stand_beside_their_record() -> None:
    """Of two cases given at once each has its own."""
    (row,) = run_record.read(Text("a/run.json", [(1, record(cut=["captures/x.pcap"]))]))
    assert isinstance(row, CutCapture)
    assert row.file == "a/captures/x.pcap"
