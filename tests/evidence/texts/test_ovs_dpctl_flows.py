"""`dpctl/dump-flows` with and without -m, compared with Open vSwitch's own flow parser."""

from hypothesis import given
from hypothesis import strategies as st
from ovs.flow.odp import ODPFlow

from lastseen.evidence.texts import ovs_dpctl_flows as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

SAMPLE = """\
ufid:765a9a8b-1466-4519-b490-76f7a7dbf2c4, recirc_id(0xb),dp_hash(0/0),skb_priority(0/0),in_port(tap3f1c9a2e-7b),skb_mark(0/0),ct_state(0x1/0xf),ct_zone(0/0),ct_mark(0/0),ct_label(0/0),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=0/0,tos=0/0x3,ttl=0/0,frag=no), packets:0, bytes:0, used:never, dp:ovs, actions:ct(commit,zone=100),set(tunnel(tun_id=0x64,dst=192.168.50.11,ttl=64,tp_dst=6081,flags(df|csum|key))),genev_sys_6081
ufid:4eece74a-d1cc-4766-98f4-407db770769e, recirc_id(0xc),dp_hash(0/0),skb_priority(0/0),tunnel(tun_id=0x64,src=192.168.50.11,dst=192.168.50.21,ttl=0/0,flags(-df+csum+key)),in_port(genev_sys_6081),skb_mark(0/0),ct_state(0x2a/0x3f),ct_zone(0x64),ct_mark(0),ct_label(0/0),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=0/0,tos=0/0,ttl=0/0,frag=no), packets:16, bytes:7975, used:2.501s, flags:SFPR., dp:ovs, actions:tap3f1c9a2e-7b
ufid:16896619-0731-40e7-9d71-a77751b6eced, recirc_id(0),dp_hash(0/0),skb_priority(0/0),in_port(tap3f1c9a2e-7b),skb_mark(0/0),ct_state(0/0x20),ct_zone(0/0),ct_mark(0/0),ct_label(0/0),eth(src=fa:16:3e:aa:00:15,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800),ipv4(src=10.20.0.15,dst=0.0.0.0/0.0.0.0,proto=0/0,tos=0/0,ttl=0/0,frag=no), packets:33, bytes:3566, used:2.505s, flags:SFPR., dp:ovs, actions:ct(zone=100),recirc(0xb)
ufid:fe664b47-951a-4ea8-9479-b3b86aa95444, recirc_id(0x2),dp_hash(0/0),skb_priority(0/0),tunnel(tun_id=0x64,src=192.168.50.11,dst=192.168.50.21,ttl=0/0,flags(-df+csum+key)),in_port(genev_sys_6081),skb_mark(0/0),ct_state(0x30/0x3f),ct_zone(0/0),ct_mark(0/0),ct_label(0/0),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=0/0,tos=0/0,ttl=0/0,frag=no), packets:7, bytes:420, used:1.952s, flags:F., dp:ovs, actions:drop
ufid:06fafe3f-38e3-443f-a663-24e73292148e, recirc_id(0),dp_hash(0/0),skb_priority(0/0),in_port(tap3f1c9a2e-7b),skb_mark(0/0),ct_state(0/0),ct_zone(0/0),ct_mark(0/0),ct_label(0/0),eth(src=fa:16:3e:aa:00:15,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806),arp(sip=10.20.0.15,tip=10.20.0.1,op=1/0xff,sha=fa:16:3e:aa:00:15,tha=00:00:00:00:00:00), packets:0, bytes:0, used:never, dp:ovs, actions:userspace(pid=4294967295,slow_path(action))
recirc_id(0x18),in_port(3),ct_state(-new-est-rel-rpl-inv-trk),ct_label(0/0x1),eth(dst=0a:58:c0:a8:00:04),eth_type(0x0800),ipv4(dst=192.168.0.4,frag=no), packets:768, bytes:75264, used:0.046s, actions:3
recirc_id(0x10),in_port(2),ct_state(+inv+trk),eth(),eth_type(0x0800),ipv4(frag=no), packets:57, bytes:3420, used:14.0s, flags:F., actions:drop
recirc_id(0),in_port(2),eth(),eth_type(0x86dd),ipv6(frag=no), packets:1, bytes:70, used:9.759s, actions:
recirc_id(0),tunnel(tun_id=0x1,src=10.0.0.1,dst=10.0.0.2,tp_dst=6081,flags(-df+csum+key)),in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(dst=80), packets:9, bytes:900, used:1.0s, actions:ct(commit,zone=8,mark=0/0x1,nat(src)),recirc(0x4)
"""
OFFLOADED = "ufid:e32d66cd-0000-4000-8000-000000000001, recirc_id(0),dp_hash(0/0),in_port(p1),ct_state(0x22/0x3e),packet_type(ns=0,id=0),eth(src=0a:00:00:00:00:01),eth_type(0x0800),ipv4(proto=6,ttl=64/0,frag=no),tcp_flags(0/0), packets:0, bytes:0, used:2.890s, offloaded:yes, dp:tc, actions:drop, dp-extra-info:miniflow_bits(4,1)"


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_a_megaflow_becomes_a_rule_without_its_ufid() -> None:
    """The ufid changes with every dump, so it stays out of what identifies a rule."""
    rule = _rows(SAMPLE)[1]
    assert isinstance(rule, Rule)
    assert (rule.layer, rule.place) == ("datapath", "recirc_id(0xc) in_port(genev_sys_6081)")
    assert rule.match.startswith("recirc_id(0xc),dp_hash(0/0)")
    assert rule.match.endswith("frag=no)")
    assert (rule.actions, rule.packets, rule.bytes, rule.priority) == ("tap3f1c9a2e-7b", 16, 7975, None)


def test_rows_agree_with_the_parser_open_vswitch_ships() -> None:
    """Match, actions and counters equal those of ovs.flow on real flows."""
    compared = 0
    for line, rule in zip(SAMPLE.splitlines(), _rows(SAMPLE), strict=True):
        assert isinstance(rule, Rule)
        if not rule.actions:
            continue
        oracle = ODPFlow(line)
        again = ODPFlow(f"{rule.match}, packets:0, bytes:0, used:never, actions:{rule.actions}")
        assert again.match == oracle.match
        assert again.actions == oracle.actions
        assert (rule.packets, rule.bytes) == (oracle.info["packets"], oracle.info["bytes"])
        compared += 1
    assert compared == 8


def test_drop_and_no_action_drop() -> None:
    """An empty action list discards the packet as surely as the word; newer datapaths add a reason."""
    drops = [rule.drops for rule in _rows(SAMPLE) if isinstance(rule, Rule)]
    assert drops == [False, False, False, True, False, False, True, True, False]
    (reasoned,) = _rows(
        "recirc_id(0),in_port(2),eth(), packets:1, bytes:70, used:9.7s, actions:drop(explicit)"
    )
    assert isinstance(reasoned, Rule)
    assert reasoned.drops


def test_offload_and_extra_info_are_not_actions() -> None:
    """What follows `dp-extra-info:` and stands in `offloaded:` is no part of the rule."""
    (rule,) = _rows(OFFLOADED)
    assert isinstance(rule, Rule)
    assert (rule.actions, rule.drops, rule.place) == ("drop", True, "recirc_id(0) in_port(p1)")


def test_headings_of_userspace_datapaths_and_log_lines_are_passed_over() -> None:
    """A netdev dump says which thread it is from; a log line may come first."""
    sample = (
        "2019-11-02T09:00:00Z|00001|dpif_netlink|INFO|The kernel module does not support meters.\n"
        "flow-dump from the main thread:\nflow-dump from pmd on cpu core: 3\n" + OFFLOADED + "\n"
    )
    assert [type(row) for row in _rows(sample)] == [Rule]
    assert _recognised(sample)


def test_the_brackets_of_tunnel_options_do_not_confuse() -> None:
    """Geneve options hold braces and brackets within brackets."""
    match = "recirc_id(0),tunnel(tun_id=0x1,geneve({class=0x102,type=0x80,len=4,0x10002/0x7fffffff}),flags(-df+csum+key)),in_port(1),eth()"
    (rule,) = _rows(match + ", packets:1, bytes:2, used:0.1s, actions:set(eth(dst=0a:00:00:00:00:01)),2")
    assert isinstance(rule, Rule)
    assert (rule.match, rule.actions) == (match, "set(eth(dst=0a:00:00:00:00:01)),2")


def test_recognised_by_content_or_command() -> None:
    """Both forms without a command, an empty dump with one."""
    assert _recognised(SAMPLE)
    assert _recognised(OFFLOADED)
    assert _recognised("", "ovs-appctl dpctl/dump-flows -m")
    assert _recognised("", "ovs-dpctl dump-flows")
    assert not _recognised("", "ovs-ofctl dump-flows br-int")


def test_a_cut_flow_is_a_weird() -> None:
    """Without its actions a flow cannot be judged."""
    assert [type(row) for row in _rows(OFFLOADED.partition(", actions:")[0])] == [Weird]
    assert [type(row) for row in _rows(OFFLOADED.replace("bytes:0", "bytes:x"))] == [Weird]


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
