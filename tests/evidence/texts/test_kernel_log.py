"""The kernel's log in every time format, and what its lines are about."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import kernel_log as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.sources import Weird

PACKET = (
    "IN= OUT= SRC=203.0.113.80 DST=10.20.0.15 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=51247 DF PROTO=TCP SPT=443 "
    "DPT=50184 SEQ=2117656846 ACK=226589995 WINDOW=501 RES=0x00 ACK FIN URGP=0 "
)
CHECKSUM = f"nf_ct_proto_6: bad checksum {PACKET}"


def _rows(sample: str, command: str = "") -> list[LogLine | Weird]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _line(sample: str, command: str = "") -> LogLine:
    (row,) = _rows(sample, command)
    assert isinstance(row, LogLine)
    return row


def _ns(*parts: int, micros: int = 0) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9 + micros * 1000  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("stamp", "at_ns", "clock", "zone_known"),
    [
        ("[   30.462395] ", 30_462_395_000, "boot", False),
        ("[   30.46] ", 30_460_000_000, "boot", False),
        ("[    0.000000][    T0] ", 0, "boot", False),
        ("[  100.000001 <    0.000012>] ", 100_000_001_000, "boot", False),
        ("<4>[   30.462395] ", 30_462_395_000, "boot", False),
        ("kern  :warn  : [   30.462395] ", 30_462_395_000, "boot", False),
        ("[   30.462395] cmp1 kernel: ", 30_462_395_000, "boot", False),
        ("[Sat Apr  2 10:31:53 2022] ", _ns(2022, 4, 2, 10, 31, 53), "wall", False),
        ("2026-11-22T22:04:54,462395+00:00 ", _ns(2026, 11, 22, 22, 4, 54, micros=462395), "wall", True),
        ("2026-11-23T00:04:54,462395+02:00 ", _ns(2026, 11, 22, 22, 4, 54, micros=462395), "wall", True),
        ("2026-11-22T17:34:54-0430 cmp1 kernel: ", _ns(2026, 11, 22, 22, 4, 54), "wall", True),
        ("2026-11-22T22:04:54.462395Z cmp1 kernel: [   30.4] ", _ns(2026, 11, 22, 22, 4, 54, micros=462395), "wall", True),
        ("Jan  2 10:03:53 host kernel: ", ((24 + 10) * 3600 + 3 * 60 + 53) * 10**9, "yearless", False),
        ("Jan  2 10:03:53 host kernel: [12345.678901] ", ((24 + 10) * 3600 + 3 * 60 + 53) * 10**9, "yearless", False),
        ("Jan 02 10:03:53.000001 host kernel: ", ((24 + 10) * 3600 + 3 * 60 + 53) * 10**9 + 1000, "yearless", False),
        ("[Jan 2 10:03] ", ((24 + 10) * 3600 + 3 * 60) * 10**9, "yearless", False),
        ("[  +0.000012] ", None, "", False),
        ("", None, "", False),
    ],
)  # fmt: skip
def test_every_time_format(stamp: str, at_ns: int | None, clock: str, *, zone_known: bool) -> None:
    """The time, its clock, and a message without time and host."""
    line = _line(stamp + CHECKSUM)
    assert (line.at_ns, line.clock, line.zone_known) == (at_ns, clock, zone_known)
    assert line.text == CHECKSUM.strip()
    assert line.topic == "conntrack_invalid"
    assert _recognised("\n".join([stamp + CHECKSUM] * 3))


def test_syslog_days_count_in_a_common_year() -> None:
    """The 1st of March is day 59 from the year's start, whatever year it was."""
    assert _line("Mar  1 00:00:00 host kernel: x").at_ns == 59 * 86_400 * 10**9


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("nf_ct_tcp: bad TCP checksum ", "bad TCP checksum"),
        ("nf_ct_tcp: short packet ", "short packet"),
        ("nf_ct_tcp: truncated/malformed packet ", "truncated/malformed packet"),
        ("nf_ct_tcp: invalid TCP flag combination ", "invalid TCP flag combination"),
        ("nf_ct_tcp: invalid packet ignored ", "invalid packet ignored"),
        ("nf_ct_tcp: invalid packet ignored in state SYN_SENT ", "invalid packet ignored in state SYN_SENT"),
        ("nf_ct_tcp: invalid state ", "invalid state"),
        ("nf_ct_tcp: invalid RST ", "invalid RST"),
        ("nf_ct_udp: bad UDP checksum ", "bad UDP checksum"),
        ("nf_ct_icmp: bad HW ICMP checksum ", "bad HW ICMP checksum"),
        ("nf_ct_proto_6: bad checksum ", "bad checksum"),
        ("nf_ct_proto_6: truncated packet ", "truncated packet"),
        ("nf_ct_proto_6: invalid tcp flag combination ", "invalid tcp flag combination"),
        (
            "nf_ct_proto_6: invalid packet ignored in state ESTABLISHED ",
            "invalid packet ignored in state ESTABLISHED",
        ),
        ("nf_ct_proto_6: invalid rst ", "invalid rst"),
        ("nf_ct_proto_6: challenge-ack ignored ", "challenge-ack ignored"),
        ("nf_ct_proto_17: short packet ", "short packet"),
        ("nf_ct_proto_17: truncated/malformed packet ", "truncated/malformed packet"),
        ("nf_ct_proto_1: bad hw icmp checksum ", "bad hw icmp checksum"),
        ("nf_ct_proto_1: invalid icmp type ", "invalid icmp type"),
        ("nf_ct_proto_1: outer daddr 10.0.0.1 != inner 10.0.0.2 ", "outer daddr 10.0.0.1 != inner 10.0.0.2"),
        ("nf_ct_proto_132: nf_ct_sctp: bad CRC ", "bad CRC"),
        (
            "nf_ct_proto_6: SEQ is over the upper bound (over the window of the receiver) ",
            "SEQ is over the upper bound (over the window of the receiver)",
        ),
        (
            "nf_ct_proto_6: ACK is under the lower bound (possible overly delayed ACK) ",
            "ACK is under the lower bound (possible overly delayed ACK)",
        ),
        (
            "nf_ct_proto_6: SEQ is over upper bound 123 (over the window of the receiver) ",
            "SEQ is over upper bound 123 (over the window of the receiver)",
        ),
        (
            "nf_ct_proto_6: ignored ACK under lower bound 9 (possible overly delayed) ",
            "ignored ACK under lower bound 9 (possible overly delayed)",
        ),
        ("nf_ct_proto_6: 2097 bytes more than expected ", "2097 bytes more than expected"),
        (
            "nf_ct_proto_6: packet (index 2, dir 1) response for index 4 lower timeout to 300 ",
            "packet (index 2, dir 1) response for index 4 lower timeout to 300",
        ),
        ("nf_ct_ftp: dropping packet: partial port 1 ", "dropping packet: partial port 1"),
    ],
)
def test_every_text_of_an_invalid_packet(message: str, reason: str) -> None:
    """All generations of prefix and text give the same topic; the reason is what stands before the packet."""
    line = _line(f"[    1.000000] {message}{PACKET}")
    assert (line.topic, line.reason) == ("conntrack_invalid", reason)
    assert line.packet is not None
    assert line.packet.src == Endpoint(address="203.0.113.80", port=443)
    assert (line.packet.tcp_seq, line.packet.tcp_flags) == (2117656846, 0x11)


def test_a_hand_trimmed_line_without_devices() -> None:
    """The packet may start at SRC= and end anywhere."""
    line = _line("nf_ct_proto_6: invalid tcp flag combination SRC=10.0.2.1 DST=10.0.96.7 LEN=1040 ...")
    assert line.reason == "invalid tcp flag combination"
    assert line.packet is not None
    assert line.packet.ip_len_bytes == 1040


@pytest.mark.parametrize(
    ("message", "topic", "reason"),
    [
        ("nf_conntrack: table full, dropping packet.", "conntrack_table_full", "table full, dropping packet."),
        ("ip_conntrack: table full, dropping packet.", "conntrack_table_full", "table full, dropping packet."),
        ("nf_conntrack: nf_conntrack: table full, dropping packet", "conntrack_table_full", "table full, dropping packet"),
        (
            "nf_conntrack: nf_conntrack: table full in netns 4026532319, dropping packet",
            "conntrack_table_full",
            "table full in netns 4026532319, dropping packet",
        ),
        ("nf_conntrack: expectation table full", "expectation_table_full", "expectation table full"),
        ("neighbour: arp_cache: neighbor table overflow!", "neighbour_table_overflow", "arp_cache: neighbor table overflow!"),
        ("neighbour: ndisc_cache: neighbor table overflow!", "neighbour_table_overflow", "ndisc_cache: neighbor table overflow!"),
        ("ipv4: Neighbour table overflow.", "neighbour_table_overflow", "Neighbour table overflow."),
        (
            "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.",
            "syn_flooding",
            "Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.",
        ),
        (
            "TCP: request_sock_TCP: Possible SYN flooding on port [::]:80. Sending cookies.",
            "syn_flooding",
            "Possible SYN flooding on port [::]:80. Sending cookies.",
        ),
        ("ovs-system: deferred action limit reached, drop recirc action", "ovs_recursion", "deferred action limit reached, drop recirc action"),
        ("openvswitch: ovs-system: deferred action limit reached, drop sample action", "ovs_recursion", "deferred action limit reached, drop sample action"),
        (
            "ovs: recursion limit reached on datapath ovs-system, probable configuration error",
            "ovs_recursion",
            "recursion limit reached on datapath ovs-system, probable configuration error",
        ),
        ("ovs-system: packet loop detected, dropping.", "ovs_recursion", "packet loop detected, dropping."),
        ("eth0: hw csum failure", "hw_csum_failure", "hw csum failure"),
        ("e1000: ens3 NIC Link is Down", "link_down", "ens3 NIC Link is Down"),
        (
            "e1000: ens3 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX",
            "link_up",
            "ens3 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX",
        ),
        ("ixgbe 0000:01:00.0 eth0: NIC Link is Down", "link_down", "eth0: NIC Link is Down"),
        ("ixgbe 0000:01:00.0: eth0: NIC Link is Up 10 Gbps", "link_up", "eth0: NIC Link is Up 10 Gbps"),
        ("tg3 0000:02:00.0 eth0: Link is down", "link_down", "eth0: Link is down"),
        ("IPv6: ADDRCONF(NETDEV_CHANGE): ens3: link becomes ready", "link_up", "ens3: link becomes ready"),
        ("br0: port 1(eth0) entered forwarding state", "link_up", "br0: port 1(eth0) entered forwarding state"),
        ("br0: port 1(eth0) entered disabled state", "link_down", "br0: port 1(eth0) entered disabled state"),
        ("br0: port 1(eth0) entered blocking state", "", ""),
        ("bond0: (slave eth0): link status definitely down, disabling slave", "link_down", "bond0: (slave eth0): link status definitely down"),
        ("ata1: SATA link down (SStatus 0 SControl 300)", "", ""),
        ("random: crng init done", "", ""),
    ],
)  # fmt: skip
def test_every_other_topic(message: str, topic: str, reason: str) -> None:
    """Known texts of all generations; anything else has no topic and keeps its text."""
    line = _line(f"[    1.000000] {message}")
    assert (line.topic, line.reason, line.text) == (topic, reason, message)


def test_a_udp_checksum_line_names_its_packet() -> None:
    """Addresses and ports stand in a sentence."""
    line = _line("[ 1.000000] UDP: bad checksum. From 172.16.9.99:27503 to 172.16.80.252:8472 ulen 75")
    assert (line.topic, line.reason) == ("udp_bad_checksum", "bad checksum")
    assert line.packet is not None
    assert line.packet.proto == 17
    assert line.packet.src == Endpoint(address="172.16.9.99", port=27503)
    assert line.packet.dst == Endpoint(address="172.16.80.252", port=8472)


def test_a_martian_source_names_destination_first() -> None:
    """The kernel prints `martian source DST from SRC`."""
    line = _line("[ 1.000000] IPv4: martian source 10.0.0.1 from 10.0.0.2, on dev eth0")
    assert line.topic == "martian_source"
    assert line.packet is not None
    assert (line.packet.src.address, line.packet.dst.address) == ("10.0.0.2", "10.0.0.1")
    assert line.packet.in_device == "eth0"


def test_a_martian_without_readable_addresses_has_no_packet() -> None:
    """The line stays, with its topic."""
    line = _line("[ 1.000000] martian source xx from yy, on dev eth0")
    assert (line.topic, line.packet) == ("martian_source", None)


def test_a_firewall_log_line_keeps_its_prefix_and_packet() -> None:
    """iptables and nft LOG lines have no known text, but a packet all the same."""
    line = _line(f"[ 1.000000] fw-drop: {PACKET}")
    assert (line.topic, line.reason) == ("", "fw-drop:")
    assert line.packet is not None


def test_other_programs_of_a_syslog_are_passed_over() -> None:
    """Only the kernel's lines give rows, and no line gives a weird."""
    sample = (
        "Jul  8 10:03:52 host sshd[12]: Accepted publickey for root\n"
        f"Jul  8 10:03:53 host kernel: {CHECKSUM}\n"
        "Jul  8 10:03:54 host systemd[1]: Started Session 4.\n"
    )
    (row,) = _rows(sample)
    assert row == _line(f"\nJul  8 10:03:53 host kernel: {CHECKSUM}")
    assert _recognised(sample)


def test_journal_notes_are_no_log_lines() -> None:
    """`-- Journal begins ...` and boot separators."""
    rows = _rows("-- Journal begins at Sat 2022-04-02. --\nApr 02 10:31:53 h kernel: x\n-- Boot 0a1b --\n")
    assert len(rows) == 1


def test_a_boot_log_gives_a_row_a_line() -> None:
    """Lines without a known text have no topic."""
    sample = (
        "[    0.000000] Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org)\n"
        "[    1.917634]   with arguments:\n"
        "[   13.110934] Timeout policy base is empty\n"
    )
    rows = _rows(sample)
    assert [row.topic for row in rows if isinstance(row, LogLine)] == ["", "", ""]
    assert _recognised(sample)


def test_text_is_bounded() -> None:
    """No line keeps more than a thousand characters."""
    assert len(_line("[    1.000000] " + "x" * 5000).text) == 1000


def test_dates_that_cannot_be_are_weird() -> None:
    """The line stays without a time."""
    for sample in (
        "[Sat Apr 42 10:31:53 2022] x",
        "2026-13-01T00:00:00,000000+00:00 x",
        "Jul 40 10:03:53 h kernel: x",
    ):
        line, weird = _rows(sample)
        assert isinstance(line, LogLine)
        assert line.at_ns is None
        assert isinstance(weird, Weird)
    assert isinstance(_rows("9999-01-01T00:00:00,000000+00:00 x")[1], Weird)


def test_a_packet_with_broken_addresses_is_weird() -> None:
    """The line stays with its reason, and the packet is missing."""
    line, weird = _rows("[ 1.000000] nf_ct_proto_6: bad checksum IN= OUT= SRC=203.0.113 DST=x LEN=40")
    assert isinstance(line, LogLine)
    assert (line.reason, line.packet) == ("bad checksum", None)
    assert isinstance(weird, Weird)


def test_lines_without_a_time() -> None:
    """Known texts are kept, others only under a dmesg command (`dmesg -t`); a refusal is weird."""
    assert isinstance(_rows("hello")[0], Weird)
    assert _line("hello", command="dmesg -t").text == "hello"
    assert isinstance(_rows("dmesg: read kernel buffer failed: Operation not permitted", "dmesg")[0], Weird)


def test_recognised_by_command() -> None:
    """Even with no output."""
    for command in (
        "dmesg",
        "dmesg -T",
        "ip netns exec vm dmesg",
        "sudo /bin/dmesg --time-format=iso",
        "journalctl -k",
    ):
        assert _recognised("", command), command
    for command in ("cat dmesg.txt", "journalctl -u ovs", ""):
        assert not _recognised("", command), command


@pytest.mark.parametrize(
    "sample",
    [
        "[Sat Apr  2 10:31:53 2022] [error] [client 10.0.0.1] File does not exist\n" * 3,
        "[Sat Apr  2 10:31:53 2022] PHP 8.2.36 Development Server (http://localhost:8000) started\n",
        "[Sat Apr  2 10:31:53 2022] 127.0.0.1:40000 Accepted\n" * 3,
        "[    12.345] (II) Loading extension GLX\n" * 3,
        "2026-11-22T22:04:36.908Z|00001|vlog|INFO|opened log file\n",
        "2026-11-22 22:04:36,908 INFO started\n",
        "Jul  8 10:03:52 host sshd[12]: Accepted publickey for root\n",
        "The kernel says nf_ct_proto_6: bad checksum when a checksum is wrong.\n",
        "nf_ct_proto_6: bad checksum means that the sum is wrong.\n",
        "conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n",
        "",
    ],
)
def test_other_files_are_not_claimed(sample: str) -> None:
    """Logs of other programs and prose about the kernel."""
    assert not _recognised(sample)


@given(
    st.text(),
    st.sampled_from(
        ["", "[ 1.000000] ", "Jul  8 10:03:53 h kernel: nf_ct_tcp: ", "2026-11-22T22:04:54,1+00:00 "]
    ),
)
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)


_TIMES = (
    "2026-11-22T22:04:54,462395+00:00 ", "2026-11-22T22:04:54.462395Z cmp1 kernel: [   30.4] ",
    "2026-11-22T17:34:54-0430 cmp1 kernel: ", "[   30.462395] ", "Jan  2 10:03:53 host kernel: ",
    "Jan 12 10:03:53 host kernel: [12345.678901] ",
)  # fmt: skip
_MESSAGES = (
    CHECKSUM,
    (
        "nf_ct_tcp: invalid packet ignored in state ESTABLISHED  IN=eth0 OUT=eth1 MAC=52:54:00:00:00:01 SRC=10.0.0.1 "
        "DST=10.0.0.2 LEN=40 PROTO=TCP SPT=1 DPT=2 "
    ),
    (
        "nf_ct_icmpv6: icmpv6 checksum failed IN= OUT= SRC=fe80:0000:0000:0000:0000:0000:0000:0001 "
        "DST=ff02:0000:0000:0000:0000:0000:0000:0002 LEN=72 "
    ),
)


@pytest.mark.parametrize("stamp", _TIMES)
@pytest.mark.parametrize("message", _MESSAGES)
def test_the_row_of_an_invalid_packets_line_is_known_beforehand(stamp: str, message: str) -> None:
    """In every time format; a line of something else is not taken for one."""
    assert reader.PACKET_LINE.match(stamp + message)
    assert not reader.PACKET_LINE.match(stamp + message.replace("SRC=", "src="))


@given(
    st.sampled_from(_TIMES),
    st.sampled_from(_MESSAGES),
    st.lists(
        st.tuples(st.integers(0, 150), st.integers(0, 2), st.text("0123456789:. =[ICSNRk", max_size=2)),
        max_size=3,
    ),
)
def test_a_line_known_beforehand_gives_that_row_and_no_weird(
    stamp: str, message: str, changes: list[tuple[int, int, str]]
) -> None:
    """Whatever became of the line: if it is still taken for one, a topic and these addresses come of it."""
    line = stamp + message
    for at, gone, come in changes:
        line = line[:at] + come + line[at + gone :]
    if found := reader.PACKET_LINE.match(line):
        row = _line(line)
        assert row.topic
        assert row.packet is not None
        assert (row.packet.src.address, row.packet.dst.address) == tuple(
            str(ip_address(found[end])) for end in ("src", "dst")
        )
