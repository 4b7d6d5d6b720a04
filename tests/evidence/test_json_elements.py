"""JSON arrays read element by element."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.json_elements import elements, number_of, text_of
from lastseen.evidence.texts.text import Text
from lastseen.tables.sources import Weird


def _read(document: str) -> tuple[list[tuple[int, dict[str, object]]], list[Weird]]:
    found = list(elements(Text("s.txt", enumerate(document.split("\n"), 1), longest=len(document) + 1)))
    return [e for e in found if not isinstance(e, Weird)], [e for e in found if isinstance(e, Weird)]


def test_elements_with_their_lines() -> None:
    """On one line, pretty-printed, bare or as an object's only member."""
    rows = [{"a": 1}, {"b": [2, {"c": "]"}]}]
    assert _read(json.dumps(rows)) == ([(1, rows[0]), (1, rows[1])], [])
    assert _read("\n" + json.dumps(rows, indent=4)) == ([(3, rows[0]), (6, rows[1])], [])
    assert _read(json.dumps({"nftables": rows})) == ([(1, rows[0]), (1, rows[1])], [])
    assert _read("[]") == ([], [])
    assert _read("") == ([], [])


@pytest.mark.parametrize(
    "document", ["{}", "hello", '[{"a": 1}', '[{"a": 1}, {"b"', "[1]", "[{}] x", "[" * 100_000]
)
def test_what_is_no_whole_array_is_weird(document: str) -> None:
    """Whole elements before the damage are kept."""
    kept, weirds = _read(document)
    assert len(weirds) == 1
    assert len(kept) == document.count("1}") + document.count("{}]")


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text() | st.none())), st.data())
def test_a_cut_keeps_what_stands_before_it(rows: list[dict[str, object]], data: st.DataObject) -> None:
    """Elements are a prefix of those written; a cut inside is weird."""
    whole = json.dumps(rows)
    cut = data.draw(st.integers(min_value=0, max_value=len(whole)))
    kept, weirds = _read(whole[:cut])
    assert [row for _, row in kept] == rows[: len(kept)]
    assert bool(weirds) == (0 < cut < len(whole))


def test_values() -> None:
    """Numbers may be strings; truth values and negative numbers are none."""
    assert [number_of(value) for value in (7, "7", True, -1, "x", "9" * 30, None, 1.5)] == [7, 7] + [None] * 6
    assert [text_of(value) for value in ("a", 7, True, None, [])] == ["a", "7", "", "", ""]
