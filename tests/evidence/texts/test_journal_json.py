"""The journal as JSON, on one line or pretty-printed."""

from pathlib import Path

import pytest

from lastseen.evidence.texts import journal_json as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.sources import Weird

SAMPLES = Path(__file__).parent / "samples" / "journal_json"


def _rows(text: str) -> list[LogLine | Weird]:
    return list(reader.read(Text("s.txt", enumerate(text.removesuffix("\n").split("\n"), 1))))


def test_a_kernel_message_with_its_packet() -> None:
    """The journal's time is in UTC; other programs' messages give nothing."""
    (row,) = _rows((SAMPLES / "one_line_written.txt").read_text())
    assert isinstance(row, LogLine)
    assert (row.at_ns, row.clock, row.zone_known) == (1795598900123456000, "wall", True)
    assert (row.topic, row.reason) == ("conntrack_invalid", "bad checksum")
    assert row.packet is not None
    assert row.packet.src == Endpoint(address="203.0.113.80", port=443)


@pytest.mark.parametrize(("name", "message"), [("pretty", "nf"), ("seq", "x")])
def test_other_layouts(name: str, message: str) -> None:
    """Over several lines with a message of bytes; behind a record separator."""
    (row,) = _rows((SAMPLES / f"{name}_written.txt").read_text())
    assert isinstance(row, LogLine)
    assert (row.text, row.at_ns, row.source.line) == (message, 1795598900123456000, 1)


def test_server_sent_events() -> None:
    """`data: ` before each entry; the line names its packet."""
    (row,) = _rows((SAMPLES / "sse_written.txt").read_text())
    assert isinstance(row, LogLine)
    assert row.packet is not None
    assert row.packet.dst.port == 8472


@pytest.mark.parametrize(
    "entry",
    [
        '{"_TRANSPORT":"kernel","MESSAGE":',
        '{"_TRANSPORT":"kernel","MESSAGE":7}',
        "{",
        "7",
        '{"_TRANSPORT":"kernel"}',
    ],
)
def test_damage_is_weird(entry: str) -> None:
    """A cut entry, a message that is none."""
    (row,) = _rows(entry)
    assert isinstance(row, Weird)


def test_a_time_that_cannot_be_is_unknown() -> None:
    """The message stays."""
    for time in ('"x"', '"99999999999999999999"'):
        (row,) = _rows('{"_TRANSPORT":"kernel","MESSAGE":"x","__REALTIME_TIMESTAMP":' + time + "}")
        assert isinstance(row, LogLine)
        assert row.at_ns is None


def test_recognition() -> None:
    """Other JSON lines are not claimed."""
    assert reader.recognise(Head((), "journalctl -k -o json"))
    assert not reader.recognise(Head((), "journalctl -k"))
    assert not reader.recognise(Head(('{"event": 1}',)))
    assert not reader.recognise(Head(("{", '  "kernel": 1')))
