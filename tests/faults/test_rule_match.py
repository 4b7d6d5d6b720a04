"""Whether a rule takes a packet, by its text: yes, no, or not to be told."""

from pathlib import Path

import numpy as np
import packet_writer as w
import pytest

from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.details import read_details
from lastseen.faults.rule_match import NO, UNKNOWN, YES, Passage, takes
from lastseen.tables.details import DetailRows
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Source

PASSAGE = Passage(enters="w1", leaves="t0")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> DetailRows:
    """A FIN from port 443 of 40 bytes IP length, and a DNS query of a whole datagram."""
    frames = [
        w.ethernet(w.ipv4("192.0.2.80", "10.0.0.5", w.tcp(443, 40000, flags="FA"), identification=7)),
        w.ethernet(w.ipv4("10.0.0.5", "192.0.2.53", w.udp(5353, 53, b"q" * 30), ttl=32)),
    ]
    path = Path(tmp_path_factory.mktemp("rules")) / "a.pcap"
    path.write_bytes(w.pcap([(i, frame) for i, frame in enumerate(frames)]))
    with open_bytes(path) as source:
        capture, _ = read_capture(source, "a.pcap")
        return read_details(source, capture, np.arange(2))


def answers(layer: str, match: str, rows: DetailRows, passage: Passage = PASSAGE) -> tuple[int, int]:
    rule = Rule(
        source=Source(file="r.txt", line=1), layer=layer, place="t c", priority=None, match=match, actions="drop",
        packets=1, bytes=40, drops=True,
    )  # fmt: skip
    first, second = takes(rule, rows, passage).tolist()
    return first, second


@pytest.mark.parametrize(
    ("match", "fin", "query"),
    [
        ("", YES, YES),
        ("tcp dport 40000", YES, NO),
        ("tcp sport { 80, 443 }", YES, NO),
        ("tcp sport 400-500", YES, NO),
        ("tcp dport != 40000", NO, NO),
        ("udp dport domain", NO, YES),
        ("th dport 53", NO, YES),
        ("tcp dport @ports", UNKNOWN, NO),
        ("ip length < 46", YES, NO),
        ("ip length >= 46", NO, YES),
        ("ip length > 45", NO, YES),
        ("ip length <= 40", YES, NO),
        ("ip saddr 192.0.2.0/24", YES, NO),
        ("ip daddr != 10.0.0.0-10.0.0.9", NO, YES),
        ("ip saddr somewhere", UNKNOWN, UNKNOWN),
        ("ip protocol tcp", YES, NO),
        ("meta l4proto { tcp, udp }", YES, YES),
        ("meta nfproto ipv6", NO, NO),
        ("meta nfproto ipv4", YES, YES),
        ("ip version 4", UNKNOWN, UNKNOWN),
        ("ip ttl 32", NO, YES),
        ('iifname "w1"', YES, YES),
        ('iifname != "w1"', NO, NO),
        ('oifname "t*"', YES, YES),
        ('oifname "eth0"', NO, NO),
        ("tcp flags & fin == fin", YES, NO),
        ("tcp flags & (fin | syn) == syn", NO, NO),
        ("tcp flags & fin != fin", NO, YES),
        ("tcp flags & nothing == fin", UNKNOWN, UNKNOWN),
        ("tcp flags fin,rst", YES, NO),
        ("tcp flags == fin | ack", YES, NO),
        ("tcp flags fin / fin,syn", YES, NO),
        ("tcp flags what", UNKNOWN, UNKNOWN),
        ("ip frag-off & 0x1fff != 0", NO, NO),
        ("ip frag-off & 0x3fff != 0x0", NO, NO),
        ("ether saddr 02:00:00:00:00:99", NO, NO),
        ("ether daddr nowhere", UNKNOWN, UNKNOWN),
        ("ct state new tcp dport 40000", UNKNOWN, NO),
        ("icmp type 3", NO, NO),
        ("icmpv6 type packet-too-big", NO, NO),
        ("icmpv6 type { nd-neighbor-solicit, nd-router-advert }", NO, NO),
        ("sctp dport 5000", NO, NO),
        ("tcp option maxseg", UNKNOWN, NO),
        ("tcp doff 5", UNKNOWN, NO),
    ],
)
def test_nftables(match: str, fin: int, query: int, rows: DetailRows) -> None:
    assert answers("nft", match, rows) == (fin, query)


@pytest.mark.parametrize(
    ("match", "fin", "query"),
    [
        ("-p tcp -m tcp --dport 40000", YES, NO),
        ("-p tcp -m multiport --sports 80,443", YES, NO),
        ("! -p tcp", NO, YES),
        ("-s 192.0.2.80/32 -d 10.0.0.5/32", YES, NO),
        ("-s anywhere", UNKNOWN, UNKNOWN),
        ("-i w1 -o t+", YES, YES),
        ("! -i w1", NO, NO),
        ("-m length --length 0:45", YES, NO),
        ('-m comment --comment "x -p udp" -p tcp', YES, NO),
        ("-p tcp -m tcp --tcp-flags FIN,SYN FIN", YES, NO),
        ("-p tcp --tcp-flags ALL FIN,ACK", YES, NO),
        ("-p tcp --tcp-flags FIN NONE", NO, NO),
        ("-p tcp --tcp-flags ODD FIN", UNKNOWN, NO),
        ("-p tcp --tcp-flags FIN", UNKNOWN, NO),
        ("-p tcp --syn", NO, NO),
        ("-f", NO, NO),
        ("-m mac --mac-source 02:00:00:00:00:99", NO, NO),
        ("-m conntrack --ctstate NEW -p tcp", UNKNOWN, NO),
        ("-p", UNKNOWN, UNKNOWN),
        ("-m", YES, YES),
    ],
)
def test_iptables(match: str, fin: int, query: int, rows: DetailRows) -> None:
    assert answers("iptables", match, rows) == (fin, query)


@pytest.mark.parametrize(
    ("match", "fin", "query"),
    [
        ("priority=10,tcp,tp_src=443", YES, NO),
        ("udp,nw_dst=192.0.2.0/24", NO, YES),
        ("ip,nw_proto=6", YES, NO),
        ("ipv6", NO, NO),
        ("icmp", NO, NO),
        ("tcp,tcp_flags=+fin-syn", YES, NO),
        ("tcp,tcp_flags=0x1", UNKNOWN, NO),
        ("tcp,tcp_flags=+xyz", UNKNOWN, NO),
        ("dl_src=02:00:00:00:00:99", NO, NO),
        ("nw_frag=later", NO, NO),
        ("ip_frag=no", YES, YES),
        ("in_port=3", UNKNOWN, UNKNOWN),
        ("nw_ttl=32", NO, YES),
        ("", YES, YES),
    ],
)
def test_openflow(match: str, fin: int, query: int, rows: DetailRows) -> None:
    assert answers("openflow", match, rows) == (fin, query)


def test_an_interface_that_is_not_known_tells_nothing(rows: DetailRows) -> None:
    assert answers("nft", 'iifname "w1"', rows, Passage()) == (UNKNOWN, UNKNOWN)
