"""The ovs-vswitchd log: times, threads, topics."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ovs_log as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.sources import Weird

SAMPLE = """\
2026-11-22T22:04:36.908Z|00001|vlog|INFO|opened log file /run/openvswitch/ovs-vswitchd.log
2026-11-22T22:04:36.929Z|00004|reconnect|INFO|unix:/run/openvswitch/db.sock: connecting...
2026-11-22T22:04:37Z|00002|dpif_netlink(handler3)|WARN|system@ovs-system: lost packet on handler 3
2026-11-22T22:04:38.000Z|00003|dpif_netlink|WARN|system@ovs-system: lost packet on port channel 2 of handler 1 (last polled 8 ms ago)
2026-11-22T22:04:39.000Z|00004|ofproto_dpif_upcall(revalidator5)|WARN|Spent an unreasonably long 1234ms dumping flows
2026-11-22T22:04:39.000Z|00005|timeval|WARN|Unreasonably long 1011ms poll interval (0ms user, 0ms system)
2026-11-22T22:04:40.000Z|00006|coverage|EMER|a message of
    two lines | with a bar
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_each_line_has_its_wall_time_in_ns() -> None:
    """UTC, exact to the printed millisecond; the text starts at the module."""
    first, _, third, *_ = _rows(SAMPLE)
    assert isinstance(first, LogLine)
    assert isinstance(third, LogLine)
    assert (first.at_ns, first.clock, first.zone_known) == (1795385076908000000, "wall", True)
    assert first.text == "vlog|INFO|opened log file /run/openvswitch/ovs-vswitchd.log"
    assert third.at_ns == 1795385077000000000


def test_known_messages_get_a_topic() -> None:
    """Both forms of lost packets, slow dumps and slow loops; the rest has none."""
    rows = [row for row in _rows(SAMPLE) if isinstance(row, LogLine)]
    topics = [row.topic for row in rows]
    assert topics == [
        "",
        "",
        "ovs_lost_packet",
        "ovs_lost_packet",
        "ovs_slow_flow_dump",
        "ovs_slow_main_loop",
        "",
    ]
    assert rows[2].reason == "system@ovs-system: lost packet on handler 3"


def test_a_packet_too_long_to_be_sent_has_a_topic() -> None:
    line = "2026-11-25T14:33:55.398Z|00058|netdev_linux|WARN|error sending Ethernet packet on ens3: Message too long\n"
    (row,) = _rows(line)
    assert isinstance(row, LogLine)
    assert row.topic == "ovs_too_long"


REFUSED = """\
2026-11-25T13:33:47.969Z|00051|ofproto_dpif_xlate|WARN|over max translation depth 64 on bridge br0 while processing tcp,in_port=1,nw_src=10.9.0.2,nw_dst=10.9.0.1,nw_ttl=64,tp_src=8080,tp_dst=44580,tcp_flags=psh|ack
2026-11-25T13:33:48.000Z|00052|ofproto_dpif_xlate|WARN|over 4096 resubmit actions
2026-11-25T13:33:48.000Z|00053|dpif(handler3)|WARN|system@ovs-system: failed to put[create] (Invalid argument) ufid:5f3f1bd2 in_port(3),eth_type(0x0800),ipv4(src=10.0.0.5,dst=192.0.2.80,proto=17,tos=0/0x3,frag=no),udp(src=68,dst=67), actions:2
2026-11-25T13:33:48.000Z|00054|dpif(handler3)|WARN|system@ovs-system: failed to put[create] (File exists) ufid:5f3f1bd2 in_port(3),eth_type(0x0806)
2026-11-25T13:33:48.000Z|00055|dpif(handler3)|WARN|system@ovs-system: execute 5 failed (Invalid argument) on packet udp,nw_src=10.0.0.5,nw_dst=192.0.2.80,tp_src=68,tp_dst=67
"""


def test_a_flow_that_was_refused_is_told_by_its_packet() -> None:
    """In either way of printing flows; that a flow exists already is no refusal."""
    rows = [row for row in _rows(REFUSED) if isinstance(row, LogLine)]
    assert [row.topic for row in rows] == [
        "ovs_recursion",
        "ovs_recursion",
        "ovs_flow_refused",
        "",
        "ovs_flow_refused",
    ]
    ends = [row.packet and (row.packet.src, row.packet.dst) for row in rows]
    dhcp = (Endpoint(address="10.0.0.5", port=68), Endpoint(address="192.0.2.80", port=67))
    loop = (Endpoint(address="10.9.0.2", port=8080), Endpoint(address="10.9.0.1", port=44580))
    assert ends == [loop, None, dhcp, None, dhcp]


ACLS = """\
2026-11-25T09:32:52.485Z|00004|acl_log(ovn_pinctrl2)|INFO|name="no-9999", verdict=drop, severity=warning, direction=to-lport: tcp,vlan_tci=0x0000,dl_src=02:00:00:00:00:0a,dl_dst=02:00:00:00:00:0b,nw_src=10.77.0.10,nw_dst=10.77.0.11,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=49076,tp_dst=9999,tcp_flags=syn
2026-11-25T09:32:54.738Z|00006|acl_log(ovn_pinctrl0)|INFO|name="<unnamed>", verdict=allow, severity=info: icmp6,vlan_tci=0x0000,ipv6_src=fd00::1,ipv6_dst=fd00::2,icmp_type=128
"""


def test_a_packet_logged_by_an_access_rule_is_read() -> None:
    """OVN's controller logs the packet as a flow; the direction is not printed before 20.09."""
    drop, allow = (row for row in _rows(ACLS) if isinstance(row, LogLine))
    assert (drop.topic, drop.reason) == ("ovn_acl", "drop no-9999 to-lport")
    assert drop.packet is not None
    assert (drop.packet.src, drop.packet.dst) == (
        Endpoint(address="10.77.0.10", port=49076),
        Endpoint(address="10.77.0.11", port=9999),
    )
    assert (drop.packet.proto, drop.packet.tcp_flags, drop.packet.ip_ttl) == (6, 2, 64)
    assert allow.reason == "allow <unnamed>"
    assert allow.packet is not None
    assert (allow.packet.proto, allow.packet.src.address) == (58, "fd00::1")


def test_recognised_when_most_lines_are_log_lines() -> None:
    """One log line before a flow dump does not make a log."""
    assert _recognised(SAMPLE)
    assert not _recognised(SAMPLE.splitlines()[0] + "\nrecirc_id(0),in_port(1)\nrecirc_id(0),in_port(2)\n")


def test_impossible_dates_and_stray_lines_are_weird() -> None:
    """A month 13 is no time; an indented line needs one to continue."""
    rows = _rows("    stray\n2026-13-22T22:04:36.908Z|00001|vlog|INFO|x\ngarbage\n")
    assert [type(row) for row in rows] == [Weird] * 3


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
