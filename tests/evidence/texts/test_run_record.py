"""The record of a run is recognised, gives no rows, and never raises."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import run_record
from lastseen.evidence.texts.text import Head, Text

RECORD = '{"schema": "lastseen.run/1", "command": []}'


def test_the_record_is_recognised_by_its_schema() -> None:
    assert run_record.recognise(Head((RECORD,)))
    assert not run_record.recognise(Head(('{"schema": "lastseen.diagnosis/1"}',)))
    assert list(run_record.read(Text("run.json", [(1, RECORD)]))) == []


@given(st.text())
def test_no_text_makes_it_raise(line: str) -> None:
    assert len(list(run_record.read(Text("run.json", [(1, line)])))) <= 1
