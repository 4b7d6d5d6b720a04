"""`netstat -s`: sentences back into nstat's names."""

import pytest
from reading import counters, recognised, sample, weirds

from lastseen.evidence.texts import netstat_s as reader
from lastseen.evidence.texts import nstat, proc_net_snmp

OLD = """\
Ip:
    1234 total packets received
    3 outgoing packets dropped
    2 packet reassembles failed
Icmp:
    12 ICMP messages received
    0 input ICMP message failed.
    ICMP input histogram:
        destination unreachable: 9
        echo replies: 3
    ICMP output histogram:
        echo request: 3
Tcp:
    5 active connections openings
    89 segments send out
    7 segments retransmited
    1 bad segments received.
Udp:
    4 packets to unknown port received.
TcpExt:
    123 passive connections rejected because of time stamp
    4 packets rejects in established connections because of timestamp
    17 times the listen queue of a socket overflowed
    19 SYNs to LISTEN sockets dropped
    Quick ack mode was activated 6 times
    TCPBacklogDrop: 8
IpExt:
    InBcastPkts: 11
"""


def test_sentences_of_1_60_have_the_names_of_nstat() -> None:
    """Old spellings, a final dot, the number in the middle, ICMP's lists, and `Name: value`."""
    assert {name: value for (_, name), value in counters(reader, OLD).items()} == {
        "IpInReceives": 1234, "IpOutDiscards": 3, "IpReasmFails": 2, "IcmpInMsgs": 12, "IcmpInErrors": 0,
        "IcmpInDestUnreachs": 9, "IcmpInEchoReps": 3, "IcmpOutEchos": 3, "TcpActiveOpens": 5, "TcpOutSegs": 89,
        "TcpRetransSegs": 7, "TcpInErrs": 1, "UdpNoPorts": 4, "TcpExtPAWSPassive": 123, "TcpExtPAWSEstab": 4,
        "TcpExtListenOverflows": 17, "TcpExtListenDrops": 19, "TcpExtDelayedACKLost": 6, "TcpExtTCPBacklogDrop": 8,
        "IpExtInBcastPkts": 11,
    }  # fmt: skip
    assert weirds(reader, OLD) == []


@pytest.mark.parametrize("name", ["net_tools_2_10", "v6"])
def test_every_name_is_one_that_nstat_or_proc_has(name: str) -> None:
    """Whichever text it comes from, a counter has one name."""
    known = {
        *counters(nstat, sample("nstat/az")),
        *(key for file in ("snmp", "netstat", "snmp6") for key in counters(proc_net_snmp, sample(f"proc_net_snmp/{file}"))),
    }  # fmt: skip
    found = counters(reader, sample(f"netstat_s/{name}"))
    assert len(found) > 20
    # The kernel lists a type of ICMP message only once it has met it.
    assert {key for key in set(found) - known if "Type" not in key[1]} == set()


def test_ipv6_names_differ_where_the_sentences_do_not() -> None:
    """Echo replies."""
    text = "Icmp6:\n    ICMP input histogram:\n        echo replies: 3\n"
    assert counters(reader, text) == {("", "Icmp6InEchoReplies"): 3}


def test_what_is_no_sentence_is_weird() -> None:
    """Unknown sentences, a line before any section."""
    assert weirds(reader, "Tcp:\n    7 cows seen\n") == [2]
    assert weirds(reader, "    7 segments received\n") == [1]


def test_recognition() -> None:
    """By command, or by a section with a sentence; a section alone is anything's."""
    assert recognised(reader, "", "netstat -s")
    assert recognised(reader, "", "ip netns exec vm netstat -st")
    assert not recognised(reader, "", "netstat -an")
    assert not recognised(reader, "Tcp:\n  nothing\n")
