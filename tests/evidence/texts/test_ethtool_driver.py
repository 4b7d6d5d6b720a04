"""`ethtool -i`."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ethtool_driver as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface
from lastseen.tables.sources import Weird

SAMPLE = """\
driver: e1000
version: 6.1.0-56-amd64
firmware-version: 
expansion-rom-version: 
bus-info: 0000:00:04.0
supports-statistics: yes
supports-test: yes
supports-eeprom-access: yes
supports-register-dump: yes
supports-priv-flags: no
"""


def _rows(sample: str, command: str = "") -> list[Interface | Weird]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_the_driver_of_the_interface_in_the_command() -> None:
    """The output itself does not name the interface."""
    (row,) = _rows(SAMPLE, "ip netns exec vm ethtool -i ens3")
    assert isinstance(row, Interface)
    assert (row.name, row.kind) == ("ens3", "e1000")
    (row,) = _rows(SAMPLE)
    assert isinstance(row, Interface)
    assert (row.name, row.kind) == ("", "e1000")


def test_other_lines_are_weird() -> None:
    """A refusal of the tool is none."""
    assert isinstance(_rows("hello\n")[0], Weird)
    assert _rows("Cannot get driver information: No such device\n") == []


def test_recognition() -> None:
    """By its first two lines, or by command when there is no output."""
    assert _recognised(SAMPLE)
    assert _recognised("", "ethtool -i eth0")
    assert not _recognised("", "ethtool -k eth0")
    assert not _recognised("driver: a person\nversion: 1\n")
    assert not _recognised("driver: x\n")
    assert not _recognised("")


@given(st.text(), st.sampled_from(["", "driver: ", SAMPLE]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
