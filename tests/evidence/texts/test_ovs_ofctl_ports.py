"""`ovs-ofctl dump-ports`: OpenFlow versions, port names, unknown counters."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ovs_ofctl_ports as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

SAMPLE = """\
OFPST_PORT reply (xid=0x2): 3 ports
  port LOCAL: rx pkts=0, bytes=0, drop=0, errs=0, frame=0, over=0, crc=0
           tx pkts=0, bytes=0, drop=0, errs=0, coll=0
  port  1: rx pkts=103, bytes=11196, drop=4, errs=0, frame=0, over=0, crc=0
           tx pkts=58, bytes=23695, drop=7, errs=0, coll=1
  port  2: rx pkts=101, bytes=26123, drop=?, errs=?, frame=?, over=?, crc=?
           tx pkts=89, bytes=10204, drop=?, errs=?, coll=?
"""
OPENFLOW_13 = """\
OFPST_PORT reply (OF1.3) (xid=0x2): 2 ports
  port "tap1": rx pkts=1, bytes=2, drop=0, errs=0, frame=0, over=0, crc=0
           tx pkts=3, bytes=4, drop=0, errs=0, coll=0
           duration=1.001s
           rx rfc2819 broadcast_packets=5, undersized_errors=6,
                     1_to_64_packets=7
           tx rfc2819 multicast_packets=8
           CUSTOM Statistics
                      tx_retries=9, ovs_tx_failure_drops=10,
  port 10: rx pkts=18446744073709551615, bytes=2, drop=0, errs=0, frame=0, over=0, crc=0
           tx pkts=3, bytes=4, drop=0, errs=0, coll=0
           duration=?
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str, command: str = "") -> dict[tuple[str, str], int | None]:
    return {(row.scope, row.name): row.value for row in _rows(sample, command) if isinstance(row, Counter)}


def test_each_number_is_a_counter_of_its_port() -> None:
    """Twelve counters a port, named as Open vSwitch names interface statistics."""
    values = _values(SAMPLE, "ovs-ofctl dump-ports br-int")
    assert len(values) == 36
    assert values["br-int/1", "rx_packets"] == 103
    assert values["br-int/1", "rx_dropped"] == 4
    assert values["br-int/1", "tx_dropped"] == 7
    assert values["br-int/1", "tx_collisions"] == 1
    assert values["br-int/LOCAL", "rx_crc_err"] == 0


def test_a_question_mark_is_unknown_not_zero() -> None:
    """`?` becomes None."""
    values = _values(SAMPLE, "ovs-ofctl dump-ports br-int")
    assert values["br-int/2", "rx_dropped"] is None
    assert values["br-int/2", "tx_errors"] is None


def test_later_openflow_adds_durations_names_and_extra_sections() -> None:
    """Quoted names, rfc2819 and custom statistics are read, durations passed over."""
    values = _values(OPENFLOW_13)
    assert values["tap1", "rx_broadcast_packets"] == 5
    assert values["tap1", "rx_1_to_64_packets"] == 7
    assert values["tap1", "tx_multicast_packets"] == 8
    assert values["tap1", "ovs_tx_failure_drops"] == 10
    assert values["10", "rx_packets"] == 2**64 - 1
    assert not [row for row in _rows(OPENFLOW_13) if isinstance(row, Weird)]


def test_recognised_by_heading_port_line_or_command() -> None:
    """The heading may be missing, and the whole output too."""
    assert _recognised(SAMPLE)
    assert _recognised(OPENFLOW_13)
    assert _recognised(SAMPLE.partition("\n")[2])
    assert _recognised("", "ovs-ofctl dump-ports br-int")
    assert not _recognised("", "ovs-ofctl dump-ports-desc br-int")


def test_counters_before_a_port_and_stray_lines_are_weird() -> None:
    """A file cut at its start cannot say whose counters come first."""
    rows = _rows("           tx pkts=58, bytes=23695, drop=7, errs=0, coll=1\nnot a port\n")
    assert [type(row) for row in rows] == [Weird, Weird]


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
