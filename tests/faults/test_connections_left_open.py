"""What rules about connections, refusals and addresses say where the evidence is short, odd, or of another connection."""

import ipaddress
import struct
from dataclasses import replace
from pathlib import Path

import packet_writer as w
import pytest
from case_scripts import for_it, judged, missing
from written_cases import (
    MS,
    START_NS,
    TAP,
    TUNNEL,
    Sent,
    Talk,
    View,
    packets,
    seed_talk,
    seen,
    two_points,
)

from lastseen.tables.judgements import Supported

CLIENT, OWNER, RIVAL = (bytes.fromhex(mac) for mac in ("0200000000c1", "0200000000a1", "0200000000a2"))
STALE = bytes.fromhex("0200000000de")


def arp(at_ms: float, mac: bytes, sender: str = "10.0.0.80") -> tuple[int, bytes]:
    target = ipaddress.ip_address("10.0.0.80").packed
    body = (
        struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1)
        + mac
        + ipaddress.ip_address(sender).packed
        + bytes(6)
        + target
    )
    return START_NS + int(at_ms * MS), b"\xff" * 6 + mac + b"\x08\x06" + body


def closed(server: str, *, waits_ms: float = 0) -> Talk:
    """A request that is answered, after a wait where it is asked for."""
    talk = Talk(client=("10.0.0.5", 40000), server=(server, 443), timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=200)
    talk.send(11, "A")
    talk.send(12 + waits_ms, "PA", size=700)
    talk.send(13 + waits_ms, "A", client=True)
    talk.send(20 + waits_ms, "FA")
    talk.send(21 + waits_ms, "FA", client=True)
    talk.send(22 + waits_ms, "A")
    return talk


@pytest.mark.parametrize("waits_ms", [0, 3000])
def test_two_owners_of_an_address_matter_where_a_connection_with_it_suffers(
    tmp_path: Path, waits_ms: float
) -> None:
    """A stall of another address does not count, and a probe from 0.0.0.0 claims nothing."""
    claims = [arp(-60, STALE, "0.0.0.0"), arp(-55, RIVAL, "0.0.0.0"), arp(-50, OWNER), arp(5, RIVAL)]
    talks = [closed("10.0.0.80", waits_ms=waits_ms), closed("192.0.2.7", waits_ms=4000)]
    capture = w.pcap(sorted([*packets(talks, View()), *claims]))
    said = judged(tmp_path, {"segment.pcap": capture}, "duplicate_address")
    if waits_ms:
        assert "stood still for 3.0" in for_it(said)
        assert "0.0.0.0" not in for_it(said)
    else:
        assert "a connection with 10.0.0.80 that suffered" in missing(said)


def refused(number: int, *, begin: float = 500) -> Talk:
    """A SYN that a router refuses for a policy's sake."""
    talk = Talk(client=("10.0.0.5", 41000 + number), server=("192.0.2.81", 8080))
    talk.send(begin, "S", client=True)
    error = w.icmp(3, 13, rest=bytes(4), data=talk.sent[-1].packet)
    talk.raw(begin + 0.5, w.ipv4("10.0.0.1", "10.0.0.5", error, identification=7 + number))
    return talk


def test_a_refusal_is_not_placed_at_a_hop_that_lost_something_else(tmp_path: Path) -> None:
    files = two_points([seed_talk()], TUNNEL, TAP)
    files["2_tap.pcap"] = seen([seed_talk(), refused(0)], TAP)
    said = judged(tmp_path, files, "firewall_deny")
    assert isinstance(said, Supported)
    assert said.hop != 0
    assert "10.0.0.5:41000" in said.summary


def test_a_closed_port_stays_one_where_another_connection_loses_packets(tmp_path: Path) -> None:
    closed_port = Talk(client=("10.0.0.5", 41000), server=("192.0.2.80", 8080))
    closed_port.send(500, "S", client=True)
    closed_port.send(500.5, "RA")
    sockets = "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\nLISTEN 0 64 0.0.0.0:443 0.0.0.0:*\n"
    address = (
        "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
        "    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
        "    inet 192.0.2.80/24 scope global eth0\n       valid_lft forever preferred_lft forever\n"
    )
    files = two_points(
        [seed_talk(), closed_port], TUNNEL, replace(TAP, drop=lambda s: TAP.drop(s) and "R" not in s.flags)
    )
    files |= {"after/server/ss_-tlna.txt": sockets, "after/server/ip_addr.txt": address}
    said = judged(tmp_path, files, "port_closed")
    assert "none on port 8080" in for_it(said)


@pytest.mark.parametrize(("syns", "stalls"), [(False, False), (True, False), (True, True)])
def test_an_error_that_quotes_a_connection_refuses_it_only_where_it_stands_still(
    tmp_path: Path, syns: bool, stalls: bool
) -> None:
    """Neither one whose begin nobody saw nor one that goes on was refused."""
    talk = Talk(timestamps=True)
    if syns:
        talk.opening()
    talk.exchange(20, segments=1)
    talk.send(100, "PA", client=True, size=150)
    quoted = talk.sent[-1].packet
    talk.raw(
        100.5, w.ipv4("10.0.0.1", "10.0.0.5", w.icmp(3, 13, rest=bytes(4), data=quoted), identification=9)
    )
    if stalls:
        for at_ms in (300, 700, 1500, 3100):
            talk.send(
                at_ms,
                "PA",
                client=True,
                size=150,
                again=next(s.number for s in talk.sent if s.packet == quoted),
            )
    else:
        talk.send(101, "A")
        talk.send(102, "PA", size=300)
        talk.send(103, "A", client=True)
    said = judged(tmp_path, {"tap.pcap": seen([talk], View())}, "firewall_deny")
    assert isinstance(said, Supported) == stalls


def test_a_rule_for_other_ports_rejected_nothing_of_this(tmp_path: Path) -> None:
    def rules(first: int, second: int) -> str:
        return (
            "table ip f {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n"
            f"\t\ttcp dport 22 counter packets {first} bytes {60 * first} reject with icmp admin-prohibited\n"
            f"\t\tct mark 7 counter packets {second} bytes {60 * second} reject with icmp admin-prohibited\n\t}}\n}}\n"
        )

    files: dict[str, bytes | str] = {
        "tap.pcap": seen([closed("192.0.2.80"), refused(0)], View()),
        "before/router/nft.txt": rules(0, 0),
        "after/router/nft.txt": rules(1, 30),
    }
    said = judged(tmp_path, files, "firewall_deny")
    assert "dport 22" not in for_it(said)
    assert "mark 7" not in for_it(said)


def test_a_server_that_repeats_its_answer_did_not_take_the_acknowledgment(tmp_path: Path) -> None:
    """The handshake was completed at the server's card; its SYN-ACK comes again and again."""
    talk = Talk(timestamps=True)
    talk.opening()
    first = next(s.number for s in talk.sent if s.flags == "SA")
    talk.send(10, "PA", client=True, size=150)
    request = talk.sent[-1].number
    for at_ms in (1000, 3000, 7000):
        talk.send(at_ms, "SA", again=first)
        talk.send(at_ms + 0.5, "A", client=True)
        talk.send(at_ms + 200, "PA", client=True, size=150, again=request)
    nstat = "#kernel\nTcpPassiveOpens 310 0.0\nTcpExtListenOverflows {0} 0.0\nTcpExtListenDrops {0} 0.0\n"
    files: dict[str, bytes | str] = {
        "1_server_eth0.pcap": seen([talk], View()),
        "2_client_eth0.pcap": seen([talk], View(delay_ms=0.2)),
        "before/server/nstat.txt": nstat.format(40),
        "after/server/nstat.txt": nstat.format(43),
    }
    assert "the server repeated its SYN-ACK 3 times" in for_it(judged(tmp_path, files, "listen_overflow"))


def repeated_unheard(astray_ms: float) -> Talk:
    """A second request that is sent five times."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(10, segments=1)
    talk.send(astray_ms, "PA", client=True, size=150)
    for wait in (200, 600, 1400, 3000):
        talk.send(astray_ms + wait, "PA", client=True, size=150, again=talk.sent[-1].number)
    return talk


@pytest.mark.parametrize("traced", [True, False])
def test_frames_that_reach_a_host_under_anothers_address(tmp_path: Path, traced: bool) -> None:
    """Everything arrived at the only point; the kernel has to say that it dropped what was for another host."""
    talk = repeated_unheard(100)

    def macs(sent: Sent) -> tuple[bytes, bytes]:
        if sent.from_server:
            return OWNER, CLIENT
        return CLIENT, STALE if sent.at_ms >= 100 else OWNER

    trace = "".join(
        f"          <idle>-0       [000] ..s1.  120{number}.747059: kfree_skb: skbaddr=000000008fbc708a rx_sk=0000000000000000 "
        "protocol=2048 location=ip_rcv+0x12/0x40 reason: OTHERHOST\n"
        for number in range(5)
    )
    files: dict[str, bytes | str] = {"server_eth0.pcap": seen([talk], View(macs=macs))}
    if traced:
        files["after/server/kfree_skb.trace"] = trace
    said = judged(tmp_path, files, "wrong_mac")
    if traced:
        assert "5 packets at server_eth0 went to 02:00:00:00:00:de" in for_it(said)
    else:
        assert "OTHERHOST" in missing(said)
