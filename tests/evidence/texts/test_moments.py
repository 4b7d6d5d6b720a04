"""Time notes: snapshots' `when.txt`, and the start and end of a timed command."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import moments
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Moment
from lastseen.tables.sources import Weird

AT_NS = 1_795_385_157_421_622_962
SPAN = "rc=0 wall_s=62.883 start=1795385092.345444892 end=1795385155.228513399"


def rows(text: str) -> list[Moment | Weird]:
    return list(moments.read(Text("when.txt", enumerate(text.split("\n"), 1), node="vm", snapshot="mid")))


def told(text: str) -> list[tuple[str, int]]:
    found = rows(text)
    assert all(isinstance(row, Moment) for row in found), found
    return [(row.what, row.at_ns) for row in found if isinstance(row, Moment)]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22T22:05:57.421622962Z",
        "2026-11-22t22:05:57.421622962z",
        "2026-11-22 22:05:57.421622962+00:00",
        "2026-11-22T23:35:57,421622962+01:30",
        "2026-11-22T17:05:57.421622962-0500",
        "1795385157.421622962",
        "epoch 1795385157.421622962 uptime 93.34 151.79",
        "epoch 1795385157.421622962",
    ],
)
def test_a_time_is_read_to_the_nanosecond(line: str) -> None:
    assert told(line) == [("snapshot", AT_NS)]
    assert moments.recognise(Head((line, "")))


def test_both_lines_of_a_snapshot() -> None:
    text = "2026-11-22T22:05:57.421622962Z\nepoch 1795385157.490003938 uptime 93.34 151.79\n"
    assert told(text) == [("snapshot", AT_NS), ("snapshot", 1_795_385_157_490_003_938)]
    assert moments.recognise(Head(tuple(text.split("\n"))))


def test_start_and_end_of_a_command() -> None:
    expected = [("start", 1_795_385_092_345_444_892), ("end", 1_795_385_155_228_513_399)]
    assert told(SPAN) == expected
    assert moments.recognise(Head((SPAN,)))
    assert told("start=1795385092.345444892\nend=1795385155.228513399") == expected
    assert told("start=2026-11-22T22:05:57.421622962Z") == [("start", AT_NS)]


def test_whole_seconds() -> None:
    assert told("2026-11-22T22:05:57Z") == [("snapshot", 1_795_385_157_000_000_000)]
    assert told("1795385157") == [("snapshot", 1_795_385_157_000_000_000)]


@pytest.mark.parametrize(
    "line", ["2026-13-40T22:05:57Z", "2026-11-22T22:05:61Z", "2026-11-22T22:05:57", "noon", "0000-01-01T00:00:00Z",
             "2026-11-22T22:05:57+99:00", "start=2026"],
)  # fmt: skip
def test_no_time_is_a_weird(line: str) -> None:
    assert [type(row) for row in rows(line)] == [Weird]


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1795385157", "1795385157\n1795385158", "93.34 151.79", "2026-11-22T22:05:57.421622962Z vm kernel: x",
        "rc=0", "netns=vm\ncmd: php -r 1", "2026-11-22T22:05:57Z\nhello", "restart=3 end=x", "203.0.113.80",
    ],
)  # fmt: skip
def test_not_recognised(text: str) -> None:
    assert not moments.recognise(Head(tuple(text.split("\n"))))


def test_a_bare_number_is_a_time_under_date_only() -> None:
    assert moments.recognise(Head(("1795385157",), "date +%s"))


def test_a_long_file_is_no_note() -> None:
    assert not moments.recognise(Head(("2026-11-22T22:05:57Z",) * (moments.MAX_LINES + 1)))


@given(
    st.text() | st.text(alphabet="0123456789TZ:.,+- =startendpochuim\n") | st.permutations(SPAN).map("".join)
)
def test_no_text_raises(text: str) -> None:
    rows(text)
    moments.recognise(Head(tuple(text.split("\n"))))


@given(st.integers(0, len(SPAN)))
def test_a_cut_note_gives_rows_or_weirds(length: int) -> None:
    rows(SPAN[:length])


@given(st.datetimes(), st.integers(0, 999_999_999), st.integers(-23 * 60, 23 * 60))
def test_any_time_comes_back(at: datetime, part: int, offset_minutes: int) -> None:
    """The zone moves what is printed and not the moment."""
    utc_s = (at.replace(microsecond=0, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    sign = "-" if offset_minutes < 0 else "+"
    zone = f"{sign}{abs(offset_minutes) // 60:02}:{abs(offset_minutes) % 60:02}"
    shown = f"{at.isoformat(timespec='seconds')}.{part:09}{zone}"
    assert told(shown) == [("snapshot", (utc_s - offset_minutes * 60) * 1_000_000_000 + part)]
