"""What every reader promises, asked of all of them with the samples in `samples/READER/`.

A sample is what a tool printed, or, where its name ends in `_written`, what its source says it prints. The folder
names the reader that must claim it: nobody else may, nothing in it may be weird, and however it is cut or
shuffled, reading ends soon and raises nothing.
"""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.lines import head_of
from lastseen.evidence.texts import Reader, readers
from lastseen.evidence.texts.text import MAX_LINE_CHARS, Head, Text
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.sources import Weird

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*/*.txt"))
BY_NAME = {reader.__name__.rpartition(".")[2]: reader for reader in readers()}  # type: ignore[attr-defined]
LONG_LINES = [
    "a" * MAX_LINE_CHARS, " " * MAX_LINE_CHARS, "a " * (MAX_LINE_CHARS // 2), "0" * MAX_LINE_CHARS,
    "a=" * (MAX_LINE_CHARS // 2), '"' * MAX_LINE_CHARS, "[" * MAX_LINE_CHARS, "{ " * (MAX_LINE_CHARS // 2),
    ": " * (MAX_LINE_CHARS // 2), "a,b " * (MAX_LINE_CHARS // 4), "0:" * (MAX_LINE_CHARS // 2), "SRC= " * 9000,
]  # fmt: skip
SOON_S = 2.0
"""What reading one line of 64 KiB may take on a busy machine; linear time is 1000 times less."""


def _reader(sample: Path) -> Reader:
    return BY_NAME[sample.parent.name]


def _head(text: str) -> Head:
    return head_of(text.encode()) or Head(())


def _rows(reader: Reader, text: str) -> list[Row | Weird]:
    command = _head(text).command
    lines = enumerate(text.split("\n"), start=1)
    longest = getattr(reader, "LONGEST_LINE", MAX_LINE_CHARS)
    return list(reader.read(Text(file="sample.txt", numbered=lines, command=command, longest=longest)))


def _ids(sample: Path) -> str:
    return f"{sample.parent.name}/{sample.stem}"


@pytest.mark.parametrize("sample", SAMPLES, ids=_ids)
def test_one_reader_and_no_other_claims_a_sample(sample: Path) -> None:
    """By its content: with the command above it left out, too, unless the name says that it needs it."""
    text = sample.read_text()
    claims = [name for name, reader in BY_NAME.items() if reader.recognise(_head(text))]
    assert claims == [sample.parent.name]
    if text.startswith("$ ") and "needs_command" not in sample.stem:
        bare = text.partition("\n")[2]
        assert [n for n, reader in BY_NAME.items() if reader.recognise(_head(bare))] == [sample.parent.name]


@pytest.mark.parametrize("sample", SAMPLES, ids=_ids)
def test_nothing_in_a_sample_is_weird(sample: Path) -> None:
    """Every line a tool prints is known."""
    assert [row for row in _rows(_reader(sample), sample.read_text()) if isinstance(row, Weird)] == []


@pytest.mark.parametrize("sample", SAMPLES, ids=_ids)
def test_a_cut_or_shuffled_sample_raises_nothing(sample: Path) -> None:
    """Cut at many places, upside down, every line twice."""
    reader, text = _reader(sample), sample.read_text()
    for cut in range(0, len(text), max(1, len(text) // 60)):
        _rows(reader, text[:cut])
        _rows(reader, text[cut:])
    lines = text.splitlines()
    for order in (reversed(lines), sorted(lines), [line for line in lines for _ in range(2)]):
        _rows(reader, "\n".join(order))


@pytest.mark.parametrize("name", BY_NAME)
def test_long_lines_are_read_soon(name: str) -> None:
    """No pattern goes over a line again and again: bare, and behind each beginning of a sample's lines."""
    reader = BY_NAME[name]
    starts = {line[: len(line) // 2] for sample in SAMPLES if sample.parent.name == name
              for line in sample.read_text().splitlines()[:40]}  # fmt: skip
    for start in ["", *sorted(starts)[:20]]:
        for long in LONG_LINES:
            began = time.perf_counter()
            reader.recognise(Head((start + long,)))
            _rows(reader, start + long)
            assert time.perf_counter() - began < SOON_S, (start, long[:8])


@given(st.data())
def test_arbitrary_text_within_a_sample_never_raises(data: st.DataObject) -> None:
    """Whatever stands between two halves of a sample."""
    sample = data.draw(st.sampled_from(SAMPLES))
    text = sample.read_text()
    at = data.draw(st.integers(min_value=0, max_value=len(text)))
    changed = text[:at] + data.draw(st.text()) + text[at + data.draw(st.integers(0, 40)) :]
    _rows(_reader(sample), changed)
    for reader in readers():
        reader.recognise(_head(changed))
