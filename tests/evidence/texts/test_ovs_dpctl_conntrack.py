"""`dpctl/dump-conntrack`: protocols, states, optional fields."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ovs_dpctl_conntrack as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import ConntrackEntry
from lastseen.tables.sources import Weird

SAMPLE = """\
udp,orig=(src=192.168.50.21,dst=192.168.50.11,sport=45904,dport=6081),reply=(src=192.168.50.11,dst=192.168.50.21,sport=6081,dport=45904)
tcp,orig=(src=10.20.0.15,dst=203.0.113.80,sport=57530,dport=443),reply=(src=203.0.113.80,dst=10.20.0.15,sport=443,dport=57530),zone=100,protoinfo=(state=CLOSING)
icmpv6,orig=(src=fe80::0:1,dst=fe80::2,id=7,type=128,code=0),reply=(src=fe80::2,dst=fe80::1,id=7,type=129,code=0),zone=5
"""
FULL = "tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2,packets=5,bytes=300),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1,packets=0,bytes=0),id=123,zone=9,status=SEEN_REPLY|ASSURED|CONFIRMED,timeout=86399,mark=1,labels=0x1,protoinfo=(state_orig=ESTABLISHED,state_reply=FIN_WAIT_1),helper=ftp"


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_each_connection_becomes_an_entry() -> None:
    """Both directions, the zone and the state as printed; no timeout printed is None."""
    entry = _rows(SAMPLE)[1]
    assert isinstance(entry, ConntrackEntry)
    assert (entry.proto, entry.state, entry.zone, entry.timeout_s) == ("tcp", "CLOSING", 100, None)
    assert entry.original_src == Endpoint(address="10.20.0.15", port=57530)
    assert entry.reply_src == Endpoint(address="203.0.113.80", port=443)


def test_ipv6_is_canonical_and_icmp_has_no_ports() -> None:
    """Addresses are as `ipaddress` prints them; port 0 stands for none."""
    entry = _rows(SAMPLE)[2]
    assert isinstance(entry, ConntrackEntry)
    assert (entry.proto, entry.state, entry.original_src) == ("icmpv6", "", Endpoint(address="fe80::1"))


def test_statistics_and_more_fields_are_read() -> None:
    """-s and -m add counters, status, timeout and one state a side."""
    (entry,) = _rows(FULL)
    assert isinstance(entry, ConntrackEntry)
    assert (entry.timeout_s, entry.zone) == (86399, 9)
    assert entry.marks == {"SEEN_REPLY", "ASSURED", "CONFIRMED"}
    assert entry.state == "ESTABLISHED/FIN_WAIT_1"


def test_recognised_by_content_or_command() -> None:
    """An empty table is recognised by its command; `conntrack -L` is another's."""
    assert _recognised(SAMPLE)
    assert _recognised("", "ovs-appctl dpctl/dump-conntrack")
    assert not _recognised("tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2\n")


def test_bad_addresses_and_cut_lines_are_weird() -> None:
    """An entry with an address that is none, or with half its text, is no entry."""
    bad = SAMPLE.replace("10.20.0.15", "10.20.0.315").splitlines()[1]
    assert [type(row) for row in _rows(bad + "\n" + FULL[:60])] == [Weird, Weird]


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
