"""/proc/net/stat/nf_conntrack by column name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import proc_nf_conntrack_stat as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

OLD = (
    "entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  "
    "expect_new expect_create expect_delete search_restart\n"
)
V5_9 = OLD.replace("searched", "clashres")
V5_15 = V5_9.replace("delete_list", "chainlength")
VALUES = (
    "00000006  00000001 00000002 00000003 00000013 00000005 00000006 00000007 00000008 00000009 0000000a 0000000b "
    "0000000c  0000000d 0000000e 0000000f 00000010\n"
)


def _rows(sample: str) -> list[Counter | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str) -> dict[tuple[str, str], int | None]:
    return {(row.scope, row.name): row.value for row in _rows(sample) if isinstance(row, Counter)}


@pytest.mark.parametrize(
    ("header", "second", "eighth"),
    [(OLD, "searched", "delete_list"), (V5_9, "clashres", "delete_list"), (V5_15, "clashres", "chainlength")],
)
def test_columns_are_read_by_name(header: str, second: str, eighth: str) -> None:
    """Hexadecimal, whatever the generation calls its columns."""
    values = _values(header + VALUES)
    assert values["cpu=0", second] == 1
    assert values["cpu=0", eighth] == 7
    assert values["cpu=0", "invalid"] == 0x13
    assert values["cpu=0", "search_restart"] == 0x10
    assert _recognised(header + VALUES)


def test_entries_are_told_once() -> None:
    """Every line repeats the table's size; it belongs to no CPU."""
    rows = [row for row in _rows(V5_15 + VALUES + VALUES) if isinstance(row, Counter)]
    assert [(row.scope, row.value) for row in rows if row.name == "entries"] == [("", 6)]
    assert {row.scope for row in rows} == {"", "cpu=0", "cpu=1"}
    assert {row.family for row in rows} == {"conntrack_proc"}


def test_shuffled_and_cut_lines_are_weird() -> None:
    """Values above the header, and a line with too few columns."""
    assert isinstance(_rows(VALUES + OLD)[0], Weird)
    assert isinstance(_rows(OLD + VALUES[:80])[0], Weird)
    assert isinstance(_rows(OLD + "zzzz\n")[0], Weird)


def test_recognition() -> None:
    """Not the sister files of other caches; the command when there is no output."""
    assert not _recognised("entries  allocs destroys hash_grows lookups hits res_failed\n00000001 00000001\n")
    assert not _recognised("entries are listed here\n")
    assert _recognised("", "cat /proc/net/stat/nf_conntrack")
    assert not _recognised("", "cat /proc/net/nf_conntrack")


@given(st.text(), st.sampled_from(["", OLD, OLD + VALUES]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
