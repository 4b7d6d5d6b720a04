"""`conntrack -L` and /proc/net/nf_conntrack."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import conntrack_list as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import ConntrackEntry
from lastseen.tables.sources import Weird

SHOWN = "conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.\n"
TCP = (
    "tcp      6 431995 ESTABLISHED src=10.20.0.15 dst=203.0.113.80 sport=50184 dport=443 src=203.0.113.80 "
    "dst=10.20.0.15 sport=443 dport=50184 [ASSURED] mark=0 zone=100 use=1\n"
)
UDP = (
    "udp      17 29 src=192.168.50.11 dst=192.168.50.21 sport=4355 dport=6081 [UNREPLIED] src=192.168.50.21 "
    "dst=192.168.50.11 sport=6081 dport=4355 mark=0 use=1\n"
)
PROC = (
    "ipv4     2 tcp      6 117 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 packets=1 bytes=60 [UNREPLIED] "
    "src=10.0.0.2 dst=10.9.9.9 sport=80 dport=1000 packets=0 bytes=0 mark=0 secctx=null zone=5 use=2\n"
)
V6 = (
    "ipv6     10 icmpv6   58 29 src=fe80::1 dst=fe80:0:0:0:0:0:0:2 type=128 code=0 id=7 src=fe80::2 dst=fe80::1 type=129 "
    "code=0 id=7 mark=0 use=1\n"
)
OFFLOADED = (
    "tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [HW_OFFLOAD] mark=0 "
    "use=3 id=123\n"
)
TIMESTAMPED = (
    "tcp      6 28 LAST_ACK src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [ASSURED] "
    "mark=0 delta-time=12 [start=Sat Apr  2 10:31:53 2022] use=1\n"
)


def _rows(sample: str) -> list[ConntrackEntry | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _entry(sample: str) -> ConntrackEntry:
    (row,) = _rows(sample)
    assert isinstance(row, ConntrackEntry)
    return row


def test_a_tcp_entry() -> None:
    """Both directions, what is left, zone and marks."""
    entry = _entry(SHOWN + TCP)
    assert (entry.proto, entry.state, entry.timeout_s, entry.zone) == ("tcp", "ESTABLISHED", 431995, 100)
    assert entry.original_src == Endpoint(address="10.20.0.15", port=50184)
    assert entry.original_dst == Endpoint(address="203.0.113.80", port=443)
    assert entry.reply_src == Endpoint(address="203.0.113.80", port=443)
    assert entry.reply_dst == Endpoint(address="10.20.0.15", port=50184)
    assert entry.marks == {"ASSURED"}
    assert entry.source.line == 2


def test_a_udp_entry_has_no_state() -> None:
    """No zone printed is not zone 0."""
    entry = _entry(UDP)
    assert (entry.proto, entry.state, entry.zone) == ("udp", "", None)
    assert entry.marks == {"UNREPLIED"}


def test_the_proc_file_and_extended_output() -> None:
    """The family stands before the line, packets and bytes between the tuples."""
    entry = _entry(PROC)
    assert (entry.proto, entry.state, entry.timeout_s, entry.zone) == ("tcp", "SYN_SENT", 117, 5)
    assert entry.reply_dst == Endpoint(address="10.9.9.9", port=1000)


def test_icmp_has_no_ports() -> None:
    """Addresses are canonical."""
    entry = _entry(V6)
    assert (entry.proto, entry.original_dst) == ("icmpv6", Endpoint(address="fe80::2"))


def test_offloaded_entries_have_neither_timeout_nor_state() -> None:
    """Both are unknown, the mark says why."""
    entry = _entry(OFFLOADED)
    assert (entry.timeout_s, entry.state) == (None, "")
    assert entry.marks == {"HW_OFFLOAD"}


def test_a_time_stamp_is_no_mark() -> None:
    """`-o timestamp` prints brackets too."""
    assert _entry(TIMESTAMPED).marks == {"ASSURED"}


def test_an_unknown_protocol_is_its_number() -> None:
    """As the kernel prints protocols without a tracker."""
    assert (
        _entry(
            "unknown  2 597 src=10.0.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.0.0.1 use=1"
        ).proto
        == "2"
    )


def test_cut_lines_are_weird() -> None:
    """One direction only, a broken address, any other text."""
    for sample in (TCP[:90], TCP.replace("10.20.0.15", "10.20.0"), "hello\n"):
        assert isinstance(_rows(sample)[0], Weird)


@pytest.mark.parametrize("sample", [SHOWN, SHOWN + TCP + UDP, TCP, PROC, V6, OFFLOADED, TIMESTAMPED])
def test_recognised_by_content(sample: str) -> None:
    """With or without the closing line, which may come first."""
    assert _recognised(sample)


def test_recognised_by_command_when_empty() -> None:
    """And not by the tool's other commands."""
    assert _recognised("", "conntrack -L")
    assert _recognised("", "cat /proc/net/nf_conntrack")
    assert not _recognised("", "conntrack -S")
    assert not _recognised("", "cat /proc/net/stat/nf_conntrack")


@pytest.mark.parametrize(
    "sample",
    [
        "tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1)\n",
        "conntrack v1.4.7 (conntrack-tools)\n",
        "udp port 17 is src=1.1.1.1\n",
        "",
    ],
)
def test_other_files_are_not_claimed(sample: str) -> None:
    """The datapath's own dump, a version, prose."""
    assert not _recognised(sample)


@given(
    st.text(),
    st.sampled_from(
        ["", "tcp 6 1 SYN_SENT src=", "udp 17 1 src=1.1.1.1 dst=1.1.1.1 src=1.1.1.1 dst=1.1.1.1 "]
    ),
)
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
