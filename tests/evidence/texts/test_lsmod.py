"""`lsmod`."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import lsmod as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

SAMPLE = """\
Module                  Size  Used by
nfnetlink_cttimeout    20480  0
openvswitch           192512  9
nsh                    16384  1 openvswitch
9p                     81920  1
permanent              16384  -2
"""


def _rows(sample: str) -> list[Setting | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_a_setting_a_module() -> None:
    """Name and use count."""
    rows = _rows(SAMPLE)
    assert {row.name: row.value for row in rows if isinstance(row, Setting)} == {
        "nfnetlink_cttimeout": "0",
        "openvswitch": "9",
        "nsh": "1",
        "9p": "1",
        "permanent": "-2",
    }
    assert {row.scope for row in rows if isinstance(row, Setting)} == {"module"}


def test_other_lines_are_weird() -> None:
    """A cut line."""
    assert isinstance(_rows(SAMPLE + "nf_nat   573")[-1], Weird)


def test_recognition() -> None:
    """By its header, or by command when there is no output."""
    assert _recognised(SAMPLE)
    assert _recognised("", "lsmod")
    assert not _recognised("Module for sale\n")
    assert not _recognised("")


@given(st.text(), st.sampled_from(["", SAMPLE]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
