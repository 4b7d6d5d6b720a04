"""`ovs-ofctl dump-flows`: every heading and key order, compared with Open vSwitch's own flow parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovs.flow.ofp import OFPFlow

from lastseen.evidence.texts import ovs_ofctl_flows as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

SAMPLE = """\
NXST_FLOW reply (xid=0x4):
 cookie=0x1ef7, duration=186.262s, table=0, n_packets=97, n_bytes=10680, idle_age=2, priority=100,in_port=1 actions=load:0x1->NXM_NX_REG5[],load:0x64->NXM_NX_REG6[],resubmit(,71)
 cookie=0x1ef7, duration=186.260s, table=0, n_packets=101, n_bytes=26123, idle_age=2, priority=90,tun_id=0x64,in_port=2,dl_dst=fa:16:3e:aa:00:15 actions=load:0x1->NXM_NX_REG5[],load:0x64->NXM_NX_REG6[],resubmit(,81)
 cookie=0x1ef7, duration=186.258s, table=0, n_packets=0, n_bytes=0, idle_age=186, priority=0 actions=drop
 cookie=0x5ec9, duration=186.257s, table=71, n_packets=3, n_bytes=126, idle_age=21, priority=95,arp,reg5=0x1,in_port=1,dl_src=fa:16:3e:aa:00:15,arp_tpa=10.20.0.1,arp_op=1 actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],mod_dl_src:fa:16:3e:aa:00:01,load:0x2->NXM_OF_ARP_OP[],IN_PORT
 cookie=0x5ec9, duration=186.255s, table=71, n_packets=89, n_bytes=10204, idle_age=2, priority=65,ct_state=-trk,ip,reg5=0x1,in_port=1,dl_src=fa:16:3e:aa:00:15,nw_src=10.20.0.15 actions=ct(table=72,zone=NXM_NX_REG6[0..15])
 cookie=0x5ec9, duration=186.252s, table=72, n_packets=6, n_bytes=444, idle_age=2, priority=77,ct_state=+new-est,ip,reg5=0x1 actions=ct(commit,zone=NXM_NX_REG6[0..15]),resubmit(,94)
 cookie=0x5ec9, duration=186.245s, table=82, n_packets=0, n_bytes=0, idle_age=186, priority=77,ct_state=+est-rel-rpl,tcp,reg5=0x1,tp_dst=22 actions=output:1
 cookie=0x5ec9, duration=186.241s, table=82, n_packets=57, n_bytes=3420, idle_age=14, priority=50,ct_state=+inv+trk actions=resubmit(,93)
 cookie=0x5ec9, duration=186.238s, table=93, n_packets=62, n_bytes=3770, idle_age=14, priority=0 actions=drop
 cookie=0x9a7e, duration=185.576s, table=0, n_packets=74, n_bytes=8342, idle_age=3, priority=100,ip,tun_id=0x64,in_port=2,nw_src=10.20.0.15,nw_dst=203.0.113.80 actions=mod_nw_src:198.51.100.23,dec_ttl,mod_dl_src:fa:16:3e:ee:00:23,mod_dl_dst:52:54:00:00:02:03,output:1
"""
NO_STATS = """\
 priority=100,in_port=1 actions=resubmit(,71)
 table=71, priority=0 actions=drop
 in_port=3 actions=NORMAL
 table=72, send_flow_rem priority=5,ip actions=output:1
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_each_rule_of_a_dump_becomes_a_row_with_its_bridge() -> None:
    """Place, priority, match, actions and counters are the printed ones."""
    rule = _rows(SAMPLE, "ovs-ofctl dump-flows br-int")[7]
    assert isinstance(rule, Rule)
    assert (rule.layer, rule.place, rule.priority) == ("openflow", "br-int table=82", 50)
    assert (rule.match, rule.actions, rule.drops) == ("ct_state=+inv+trk", "resubmit(,93)", False)
    assert (rule.packets, rule.bytes, rule.source.line) == (57, 3420, 9)


def test_rows_agree_with_the_parser_open_vswitch_ships() -> None:
    """Match fields, action names and counters equal those of ovs.flow on real flows."""
    lines = SAMPLE.splitlines()[1:]
    for line, rule in zip(lines, _rows(SAMPLE), strict=True):
        assert isinstance(rule, Rule)
        oracle = OFPFlow(line)
        again = OFPFlow(f"priority={rule.priority},{rule.match} actions={rule.actions}")
        assert again.match == oracle.match
        assert again.actions == oracle.actions
        assert (rule.packets, rule.bytes) == (oracle.info["n_packets"], oracle.info["n_bytes"])
        assert rule.place == f"table={oracle.info['table']}"


def test_only_a_lone_drop_action_drops() -> None:
    """`drops` is exactly the action drop; a resubmit to a drop table is not one."""
    assert [rule.match for rule in _rows(SAMPLE) if isinstance(rule, Rule) and rule.drops] == ["", ""]


@pytest.mark.parametrize(
    "heading",
    [
        "NXST_FLOW reply (xid=0x4):",
        "OFPST_FLOW reply (xid=0x4):",
        "OFPST_FLOW reply (OF1.3) (xid=0x2):",
        "OFPST_FLOW reply (OF1.3) (xid=0x2): flags=[more]",
    ],
)
def test_every_heading_is_known(heading: str) -> None:
    """A heading gives no row and is enough to be recognised."""
    assert _rows(heading) == []
    assert _recognised(heading)


@pytest.mark.parametrize(
    ("keys", "priority", "match"),
    [
        ("idle_timeout=5, idle_age=1, hard_age=2, priority=0", 0, ""),
        ("idle_timeout=5, hard_timeout=9, send_flow_rem check_overlap priority=7,ip", 7, "ip"),
        ("reset_counts no_packet_counts no_byte_counts priority=7,ip", 7, "ip"),
        ("send_flow_rem importance=3, idle_age=1, priority=7,tcp,tp_dst=80", 7, "tcp,tp_dst=80"),
        ("ip,nw_dst=10.0.0.1", reader.DEFAULT_PRIORITY, "ip,nw_dst=10.0.0.1"),
        ("", reader.DEFAULT_PRIORITY, ""),
    ],
)
def test_priority_and_match_follow_the_last_key(keys: str, priority: int, match: str) -> None:
    """Timeouts, flags, importance and ages in any version stay out of the match."""
    sample = (
        f" cookie=0x0, duration=5546.574s, table=0, n_packets=47359, n_bytes=569266300, {keys} actions=NORMAL"
    )
    (rule,) = _rows(sample)
    assert isinstance(rule, Rule)
    assert (rule.priority, rule.match, rule.packets) == (priority, match, 47359)
    assert _recognised(sample)


def test_without_statistics_the_counters_are_unknown() -> None:
    """`--no-stats` leaves out cookie, table 0 and counters: None, not zero."""
    assert _recognised(NO_STATS)
    rules = [row for row in _rows(NO_STATS) if isinstance(row, Rule)]
    assert [(rule.place, rule.priority, rule.match) for rule in rules] == [
        ("table=0", 100, "in_port=1"),
        ("table=71", 0, ""),
        ("table=0", reader.DEFAULT_PRIORITY, "in_port=3"),
        ("table=72", 5, "ip"),
    ]
    assert {rule.packets for rule in rules} == {None}


def test_colours_and_the_appctl_form_are_read() -> None:
    """`--color` escapes vanish; `bridge/dump-flows` puts a comma before actions."""
    sample = (
        "\x1b[0;33m cookie=0x0, \x1b[0mduration=1.0s, table=0, n_packets=1, n_bytes=2, priority=3 actions=drop\n"
        "table_id=254, duration=9s, n_packets=4, n_bytes=5, priority=2,recirc_id=0,actions=drop\n"
    )
    first, second = _rows(sample)
    assert isinstance(first, Rule)
    assert isinstance(second, Rule)
    assert (first.priority, first.packets, first.drops) == (3, 1, True)
    assert (second.place, second.match, second.packets) == ("table=254", "recirc_id=0", 4)


@pytest.mark.parametrize(
    ("command", "bridge"),
    [
        ("ip netns exec netnode env OVS_RUNDIR=/run/ovs-nn ovs-ofctl dump-flows br-int", "br-int"),
        ("ovs-ofctl -O OpenFlow13 dump-flows br-ex table=0", "br-ex"),
        ("ovs-ofctl dump-flows --no-stats -O OpenFlow15 unix:/run/openvswitch/br-int.mgmt", "br-int"),
        ("ssh cmp 'ovs-ofctl dump-flows br-int'", "br-int"),
        ("ovs-ofctl dump-flows | sort", ""),
        ("uname -a", ""),
    ],
)
def test_the_bridge_is_the_commands(command: str, bridge: str) -> None:
    """Options, wrappers and quotes around the command do not matter."""
    assert reader.bridge_of(command, "dump-flows") == bridge


def test_an_empty_dump_is_recognised_by_its_command() -> None:
    """No output at all is still evidence; another command's is not ours."""
    assert _recognised("", "ovs-ofctl -O OpenFlow13 dump-flows br-int")
    assert not _recognised("", "ovs-ofctl dump-ports br-int")


def test_a_cut_line_is_a_weird() -> None:
    """A line without its actions is no rule."""
    rows = _rows(
        " cookie=0x1ef7, duration=186.262s, table=0, n_pack\novs-ofctl: br-x is not a bridge or a socket\n"
    )
    assert [type(row) for row in rows] == [Weird, Weird]


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
