"""`ovn-sbctl lflow-list`: forms of 2.6 to 23.03."""

import text_samples as t

from lastseen.evidence.texts import ovn_lflow as reader
from lastseen.tables.facts_from_texts import Rule

SAMPLE = """\
Datapath: "net1" (3a0e0143-4ddd-4748-a582-b035238e116d)  Pipeline: ingress
  table=0 (ls_in_check_port_sec), priority=100  , match=(eth.src[40]), action=(drop;)
  table=4 (ls_in_pre_acl      ), priority=110  , match=(nd || (udp && udp.src == 546)), action=(next;)
Datapath: "neutron-1" aka "net1" (3a0e0143-4ddd-4748-a582-b035238e116d)  Pipeline: egress
  table=4 (ls_out_acl         ), priority=2002 , match=(reg0[10] == 1 && (outport == "vm-b")), action=(ct_commit { ct_mark.blocked = 1; }; /* drop */)
"""
SAMPLE_OPENFLOW = """\
Datapath: "net1" (3a0e0143-4ddd-4748-a582-b035238e116d)  Pipeline: ingress
  uuid=0x8e0636e3, table=0 (ls_in_check_port_sec), priority=100  , match=(vlan.present), action=(drop;)
    table=8 metadata=0x1,vlan_tci=0x1000/0x1000 actions=drop
    cookie=0x1, duration=3.2s, table=8, n_packets=0, n_bytes=0, priority=100,metadata=0x1 actions=drop
    no match
"""
SAMPLE_OLD = """\
Datapath: 3a0e0143-4ddd-4748-a582-b035238e116d  Pipeline: ingress
  table=0(ls_in_port_sec_l2), priority=  100, match=(eth.src[40]), action=(drop;)
"""


def _rules(sample: str) -> list[tuple[str, int | None, str, str, bool]]:
    found = [row for row in t.rows(reader, sample) if isinstance(row, Rule)]
    return [(row.place, row.priority, row.match, row.actions, row.drops) for row in found]


def test_a_logical_flow_is_a_rule_without_counters() -> None:
    """The match may hold brackets; a drop after a commit is one; the human's name of a network is preferred."""
    assert _rules(SAMPLE) == [
        ("net1 ingress table=0 ls_in_check_port_sec", 100, "eth.src[40]", "drop;", True),
        ("net1 ingress table=4 ls_in_pre_acl", 110, "nd || (udp && udp.src == 546)", "next;", False),
        (
            "net1 egress table=4 ls_out_acl",
            2002,
            'reg0[10] == 1 && (outport == "vm-b")',
            "ct_commit { ct_mark.blocked = 1; }; /* drop */",
            True,
        ),
    ]


def test_old_and_openflow_forms_are_read() -> None:
    """OpenFlow rules below are passed over: they would be counted twice."""
    assert [rule[0] for rule in _rules(SAMPLE_OPENFLOW)] == ["net1 ingress table=0 ls_in_check_port_sec"]
    assert not t.weirds(reader, SAMPLE_OPENFLOW)
    assert _rules(SAMPLE_OLD)[0][:2] == (
        "3a0e0143-4ddd-4748-a582-b035238e116d ingress table=0 ls_in_port_sec_l2",
        100,
    )


def test_recognised_by_datapath_flow_or_command_and_odd_lines_are_weird() -> None:
    """A flow cut in its match is one."""
    assert t.recognised(reader, SAMPLE)
    assert t.recognised(reader, SAMPLE.partition("\n")[2])
    assert t.recognised(reader, "", "ovn-sbctl --db=tcp:1.2.3.4:6642 lflow-list net1")
    assert not t.recognised(reader, "", "ovn-sbctl show")
    cut = SAMPLE.splitlines()[1][:60]
    assert t.weirds(reader, f"{cut}\nodd\n") == [(1, "not a logical flow"), (2, "not a logical flow")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE + SAMPLE_OPENFLOW)
