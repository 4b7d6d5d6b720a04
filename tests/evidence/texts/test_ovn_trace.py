"""`ovn-trace`: detailed, summary and minimal, with a drop, an output, and no match."""

import text_samples as t

from lastseen.evidence.texts import ovn_trace as reader
from lastseen.tables.facts_from_texts import Traced

FLOW = "tcp,reg14=0x1,dl_dst=02:00:00:00:00:0b,nw_src=10.77.0.10,nw_dst=10.77.0.11,tp_dst=9999,tcp_flags=0"
SAMPLE = f"""\
# {FLOW}

ingress(dp="net1", inport="vm-a")
---------------------------------
 0. ls_in_check_port_sec (northd.c:8432): 1, priority 50, uuid 3220426a
    reg0[15] = check_in_port_sec();
    next;

ct_next(ct_state=est|trk /* default (use --ct to customize) */)
---------------------------------------------------------------
25. ls_in_l2_lkup (northd.c:9122): eth.dst == 02:00:00:00:00:0b, priority 50, uuid 60e89670
    outport = "vm-b";
    output;

egress(dp="net1", inport="vm-a", outport="vm-b")
------------------------------------------------
 4. ls_out_acl (northd.c:6571): reg0[10] == 1 && (outport == "vm-b" && tcp.dst == 9999), priority 2002, uuid 5299bd43
    log(name="no-9999", verdict=drop, severity=warning);

LOG: ACL name=no-9999, direction=OUT, verdict=drop, severity=warning, packet="tcp"
----------------------------------------------------------------------------------
 9. ls_out_apply_port_sec (northd.c:5777): 1, priority 0, uuid 655283df
    output;
    /* output to "vm-b", type "" */
"""
SAMPLE_DROP = f"""\
# {FLOW}

ingress(dp="net1", inport="vm-a")
---------------------------------
 0. ls_in_port_sec_l2 (ovn-northd.c:4106): eth.src[40], priority 100, uuid 0c1ab7ee
    drop;
"""
SAMPLE_NO_MATCH = f"""\
# {FLOW}

ingress(dp="net1", inport="vm-a")
---------------------------------
 0. no match (implicit drop)
"""
SAMPLE_ALL = f"""\
# {FLOW}

# Detailed trace.

ingress(dp="net1", inport="vm-a")
---------------------------------
25. ls_in_l2_lkup (northd.c:9122): eth.dst == 02:00:00:00:00:0b, priority 50, uuid 60e89670
    /* output to "vm-b", type "" */

# Summary trace.

ingress(dp="net1", inport="vm-a") {{
    /* output to "vm-b", type "" */;
}};

# Minimal trace.

output("vm-b");
"""
SAMPLE_MINIMAL = f'# {FLOW}\nct_next(ct_state=new|trk) {{\n    output("vm-b");\n}};\n'


def _ends(sample: str) -> list[tuple[str, bool, str]]:
    found = [row for row in t.rows(reader, sample) if isinstance(row, Traced)]
    assert {(row.layer, row.flow) for row in found} <= {("ovn", FLOW)}
    return [(row.place, row.drops, row.actions) for row in found]


def test_each_end_of_the_packets_way_names_its_table() -> None:
    """A rule that logs a drop, a plain drop, no match, and an output."""
    logged = 'LOG: ACL name=no-9999, direction=OUT, verdict=drop, severity=warning, packet="tcp"'
    assert _ends(SAMPLE) == [
        ("net1 egress table=4 ls_out_acl", True, logged),
        ("net1 egress table=9 ls_out_apply_port_sec", False, 'output to "vm-b"'),
    ]
    assert _ends(SAMPLE_DROP) == [("net1 ingress table=0 ls_in_port_sec_l2", True, "drop;")]
    assert _ends(SAMPLE_NO_MATCH) == [("net1 ingress", True, "0. no match (implicit drop)")]


def test_one_form_of_several_is_read() -> None:
    """--all prints the same three times."""
    assert _ends(SAMPLE_ALL) == [("net1 ingress table=25 ls_in_l2_lkup", False, 'output to "vm-b"')]
    assert _ends(SAMPLE_MINIMAL) == [("", False, 'output to "vm-b"')]


def test_recognised_by_packet_and_pipeline_or_command_and_odd_lines_are_weird() -> None:
    """The first line looks like a command after a root prompt."""
    for sample in (SAMPLE, SAMPLE_DROP, SAMPLE_ALL, SAMPLE_MINIMAL):
        assert t.recognised(reader, sample)
        assert not t.weirds(reader, sample)
    assert t.recognised(reader, "", "ovn-trace --ct=new net1 'inport == \"vm-a\"'")
    assert t.weirds(reader, SAMPLE + "Odd\n") == [(25, "not a line of ovn-trace")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE + SAMPLE_ALL)
