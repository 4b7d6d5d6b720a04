"""`nft monitor trace`: the packet a rule dropped."""

from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import nft_trace as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Drop

HEADER = 'trace id a95ea7ef ip filter trace packet: iif "enp0s25" ether saddr 00:0d:b9:4a:49:3d ether daddr 3c:97:0e:39:aa:20 '


def _drops(text: str) -> list[Drop]:
    return [row for row in rows(reader, text) if isinstance(row, Drop)]


def test_two_packets_dropped_by_a_rule() -> None:
    """UDP and TCP; the rule that jumped did not drop."""
    udp, tcp = _drops(sample("nft_trace/v1_0_6"))
    assert udp.location == "nft ip tr c: udp dport 9999 counter packets 0 bytes 0 drop"
    assert udp.packet is not None
    assert (udp.packet.src, udp.packet.dst) == (
        Endpoint(address="10.9.0.1", port=60664),
        Endpoint(address="10.9.0.2", port=9999),
    )
    assert (udp.packet.proto, udp.packet.ip_len_bytes, udp.packet.ip_id, udp.packet.out_device) == (
        17,
        33,
        1756,
        "va",
    )
    assert tcp.location == "nft ip tr c2: tcp dport 9998 drop"
    assert tcp.packet is not None
    assert (tcp.packet.proto, tcp.packet.tcp_flags, tcp.packet.ip_ttl) == (6, 2, 64)
    assert (tcp.reason, tcp.at_ns) == ("NETFILTER_DROP", None)


def test_a_policy_that_drops_and_an_ipv6_packet() -> None:
    """`policy drop`; the IPv6 payload length grows by its header; several flags."""
    text = (
        HEADER
        + "ip6 saddr fd00::1 ip6 daddr fd00::2 ip6 hoplimit 63 ip6 nexthdr tcp ip6 length 20 tcp sport 443 "
        "tcp dport 50184 tcp flags == fin | ack tcp window 1\n"
        "trace id a95ea7ef inet t c rule ct state new (verdict continue)\ntrace id a95ea7ef inet t c policy drop \n"
    )
    (drop,) = _drops(text)
    assert drop.location == "nft inet t c: policy"
    assert drop.packet is not None
    assert (drop.packet.ip_len_bytes, drop.packet.tcp_flags, drop.packet.in_device) == (60, 0x11, "enp0s25")
    assert (drop.packet.ip_id, drop.packet.src.address) == (None, "fd00::1")


def test_flags_as_a_number_or_unknown() -> None:
    """Old nft prints 0x12; a word that is no flag leaves them unknown."""
    start = HEADER + "ip saddr 10.0.0.1 ip daddr 10.0.0.2 tcp sport 1 tcp dport 2 "
    end = "\ntrace id a95ea7ef ip f c rule drop (verdict drop)\n"
    found = [
        _drops(start + flags + end)[0].packet for flags in ("tcp flags == 0x12", "tcp flags == abc", "x")
    ]
    assert [packet.tcp_flags if packet else -1 for packet in found] == [0x12, None, None]


def test_a_drop_without_its_packet() -> None:
    """The packet's line was before the file began, or names no addresses."""
    assert _drops("trace id 1 ip f c rule drop (verdict drop)\n")[0].packet is None
    assert (
        _drops("trace id 1 ip f c packet: iif lo\ntrace id 1 ip f c unknown rule handle 4 (verdict drop)\n")[
            0
        ].packet
        is None
    )
    assert _drops("trace id 1 ip f c policy accept\ntrace id 1 ip f c verdict accept\n") == []


def test_only_so_many_packets_are_kept() -> None:
    """The oldest are forgotten."""
    line = "trace id {:x} ip f c packet: ip saddr 10.0.0.1 ip daddr 10.0.0.2 ip id 1\n"
    text = "".join(line.format(number) for number in range(reader.MAX_PACKETS + 1))
    drops = _drops(text + "trace id 0 ip f c policy drop\ntrace id 1 ip f c policy drop\n")
    assert [drop.packet is None for drop in drops] == [True, False]


def test_other_lines() -> None:
    """Changes of the ruleset are known, other text is weird."""
    assert weirds(reader, "add rule ip t c drop\n# new generation 5 by process 1 (nft)\nhello\n") == [3]
    assert recognised(reader, "", "nft monitor trace")
    assert not recognised(reader, "hello")
