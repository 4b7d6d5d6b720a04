"""`ovs-ofctl dump-groups` and `dump-group-stats`, as 3.1.0 prints them for every version of OpenFlow."""

import text_samples as t

from lastseen.evidence.texts import ovs_ofctl_groups as reader
from lastseen.tables.facts_from_texts import Rule

SAMPLE_OF10 = """\
NXST_GROUP_DESC reply (xid=0x2):
 group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id:0,weight:100,actions=output:1,bucket=bucket_id:1,weight:50,watch_port:2,actions=output:2
 group_id=3,type=ff,bucket=bucket_id:0,watch_port:1,actions=output:1
 group_id=2,type=all,bucket=bucket_id:0,actions=load:0x1->NXM_NX_TUN_ID[],output:3,bucket=bucket_id:1,actions=drop
 group_id=4,type=indirect,bucket=actions=drop
 group_id=5,type=all
"""
SAMPLE_OF13_NAMES = """\
OFPST_GROUP_DESC reply (OF1.3) (xid=0x2):
 group_id=1,type=select,bucket=weight:100,actions=output:bx0,bucket=weight:50,watch_port:bx1,actions=output:bx1
"""
SAMPLE_STATISTICS = """\
OFPST_GROUP reply (OF1.5) (xid=0x6):
 group_id=1,duration=25.466s,ref_count=1,packet_count=7,byte_count=900,bucket0:packet_count=3,byte_count=400,bucket1:packet_count=4,byte_count=500
"""
SAMPLE_OLD_STATISTICS = """\
OFPST_GROUP reply (OF1.1) (xid=0x6):
 group_id=3,ref_count=0,packet_count=1,byte_count=60,bucket0:packet_count=1,byte_count=60
"""


def test_groups_are_rules_with_their_buckets() -> None:
    """A group drops when each of its buckets does, or when it has none."""
    rules = [
        row for row in t.rows(reader, SAMPLE_OF10, "ovs-ofctl dump-groups br-ex") if isinstance(row, Rule)
    ]
    assert [(rule.place, rule.match, rule.drops) for rule in rules] == [
        ("br-ex group=1", "type=select", False),
        ("br-ex group=3", "type=ff", False),
        ("br-ex group=2", "type=all", False),
        ("br-ex group=4", "type=indirect", True),
        ("br-ex group=5", "type=all", True),
    ]
    assert rules[1].actions == "bucket=bucket_id:0,watch_port:1,actions=output:1"
    assert {rule.layer for rule in rules} == {"openflow_group"}
    assert len(t.rows(reader, SAMPLE_OF13_NAMES)) == 1


def test_statistics_are_counters_of_group_and_bucket() -> None:
    """OpenFlow 1.1 and 1.2 have no duration."""
    assert t.counters(reader, SAMPLE_STATISTICS, "ovs-ofctl -O OpenFlow15 dump-group-stats br-ex 1") == {
        ("openflow_group", "br-ex/1", "references"): 1,
        ("openflow_group", "br-ex/1", "packets"): 7,
        ("openflow_group", "br-ex/1", "bytes"): 900,
        ("openflow_group", "br-ex/1", "bucket0_packets"): 3,
        ("openflow_group", "br-ex/1", "bucket1_packets"): 4,
        ("openflow_group", "br-ex/1", "bucket0_bytes"): 400,
        ("openflow_group", "br-ex/1", "bucket1_bytes"): 500,
    }
    assert t.counters(reader, SAMPLE_OLD_STATISTICS)["openflow_group", "3", "packets"] == 1


def test_recognised_by_heading_group_or_command() -> None:
    """A reply without its heading is one, too; dump-group-features is another command."""
    assert t.recognised(reader, SAMPLE_OF10.partition("\n")[2])
    assert t.recognised(reader, SAMPLE_STATISTICS.partition("\n")[2])
    assert t.recognised(reader, "", "ovs-ofctl -O OpenFlow13 dump-groups br-ex")
    assert not t.recognised(reader, "", "ovs-ofctl dump-group-features br-ex")


def test_a_line_that_is_no_group_is_weird() -> None:
    """So is a group without a type or counts."""
    assert t.weirds(reader, " group_id=1,what=ever\nnonsense\n") == [
        (1, "not an OpenFlow group"),
        (2, "not an OpenFlow group"),
    ]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE_OF10 + SAMPLE_STATISTICS)
