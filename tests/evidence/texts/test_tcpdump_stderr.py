"""tcpdump's stderr: interfaces and closing lines, several captures in one file."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import tcpdump_stderr as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

SAMPLE = """\
tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes
41 packets captured
42 packets received by filter
3 packets dropped by kernel
tcpdump: listening on ens3, link-type EN10MB (Ethernet), capture size 262144 bytes
^C1 packet captured
1 packet received by filter
0 packets dropped by kernel
2 packets dropped by interface
tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes
7 packets captured
7 packets received by filter
0 packets dropped by kernel
"""
CHATTY = """\
tcpdump: data link type LINUX_SLL2
dropped privs to tcpdump
tcpdump: verbose output suppressed, use -v[v]... for full protocol decode
listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes
0 packets captured
0 packets received by filter
0 packets dropped by kernel
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str) -> dict[tuple[str, str], int | None]:
    return {(row.scope, row.name): row.value for row in _rows(sample) if isinstance(row, Counter)}


def test_each_capture_has_its_counts() -> None:
    """The second capture on an interface of the same name gets "#2"."""
    values = _values(SAMPLE)
    assert values["eth0", "packets_captured"] == 41
    assert values["eth0", "packets_received_by_filter"] == 42
    assert values["eth0", "packets_dropped_by_kernel"] == 3
    assert values["ens3", "packets_captured"] == 1
    assert values["ens3", "packets_dropped_by_interface"] == 2
    assert values["eth0#2", "packets_captured"] == 7
    assert len(values) == len(_rows(SAMPLE)) == 10


def test_messages_before_listening_are_known() -> None:
    """Privileges, link types and verbosity are chatter."""
    assert len(_values(CHATTY)) == len(_rows(CHATTY)) == 3
    assert ("any", "packets_captured") in _values(CHATTY)


def test_counts_of_interleaved_captures_belong_to_nobody() -> None:
    """Two captures writing to one file at the same time cannot be told apart."""
    lines = SAMPLE.splitlines()
    rows = _rows("\n".join([lines[0], lines[4], *lines[1:4], *lines[5:8]]))
    assert rows
    assert all(isinstance(row, Weird) for row in rows)


def test_counts_without_an_interface_have_no_scope() -> None:
    """A file cut at its start still tells its numbers."""
    assert _values("5 packets captured\n0 packets dropped by kernel\n") == {
        ("", "packets_captured"): 5,
        ("", "packets_dropped_by_kernel"): 0,
    }


def test_recognised_only_without_packets() -> None:
    """Packets printed as text belong to another reader, whatever their last lines."""
    assert _recognised(SAMPLE)
    assert _recognised(CHATTY)
    packet = "12:00:00.000001 IP 10.0.0.1.1 > 10.0.0.2.2: Flags [S], seq 1, win 64240, length 0\n"
    assert not _recognised(CHATTY + packet)


def test_other_lines_are_weird() -> None:
    """An error message is kept as one."""
    assert [type(row) for row in _rows("tcpdump: eth9: No such device exists\n")] == [Weird]


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
