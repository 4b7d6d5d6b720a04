"""ICMP in listings: what a line says becomes a packet, and what it quotes is completed where one flow only can be meant."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.evidence.case import open_case
from lastseen.evidence.listings.icmp_lines import set_icmp
from lastseen.evidence.listings.printed import ICMP, ICMP6, TCP, Printed
from lastseen.report.jsons import losses_json
from lastseen.tables.details import column

FAULTS = Path(__file__).parents[3] / "src/lastseen/faults"
TOLD = ("icmp_type", "icmp_code", "quoted_src_port", "quoted_dst_port")
OPENED = """\
12:00:00.000000 IP 10.0.0.5.40000 > 192.0.2.9.80: Flags [S], seq 100, win 64240, options [mss 1460], length 0
12:00:00.000100 IP 192.0.2.9.80 > 10.0.0.5.40000: Flags [S.], seq 900, ack 101, win 65160, options [mss 1460], length 0
12:00:00.000200 IP 10.0.0.5.40000 > 192.0.2.9.80: Flags [.], ack 1, win 502, length 0
"""
SECOND = "12:00:01.000000 IP 10.0.0.5.40001 > 192.0.2.9.8080: Flags [S], seq 700, win 64240, options [mss 1460], length 0\n"
CLOSED = """\
12:00:00.500000 IP 192.0.2.9.80 > 10.0.0.5.40000: Flags [F.], seq 1, ack 1, win 502, length 0
12:00:00.500100 IP 10.0.0.5.40000 > 192.0.2.9.80: Flags [F.], seq 1, ack 2, win 502, length 0
12:00:00.500200 IP 192.0.2.9.80 > 10.0.0.5.40000: Flags [.], ack 2, win 502, length 0
"""
REFUSED = "12:00:01.001000 IP 10.0.0.1 > 10.0.0.5: ICMP {}, length 68\n"
QUOTING = """\
12:00:01.001000 IP (tos 0xc0, ttl 64, id 53092, offset 0, flags [none], proto ICMP (1), length 88)
    10.0.0.1 > 10.0.0.5: ICMP host 192.0.2.9 unreachable - admin prohibited filter, length 68
\tIP (tos 0x0, ttl 63, id 8054, offset 0, flags [DF], proto TCP (6), length 60)
    10.0.0.5.40001 > 192.0.2.9.8080: Flags [S], cksum 0xe6d4 (correct), seq 700, win 64240, options [mss 1460], length 0
"""


def told(text: str, tmp_path: Path, names: tuple[str, ...] = TOLD) -> list[tuple[int, ...]]:
    """Columns of the ICMP packets of a listing."""
    file = tmp_path / "listing.txt"
    file.write_text(text)
    return _of_file(file, names)


def _of_file(file: Path, names: tuple[str, ...]) -> list[tuple[int, ...]]:
    with open_case([file]) as case:
        (read,) = case.captures
        rows = case.details(read.capture, np.arange(len(read.capture.packets)))
    chosen = column(rows, "icmp_type") >= 0
    return [tuple(int(column(rows, name)[at]) for name in names) for at in np.flatnonzero(chosen)]


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ("192.0.2.9 tcp port 80 unreachable", 3, 3), ("192.0.2.9 udp port domain unreachable", 3, 3),
        ("192.0.2.9 protocol 47 unreachable", 3, 2), ("192.0.2.9 protocol 132 port 7 unreachable", 3, 3),
        ("192.0.2.9 unreachable - need to frag (mtu 1400)", 3, 4), ("192.0.2.9 unreachable - need to frag", 3, 4),
        ("192.0.2.9 unreachable - source route failed", 3, 5), ("net 192.0.2.9 unreachable - unknown", 3, 6),
        ("host 192.0.2.9 unreachable - unknown", 3, 7), ("net 192.0.2.9 unreachable - admin prohibited", 3, 9),
        ("host 192.0.2.9 unreachable - admin prohibited", 3, 10),
        ("host 192.0.2.9 unreachable - admin prohibited filter", 3, 13), ("net 192.0.2.9 unreachable", 3, 0),
        ("host 192.0.2.9 unreachable", 3, 1), ("time exceeded in-transit", 11, 0),
        ("ip reassembly time exceeded", 11, 1), ("redirect 192.0.2.9 to host 10.0.0.2", 5, 1),
        ("redirect 192.0.2.9 to net 10.0.0.2", 5, 0), ("source quench", 4, 0), ("parameter problem - octet 20", 12, 0),
        ("echo request, id 7, seq 1", 8, 0), ("echo reply, id 7, seq 1", 0, 0), ("something else", -1, 0),
    ],
)  # fmt: skip
def test_what_tcpdump_says(said: str, kind: int, code: int) -> None:
    packet = Printed(line=1, proto=ICMP, dst="10.0.0.5")
    set_icmp(packet, f" ICMP {said}, length 68", is_tshark=False)
    assert (packet.icmp_type, packet.icmp_code) == (kind, code)
    assert (packet.quoted is not None) == ("192.0.2.9" in said)


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ("destination unreachable, unreachable port, 2001:db8::9 tcp port 80", 1, 4),
        ("destination unreachable,  unreachable prohibited 2001:db8::9", 1, 1),
        ("destination unreachable, unreachable route 2001:db8::9", 1, 0),
        ("destination unreachable, unreachable address 2001:db8::9", 1, 3),
        ("destination unreachable, beyond scope 2001:db8::9, source address fe80::1", 1, 2),
        ("packet too big, mtu 1400", 2, 0), ("time exceeded in-transit for 2001:db8::9", 3, 0),
        ("ip reassembly time exceeded", 3, 1), ("echo request, seq 1", 128, 0), ("echo reply, id 7, seq 1", 129, 0),
        ("parameter problem, header", 4, 0), ("neighbor solicitation, who has fe80::1", -1, 0),
    ],
)  # fmt: skip
def test_what_tcpdump_says_of_ipv6(said: str, kind: int, code: int) -> None:
    packet = Printed(line=1, proto=ICMP6, dst="2001:db8::5")
    set_icmp(packet, f" ICMP6, {said}, length 88", is_tshark=False)
    assert (packet.icmp_type, packet.icmp_code) == (kind, code)
    if "2001:db8::9" in said:
        assert packet.quoted is not None
        assert packet.quoted.dst == "2001:db8::9"


@pytest.mark.parametrize(
    ("said", "proto", "kind", "code"),
    [
        ("Destination unreachable (Port unreachable)", ICMP, 3, 3),
        ("Destination unreachable (Fragmentation needed)", ICMP, 3, 4),
        ("Destination unreachable (Host unreachable)", ICMP, 3, 1),
        ("Destination unreachable (Host unreachable for TOS)", ICMP, 3, 12),
        ("Destination unreachable (Destination network unknown)", ICMP, 3, 6),
        ("Destination unreachable (Communication administratively filtered)", ICMP, 3, 13),
        ("Destination unreachable (Host administratively prohibited)", ICMP, 3, 10),
        ("Time-to-live exceeded (Time to live exceeded in transit)", ICMP, 11, 0),
        ("Time-to-live exceeded (Fragment reassembly time exceeded)", ICMP, 11, 1),
        ("Redirect             (Redirect for host)", ICMP, 5, 1),
        ("Redirect             (Redirect for network)", ICMP, 5, 0),
        ("Source quench (flow control)", ICMP, 4, 0),
        ("Echo (ping) request  id=0x0007, seq=1/256, ttl=64", ICMP, 8, 0),
        ("Echo (ping) reply    id=0x0007, seq=1/256, ttl=64 (request in 1)", ICMP, 0, 0),
        ("Destination unreachable (Something new)", ICMP, -1, 0),
        ("Destination Unreachable (Administratively prohibited)[Packet size limited]", ICMP6, 1, 1),
        ("Destination Unreachable (Port unreachable)", ICMP6, 1, 4),
        ("Destination Unreachable (no route to destination)", ICMP6, 1, 0),
        ("Packet Too Big", ICMP6, 2, 0),
        ("Time Exceeded (hop limit exceeded in transit)", ICMP6, 3, 0),
        ("Echo (ping) request id=0x0007, seq=1, hop limit=64", ICMP6, 128, 0),
        ("Echo (ping) reply id=0x0007, seq=1, hop limit=64", ICMP6, 129, 0),
        ("Neighbor Solicitation for fe80::1", ICMP6, -1, 0),
    ],
)
def test_what_tshark_says(said: str, proto: int, kind: int, code: int) -> None:
    packet = Printed(line=1, proto=proto)
    set_icmp(packet, said, is_tshark=True)
    assert (packet.icmp_type, packet.icmp_code) == (kind, code)


def test_the_packet_before_it_is_quoted(tmp_path: Path) -> None:
    text = OPENED + REFUSED.format("host 192.0.2.9 unreachable")
    names = (*TOLD, "quoted_seq", "ip_src")
    (found,) = told(text, tmp_path, names)
    assert found[:4] == (3, 1, 40000, 80)
    assert found[4] == -1, "the SYN or the ACK: it is not told"
    (alone,) = told(SECOND + REFUSED.format("192.0.2.9 tcp port 8080 unreachable"), tmp_path, names)
    assert alone[:4] == (3, 3, 40001, 8080)
    with open_case([tmp_path / "listing.txt"]) as case:
        rows = case.details(case.captures[0].capture, np.arange(2))
    assert alone[4] == int(column(rows, "tcp_seq")[0])


def test_of_two_open_connections_none_is_quoted(tmp_path: Path) -> None:
    text = OPENED + SECOND + REFUSED.format("host 192.0.2.9 unreachable - admin prohibited filter")
    assert told(text, tmp_path) == [(3, 13, -1, -1)]


def test_a_port_that_is_printed_tells_which(tmp_path: Path) -> None:
    text = OPENED + SECOND + REFUSED.format("192.0.2.9 tcp port 8080 unreachable")
    assert told(text, tmp_path) == [(3, 3, 40001, 8080)]


@pytest.mark.parametrize("end", [CLOSED, CLOSED.splitlines()[0].replace("F.", "R.") + "\n"])
def test_a_connection_that_was_closed_is_not_meant(end: str, tmp_path: Path) -> None:
    text = OPENED + end + SECOND + REFUSED.format("host 192.0.2.9 unreachable - admin prohibited filter")
    assert told(text, tmp_path) == [(3, 13, 40001, 8080)]


def test_an_error_about_nobody_quotes_no_ports(tmp_path: Path) -> None:
    assert told(REFUSED.format("host 192.0.2.9 unreachable") + OPENED, tmp_path) == [(3, 1, -1, -1)]
    assert told(REFUSED.format("time exceeded in-transit") + OPENED, tmp_path) == [(11, 0, -1, -1)]


def test_verbose_lines_are_one_error_and_not_the_packet_it_quotes(tmp_path: Path) -> None:
    """The quoted SYN was not seen here once more."""
    text = OPENED + SECOND + QUOTING
    (found,) = told(text, tmp_path, (*TOLD, "quoted_ip_id", "ip_ttl", "ip_len"))
    assert found == (3, 13, 40001, 8080, 8054, 64, 88)
    with open_case([tmp_path / "listing.txt"]) as case:
        rows = case.details(case.captures[0].capture, np.arange(len(case.captures[0].capture.packets)))
    assert int((column(rows, "ip_proto") == TCP).sum()) == 4


def test_the_mtu_is_told(tmp_path: Path) -> None:
    text = OPENED + REFUSED.format("192.0.2.9 unreachable - need to frag (mtu 1400)")
    assert told(text, tmp_path, ("icmp_mtu", "quoted_src_port")) == [(1400, 40000)]


@pytest.mark.oracle("tshark", "tcpdump")
@pytest.mark.parametrize("command", [["tcpdump"], ["tcpdump", "-v", "-e"], ["tshark"]], ids=" ".join)
@pytest.mark.parametrize(
    "capture",
    [
        "firewall_deny/cases/positive/recorded_prohibited/captures/4_vm_t1.pcap",
        "firewall_deny/cases/positive/recorded_prohibited_v6/captures/4_vm_t1.pcap",
        "path_mtu_blackhole/cases/near_miss/written_sender_told/1_wan.pcap",
        "ttl_expiry/cases/positive/written_one_hop_left/2_lan0.pcap",
    ],
)
def test_errors_of_a_listing_are_those_of_its_capture(
    command: list[str], capture: str, tmp_path: Path
) -> None:
    """Type, code and ports; the fields of neighbour discovery are not read."""
    program, *options = command
    done = subprocess.run(
        [program, "-nr", str(FAULTS / capture), *options],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    truth = [row for row in _of_file(FAULTS / capture, TOLD) if not 133 <= row[0] <= 137]
    assert told(done.stdout, tmp_path) == truth != []


@pytest.mark.oracle("tcpdump")
def test_an_error_of_a_listing_is_the_one_that_a_capture_has(tmp_path: Path) -> None:
    """What it quotes was put together from lines, so the digests of it are not compared."""
    captures = FAULTS / "firewall_deny/cases/positive/recorded_prohibited/captures"
    done = subprocess.run(
        ["tcpdump", "-v", "-tttt", "-nr", str(captures / "4_vm_t1.pcap")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    listing = tmp_path / "vm.txt"
    listing.write_text(done.stdout)
    with opened([captures / "3_cmp_tap_t0.pcap", listing], Progress(), texts=False) as case:
        found = losses_json(matched(case, Progress()))
    assert found.losses == []
    assert sum(hop.delivered for hop in found.hops if hop.direction == "to_client") > 0
