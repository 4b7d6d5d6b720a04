"""`conntrack -S` in its four generations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import conntrack_stats as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

TOTALS = """\
entries   \t\t90
searched  \t\t5
found     \t\t6
new       \t\t7
invalid   \t\t8
ignore    \t\t9
delete    \t\t1
insert_failed\t\t2
drop      \t\t3
early_drop\t\t4
icmp_error\t\t0
search_restart\t\t11
"""
V1_4_4 = (
    "cpu=0   \tsearched=1 found=2 new=3 invalid=4 ignore=5 delete=6 delete_list=7 insert=8 insert_failed=9 drop=10 "
    "early_drop=11 error=12 search_restart=13 \n"
)
NO_DEAD_COUNTERS = (
    "cpu=0           found=0 invalid=7796 ignore=16110 insert=0 insert_failed=0 drop=0 early_drop=0 error=0 "
    "search_restart=671\n"
)
CLASH = (
    "cpu=0   \tfound=0 invalid=0 insert=0 insert_failed=0 drop=0 early_drop=0 error=0 search_restart=0 "
    "clash_resolve=0 chaintoolong=0 \n"
    "cpu=1   \tfound=0 invalid=19 insert=0 insert_failed=0 drop=0 early_drop=0 error=0 search_restart=0 "
    "clash_resolve=4 chaintoolong=5 \n"
)


def _rows(sample: str) -> list[Counter | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str) -> dict[tuple[str, str], int | None]:
    return {(row.scope, row.name): row.value for row in _rows(sample) if isinstance(row, Counter)}


@pytest.mark.parametrize("sample", [TOTALS, V1_4_4, NO_DEAD_COUNTERS, CLASH])
def test_every_generation_is_recognised_and_read_whole(sample: str) -> None:
    """No line of any generation is weird."""
    assert _recognised(sample)
    assert all(isinstance(row, Counter) and row.family == "conntrack" for row in _rows(sample))


def test_totals_have_no_scope() -> None:
    """The list of totals speaks of the whole host."""
    values = _values(TOTALS)
    assert values["", "entries"] == 90
    assert values["", "search_restart"] == 11
    assert len(values) == 12


def test_counters_per_cpu() -> None:
    """Each CPU is a scope; keys a generation does not print are absent, not zero."""
    assert _values(CLASH)["cpu=1", "invalid"] == 19
    assert _values(CLASH)["cpu=1", "clash_resolve"] == 4
    assert _values(NO_DEAD_COUNTERS)["cpu=0", "search_restart"] == 671
    assert ("cpu=0", "new") not in _values(NO_DEAD_COUNTERS)
    assert _values(V1_4_4)["cpu=0", "delete_list"] == 7


def test_a_row_knows_its_line() -> None:
    """Every counter points at the line it stands in."""
    assert {row.source.line for row in _rows(CLASH) if isinstance(row, Counter)} == {1, 2}


def test_a_cut_pair_is_weird() -> None:
    """What stood before the cut is kept."""
    rows = _rows(CLASH[:-8])
    assert isinstance(rows[-1], Weird)
    assert sum(isinstance(row, Counter) for row in rows) == 19


def test_other_lines_are_weird() -> None:
    """A message of the tool."""
    (row,) = _rows("conntrack v1.4.7 (conntrack-tools): Operation failed: Operation not permitted\n")
    assert isinstance(row, Weird)


def test_recognised_by_command_when_empty() -> None:
    """`$ conntrack -S` alone, and no other command of the tool."""
    assert _recognised("", "ip netns exec vm conntrack -S")
    assert not _recognised("", "conntrack -L")
    assert not _recognised("")


@pytest.mark.parametrize(
    "sample", ["cpu=0 is the first\n", "entries 90\n", "found 3\ndrop 4\n", "tcp 6 3 src=1.1.1.1\n"]
)
def test_other_files_are_not_claimed(sample: str) -> None:
    """Too few or unknown keys."""
    assert not _recognised(sample)


@given(st.text(), st.sampled_from(["", "cpu=0 found=", "entries "]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
