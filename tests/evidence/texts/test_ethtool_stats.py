"""`ethtool -S`."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ethtool_stats as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

SAMPLE = """\
NIC statistics:
     rx_packets: 33
     rx_csum_offload_errors: 2
     [0]: rx_ucast_packets: 7
     Tx Errors: 0
     queue_0_drops: 18446744073709551615
     temperature: -3
"""
STANDARD = "Standard stats for eth1:\neth-mac-FramesTransmittedOK: 902623288966\n"


def _rows(sample: str, command: str = "") -> list[Counter | Weird]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_every_counter_under_the_drivers_name() -> None:
    """Names may hold blanks, brackets and colons."""
    rows = _rows(SAMPLE, "ethtool -S ens3")
    assert {row.name: row.value for row in rows if isinstance(row, Counter)} == {
        "rx_packets": 33,
        "rx_csum_offload_errors": 2,
        "[0]: rx_ucast_packets": 7,
        "Tx Errors": 0,
        "queue_0_drops": 2**64 - 1,
        "temperature": -3,
    }
    assert {(row.family, row.scope) for row in rows if isinstance(row, Counter)} == {("nic", "ens3")}


def test_without_a_command_the_interface_is_unknown() -> None:
    """But the heading of standard counters names it."""
    assert {row.scope for row in _rows(SAMPLE) if isinstance(row, Counter)} == {""}
    assert {row.scope for row in _rows(STANDARD) if isinstance(row, Counter)} == {"eth1"}
    assert {
        row.scope for row in _rows(STANDARD, "ethtool -S eth1 --groups eth-mac") if isinstance(row, Counter)
    } == {"eth1"}


def test_other_lines_are_weird() -> None:
    """A value that is no number, a cut line, a counter under no heading; a refusal of the tool is none."""
    for sample in ("     rx_packets: many\n", "     rx_pack", f"     a: {'9' * 5000}\n", "     : 5\n"):
        assert isinstance(_rows("NIC statistics:\n" + sample)[0], Weird)
    assert isinstance(_rows("     rx_packets: 5\n")[0], Weird)
    assert _rows("no stats available\n") == []


def test_recognition() -> None:
    """By heading, or by command when there is no output."""
    assert _recognised(SAMPLE)
    assert _recognised(STANDARD)
    assert _recognised("", "ethtool -S eth0")
    assert not _recognised("", "ethtool -k eth0")
    assert not _recognised("statistics: of NICs\n")
    assert not _recognised("")


@given(st.text(), st.sampled_from(["", "NIC statistics:\n     ", "     a: "]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
