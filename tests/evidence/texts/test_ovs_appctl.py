"""`ovs-appctl coverage/show`: with rates, and before 2.1 without."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ovs_appctl as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

SAMPLE = """\
Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash=4b9fe5fd:
drop_action_of_pipeline    0.0/sec     0.000/sec        0.0000/sec   total: 17
datapath_drop_upcall_error_longer_than_columns 12.5/sec   100.000/sec     2000.0000/sec   total: 20
104 events never hit
"""
OLD = "Event coverage (epoch 123/entire run), hash=9d3e4b5a:\nnetlink_received            5 /       1234\n104 events never hit\n"


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_totals_are_counters() -> None:
    """One row an event, whatever its name's length; rates are left out."""
    values = {row.name: row.value for row in _rows(SAMPLE) if isinstance(row, Counter)}
    assert values == {"drop_action_of_pipeline": 17, "datapath_drop_upcall_error_longer_than_columns": 20}
    assert {(row.family, row.scope) for row in _rows(SAMPLE) if isinstance(row, Counter)} == {
        ("ovs_coverage", "")
    }
    assert len(_rows(SAMPLE)) == 2


def test_the_form_without_rates_is_read() -> None:
    """Before 2.1: events since the last epoch, then of the whole run."""
    (row,) = _rows(OLD)
    assert isinstance(row, Counter)
    assert (row.name, row.value) == ("netlink_received", 1234)


def test_recognised_by_heading_rates_or_command() -> None:
    """The heading may be missing."""
    assert _recognised(SAMPLE)
    assert _recognised(OLD)
    assert _recognised("\n".join(SAMPLE.splitlines()[1:]))
    assert _recognised("", "ovs-appctl -t ovs-vswitchd coverage/show")


def test_a_cut_line_is_weird() -> None:
    """A total that is missing is not zero."""
    assert [
        type(row) for row in _rows("netlink_received   0.0/sec     0.000/sec        0.0000/sec   total:")
    ] == [Weird]


@given(st.text(max_size=300), st.integers(0, 2000), st.randoms(use_true_random=False))
def test_arbitrary_cut_or_shuffled_text_never_raises(noise: str, cut: int, random: object) -> None:
    """Whatever the file holds, reading ends with rows and weirds."""
    lines = (SAMPLE[:cut] + noise + SAMPLE[cut:]).splitlines()
    random.shuffle(lines)  # type: ignore[attr-defined]
    for sample in (noise, SAMPLE[:cut], "\n".join(lines)):
        assert all(row is not None for row in _rows(sample))
        _recognised(sample)


def test_prose_and_source_code_are_not_recognised() -> None:
    """A reader must leave other people's files alone."""
    assert not _recognised("The switch dropped packets, see table=0 and port 1.\nAll is well.\n")
    assert not _recognised("import sys\n\n\ndef drop(port):\n    return port\n")
    assert not _recognised("", "uname -a")
    assert not _recognised("")
