"""`tc -s qdisc`: counters of each discipline."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import tc_qdisc as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

SAMPLE = """\
qdisc noqueue 0: dev lo root refcnt 2 
 Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
qdisc mq 0: dev eth0 root 
 Sent 100 bytes 4 pkt (dropped 3, overlimits 2 requeues 1) 
 backlog 12Kb 5p requeues 1
qdisc fq_codel 0: dev eth0 parent :1 limit 10240p flows 1024 quantum 1514 target 5ms ecn 
 Sent 60 bytes 2 pkt (dropped 1, overlimits 0 requeues 0) 
 rate 0bit 0pps backlog 1514b 1p requeues 0
  maxpacket 0 drop_overlimit 0 new_flow_count 0 ecn_mark 0
  new_flows_len 0 old_flows_len 0
qdisc tbf 8001: dev eth1 parent 1:10 rate 1Mbit burst 5Kb lat 50ms 
 Sent 7 bytes 1 pkts (dropped 9, overlimits 8 requeues 0) 
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str, command: str = "") -> dict[tuple[str, str], int | None]:
    return {(row.scope, row.name): row.value for row in _rows(sample, command) if isinstance(row, Counter)}


def test_each_discipline_has_its_counters() -> None:
    """Named by kind and handle; the parent too where the handle is shared."""
    values = _values(SAMPLE)
    assert values["eth0", "mq 0: sent_bytes"] == 100
    assert values["eth0", "mq 0: sent_packets"] == 4
    assert values["eth0", "mq 0: dropped"] == 3
    assert values["eth0", "mq 0: overlimits"] == 2
    assert values["eth0", "mq 0: requeues"] == 1
    assert values["eth0", "fq_codel 0: parent :1 dropped"] == 1
    assert values["eth1", "tbf 8001: dropped"] == 9
    assert len(values) == len(_rows(SAMPLE)) == 26


def test_the_backlog_may_be_rounded_and_follow_a_rate() -> None:
    """12Kb are 12 * 1024 bytes."""
    values = _values(SAMPLE)
    assert values["eth0", "mq 0: backlog_bytes"] == 12 * 1024
    assert values["eth0", "mq 0: backlog_packets"] == 5
    assert values["eth0", "fq_codel 0: parent :1 backlog_bytes"] == 1514


def test_a_device_asked_for_is_the_commands() -> None:
    """`tc -s qdisc show dev X` leaves the device out of its lines."""
    sample = SAMPLE.replace(" dev eth0", "")
    assert _values(sample, "tc -s qdisc show dev ens9")["ens9", "mq 0: dropped"] == 3


def test_recognised_by_its_first_line_or_command() -> None:
    """Filters and JSON are not this reader's."""
    assert _recognised(SAMPLE)
    assert _recognised("", "ip netns exec vm tc -s qdisc")
    assert not _recognised("", "tc -s -j qdisc")
    assert not _recognised("filter protocol ip pref 1 u32\n")


def test_classes() -> None:
    """`tc -s class` prints the same lines below another heading."""
    sample = (
        "class htb 1:10 dev eth0 root prio 0\n Sent 120 bytes 1 pkt (dropped 2, overlimits 3 requeues 4) \n"
    )
    assert _values(sample)["eth0", "class htb 1:10 dropped"] == 2
    assert _recognised(sample)


def test_lines_before_any_discipline_are_weird() -> None:
    """Counters without a device belong to nobody."""
    assert [type(row) for row in _rows(" backlog 0b 0p requeues 0\nRTNETLINK answers: No such device\n")] == [
        Weird
    ] * 2


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
