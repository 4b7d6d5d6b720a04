"""Every variant of a text that is known from the field has a sample, and what stands there gives a row.

The table goes through the kinds of evidence as tools and kernels printed them over the years. Each entry names the
sample that has the variant and words that only this variant has: the line with them, or one of the lines behind it
where it is a heading, is read. What the rows say is asked in the tests of the readers.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lastseen.evidence.case import open_case
from lastseen.evidence.lines import head_of
from lastseen.evidence.texts import reader_of
from lastseen.evidence.texts.text import MAX_LINE_CHARS, Text
from lastseen.tables.facts_from_texts import Row

HERE = Path(__file__).parent
BEHIND = 4
"""Lines behind a heading within which its first row stands."""

KERNEL_INVALID = {
    "invalid_3_10_written": (
        "nf_ct_tcp: bad TCP checksum", "nf_ct_tcp: short packet", "nf_ct_tcp: truncated/malformed packet",
        "nf_ct_tcp: invalid TCP flag combination", "nf_ct_tcp: invalid packet ignored IN",
        "invalid packet ignored in state SYN_SENT", "nf_ct_tcp: invalid state", "nf_ct_tcp: invalid RST",
        "nf_ct_tcp: SEQ is over the upper bound", "nf_ct_udp: bad UDP checksum", "nf_ct_icmp: bad HW ICMP checksum",
    ),
    "invalid_5_10_written": (
        "nf_ct_proto_6: bad checksum", "nf_ct_proto_6: truncated packet", "invalid tcp flag combination",
        "invalid packet ignored in state", "nf_ct_proto_6: invalid state", "nf_ct_proto_6: invalid rst",
        "challenge-ack ignored", "SEQ is over the upper bound", "SEQ is under the lower bound",
        "ACK is over the upper bound", "ACK is under the lower bound", "nf_ct_proto_17: short packet",
        "nf_ct_proto_17: truncated/malformed packet", "nf_ct_proto_17: bad checksum", "nf_ct_proto_1: short packet",
        "bad hw icmp checksum", "invalid icmp type", "outer daddr 10.20.0.15 != inner", "nf_ct_sctp: bad CRC",
        "nf_ct_ftp: dropping packet:",
    ),
    "invalid_6_1_written": (
        "SEQ is over upper bound 2", "ACK is over upper bound 2", "SEQ is under lower bound 2",
        "ignored ACK under lower bound 2", "bytes more than expected", "response for index 2 lower timeout to",
    ),
    "invalid_v6_dmesg_T_written": ("HOPLIMIT=64 FLOWLBL=867133", "flag combination SRC=10.0.2.1", "[Sat Apr  2 10:31:53 2022]"),
    "dmesg_iso_written": ("2026-11-25T09:30:00,462395+00:00",),
    "journal_short_precise_written": ("Nov 25 09:30:00.123456 cmp1 kernel:",),
    "journal_short_full_written": ("Wed 2026-11-25 09:30:00 UTC",),
    "journal_short_unix_written": ("1795598900.123456 cmp1 kernel:",),
    "syslog_written": ("Nov 25 09:30:00 cmp1 kernel:",),
}  # fmt: skip
KERNEL_OTHER = {
    "other_lines_written": (
        "table full, dropping packet.", " nf_conntrack: table full, dropping packet", "nf_conntrack: nf_conntrack: table full, d",
        "table full in netns", "expectation table full", "UDP: bad checksum. From", "arp_cache: neighbor table overflow!",
        "ndisc_cache: neighbor table overflow!", "ipv4: Neighbour table overflow.", "flooding on port 80.",
        "flooding on port [::]:80.", "martian source", "ll header:", "drop recirc action", "drop sample action",
        "recursion limit reached on datapath", "packet loop detected", "hw csum failure",
    ),
}  # fmt: skip
SWITCH_LOG = {
    "lost_upcalls_written": ("lost packet on handler 3", "lost packet on port channel 2 of handler 1", "unreasonably long 1234ms"),
}  # fmt: skip
CONNTRACK_STATS = {
    "totals_written": ("entries   \t\t90",),
    "v1_4_4_written": ("searched=1 found=2 new=3",),
    "no_dead_counters_written": ("cpu=0           found=0 invalid=7796 ignore=",),
    "without_ignore_written": ("found=0 invalid=19 insert=0",),
    "clash_resolve_written": ("clash_resolve=4 chaintoolong=5",),
    "v1_4_7": ("chaintoolong=",),
}
CONNTRACK_PROC = {
    "old_written": ("entries  searched",),
    "v5_9_written": ("entries  clashres found new invalid ignore delete delete_list",),
    "v5_15_written": ("chainlength",),
}
OPENFLOW_PORTS = {
    "of10": ("OFPST_PORT reply (xid=",),
    "of13": ("OFPST_PORT reply (OF1.3)", "duration="),
    "unknown_of10_written": ("drop=?, errs=?",),
    "unknown_and_names_written": ('port "tap1"', "rx rfc2819", "CUSTOM Statistics", "port 10:"),
    "names": ("port  lsroa",),
}
OPENFLOW_FLOWS = {
    "of10": ("NXST_FLOW reply (xid=", "idle_age="),
    "of11": ("OFPST_FLOW reply (OF1.1)",),
    "of13": ("OFPST_FLOW reply (OF1.3)",),
    "of15": ("OFPST_FLOW reply (OF1.5)",),
    "no_stats": (" priority=0 actions=drop",),
    "names": ("in_port=lsrob",),
    "bridge_dump": ("duration=25s",),
    "colour_written": ("\x1b[31mactions=",),
    "keys_written": (
        "idle_timeout=5, idle_age=1, hard_age=2, priority=0 actions=NORMAL", "send_flow_rem check_overlap reset_counts",
        "ct_state=+inv+trk", "ct_state=-trk", "ct_state=+est-rel+rpl",
    ),
}  # fmt: skip
DATAPATH_SHOW = {
    "v2_0_written": ("\tlookups: hit:7",),
    "v2_5_tabs_written": ("\tmasks: hit:", "RX bytes:84950 (83.0 KiB)"),
    "v3_2_written": ("cache: hit:233 hit-rate:", "(geneve: packet_type=ptap)", "UPCALL packets:5 errors:?"),
    "netdev_3_1": ("netdev@ovs-netdev:",),
}
UPCALLS = {"netdev_3_1": ("(limit 15000)",), "offloaded_written": ("offloaded flows : 3",)}
DATAPATH_FLOWS = {
    "plain": ("used:never", "flags:"),
    "m": ("ufid:", "dp-extra-info:", "flow-dump from the main thread:"),
    "names": ("in_port(lsrob)",),
    "dpif": ("userspace(pid=",),
    "offloaded_written": ("offloaded:yes, dp:tc", "offloaded:partial", "check_pkt_len("),
    "pmd_written": (
        "flow-dump from pmd on cpu core: 2", "dpif_netlink|INFO|", "geneve({class=0x102", "nat(src)),recirc(0x4)",
        "ct_state(+inv+trk)", "actions:drop", "flags:SFPR.", "pid=4294967295,slow_path(action)",
    ),
}  # fmt: skip
COVERAGE = {
    "vswitchd_3_1": ("Event coverage, avg rate over last:",),
    "long_names_written": ("longer_than_columns 12.5/sec",),
    "before_2_1_written": ("Event coverage (epoch 123/entire run)",),
}
IP_LINK = {
    "up_to_5_9_written": ("dropped overrun mcast",),
    "v5_10_written": ("dropped missed",),
    "v5_14_written": ("RX:  bytes",),
    "iproute2_6_1_ssd": ("fifo overrun",),
    "otherhost_nohandler_written": ("nohandler otherhost",),
    "d_written": ("geneve", "vxlan id 42"),
}
IFCONFIG = {"net_tools_1_60_written": ("dropped:6486",), "net_tools_2_10": ("RX errors 0  dropped 0",)}
ETHTOOL_FEATURES = {
    "v6_written": ("Features for", "[requested on]", "rx-gro-hw: on"),
    "old_written": ("Offload parameters for eth0:",),
    "changes_written": ("Actual changes:",),
    "veth": ("tcp-segmentation-offload:",),
}
ETHTOOL_STATS = {
    "driver_written": ("rx_csum_offload_errors: 2", "queue_0_drops:"),
    "veth": ("NIC statistics:",),
}
NSTAT = {"az": ("TcpExtListenOverflows",), "deltas_written": ("(overflow)",), "j": ('{"kernel":{',)}
NETSTAT = {
    "old_written": ("rejected because of time stamp", "times the listen queue of a socket overflowed"),
    "net_tools_2_10": ("total packets received",),
}
DROPS = {
    "without_reason_written": ("protocol=34525 location=", "location=0000000012345678"),
    "reasons_5_17_written": (
        "location=00000000a2a14dc3 reason: NETFILTER_DROP", "rx_sk=0x0 protocol=2048 location=nf_hook_slow+0x8f/0x170",
        "OVS_DROP_LAST_ACTION", "reason: 0x30003",
    ),
    "perf_script_6_1": ("reason: NO_SOCKET",),
    "tracefs_6_18_stack": ("kfree_skb: skbaddr=",),
    "format_and_numbers_written": (": kfree_skb: skbaddr=",),
}  # fmt: skip
DROPWATCH = {"packets_written": ("drop at: do_execute_actions",), "summary_written": ("drops at ",)}
TCPDROP = {"bcc_written": ("20:49:06 0",), "bpftrace_written": ("00:39:21 0",)}
PWRU = {
    "json_written": ('{"skb":',), "old_written": ("kfree_skb_reason(SKB_DROP_REASON_NETFILTER_DROP)",),
    "timestamps_written": ("2026-11-22T10:00:00.123",), "tuples_written": ("kfree_skb",),
}  # fmt: skip
RETIS = {"fields_written": ('"saddr":"fd00::1"',), "raw_packets_written": ('"symbol":"skb:kfree_skb"',)}
STRACE = {
    "v6_1_ttt_T_yy": ("connect(3<TCP:[", "write(3<TCP:[127.0.0.1:", "= 0 (Timeout) <2."),
    "v6_1_y": ("connect(3<socket:[",),
    "v6_1_f_o": ("connect(3, {sa_family=AF_INET",),
    "v6_1_r": ("socket(AF_INET, SOCK_STREAM",),
    "v6_1_pid_unfinished": ("<... poll resumed>",),
    "seed_plain_written": ("poll([{fd=3, events=POLLIN|POLLPRI}], 1, 60000) = 0 (Timeout)", "read(3, "),
    "new_calls_written": (
        "poll_time64([", "ppoll_time64([", "left {tv_sec=4, tv_nsec=999000000}", "pselect6(", "recvfrom(3<TCP:",
        "io_uring_enter(",
    ),
    "sockets_yy_written": ("accept4(4<TCP:[0.0.0.0:22]>", "6<TCPv6:[[::]:22]>", "7<socket:[4711]>"),
}  # fmt: skip
CLOSING_LINES = {"v4_99": ("6 packets captured", "packets received by filter", "packets dropped by kernel")}
TEXTS = {
    "kernel_log": KERNEL_INVALID | KERNEL_OTHER, "ovs_log": SWITCH_LOG, "conntrack_stats": CONNTRACK_STATS,
    "proc_nf_conntrack_stat": CONNTRACK_PROC, "ovs_ofctl_ports": OPENFLOW_PORTS, "ovs_ofctl_flows": OPENFLOW_FLOWS,
    "ovs_dpctl_show": DATAPATH_SHOW, "ovs_upcall": UPCALLS, "ovs_dpctl_flows": DATAPATH_FLOWS, "ovs_appctl": COVERAGE,
    "ip_link": IP_LINK, "ifconfig": IFCONFIG, "ethtool_features": ETHTOOL_FEATURES, "ethtool_stats": ETHTOOL_STATS,
    "nstat": NSTAT, "netstat_s": NETSTAT, "kfree_skb": DROPS, "strace": STRACE, "tcpdump_stderr": CLOSING_LINES,
    "dropwatch": DROPWATCH, "tcpdrop": TCPDROP, "pwru": PWRU, "retis_events": RETIS,
}  # fmt: skip
"""Reader -> sample -> words of the variants it has."""

LISTINGS = {
    "tshark_1_10_written": (" -> 192.0.2.9    TCP 74 46518 > https", "SACK_PERM=1", "TLSv1 571 Client Hello", "TCP 60 https > 46518"),
    "tshark_4_0": (" → ", "SACK_PERM TSval="),
    "tshark_4_0_t_ad": ("2026-",),
    "tshark_4_0_t_a": (":",),
    "tshark_1_8_tags_written": (
        "[TCP Previous segment lost]", "[TCP Dup ACK 3#1]", "SLE=2801 SRE=4201", "[TCP Fast Retransmission]",
        "[TCP Out-Of-Order]", "[TCP Window Update]", "[TCP Retransmission]", "[TCP ZeroWindow]", "[TCP Keep-Alive]",
        "[TCP Keep-Alive ACK]",
    ),
    "tshark_2_tags_written": (
        "[TCP Previous segment not captured]", "[TCP ACKed unseen segment]", "[TCP Spurious Retransmission]",
        "[TCP Window Full]", "[TCP ZeroWindowProbe]", "[TCP Port numbers reused]",
    ),
    "case_study": ("→ TCP 74 46518 → 443", "https > 39084"),
    "tcpdump_4_99_plain": ("Flags [S.], seq",),
    "tcpdump_3_9_written": ("S 505148140:505148140(0) win 49640 <mss", ". ack 1 win 49680"),
    "tcpdump_4_99_tttt_v_e": ("ethertype IPv4 (0x0800), length", "(tos 0x0"),
    "tcpdump_4_99_ttt": ("00:00:00.",),
    "tcpdump_4_99_nano": (".",),
    "tcpdump_4_99_vv_S": ("cksum 0x", "(correct)"),
    "tcpdump_4_99_number": ("ethertype IPv4",),
    "tcpdump_4_99_i_any": ("lo    In  IP",),
    "tcpdump_checksums_written": ("(incorrect -> 0x6de2)", "[bad udp cksum 0xa72e -> 0xdee9!]", "[udp sum ok]"),
    "tcpdump_flags_written": ("Flags [SEW]", "Flags [S.E]", "Flags [SEWe]", "Flags [P.U]", "Flags [R]", "Flags [none]"),
    "icmp_written": ("ICMP 198.51.100.9 tcp port 80 unreachable", "need to frag (mtu 1400)"),
    "names_written": ("eth0  Out IP vm.example.46518",),
    "vxlan_written": ("VXLAN, flags [I] (0x08), vni 100",),
    "geneve_written": ("Geneve, Flags [C], vni 0xa, options [8 bytes]",),
    "verbose_written": ("length 60: (tos 0x10",),
}  # fmt: skip


def _texts() -> Iterator[tuple[str, str, str]]:
    for reader, samples in TEXTS.items():
        for sample, variants in samples.items():
            for words in variants:
                yield reader, sample, words


def _listed() -> Iterator[tuple[str, str]]:
    for sample, variants in LISTINGS.items():
        for words in variants:
            yield sample, words


def _line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), start=1) if words in line)


@pytest.mark.parametrize(("reader", "sample", "words"), list(_texts()))
def test_a_variant_of_a_text_is_read(reader: str, sample: str, words: str) -> None:
    """By the reader it belongs to, with a row for its line."""
    text = (HERE / "texts" / "samples" / reader / f"{sample}.txt").read_text()
    head = head_of(text.encode())
    assert head is not None
    found = reader_of(head)
    assert found is not None
    assert found.__name__.rpartition(".")[2] == reader  # type: ignore[attr-defined]
    longest = getattr(found, "LONGEST_LINE", MAX_LINE_CHARS)
    numbered = enumerate(text.split("\n"), start=1)
    rows = list(found.read(Text(file="s.txt", numbered=numbered, command=head.command, longest=longest)))
    lines = {row.source.line for row in rows if isinstance(row, Row)}
    at = _line_of(text, words)
    assert lines & set(range(at, at + BEHIND + 1)), words


@pytest.mark.parametrize(("sample", "words"), list(_listed()))
def test_a_variant_of_a_listing_is_read(sample: str, words: str, tmp_path: Path) -> None:
    """As a packet of the capture that the listing becomes; with -v it begins on the line before."""
    text = (HERE / "listings" / "samples" / f"{sample}.txt").read_text()
    file = tmp_path / "listing.txt"
    file.write_text(text)
    with open_case([file]) as case:
        told = [read.capture.listed for read in case.captures if read.capture.listed is not None]
    lines = np.concatenate([listed.lines for listed in told])
    at = _line_of(text, words)
    assert {at - 1, at} & set(lines.tolist()), words


def test_no_sample_of_a_kind_with_many_variants_is_left_out() -> None:
    """A new sample of a listing names what it is there for."""
    there = {path.stem for path in (HERE / "listings" / "samples").glob("*.txt")}
    assert there == set(LISTINGS)
