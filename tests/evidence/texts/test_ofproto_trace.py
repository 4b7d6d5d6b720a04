"""`ofproto/trace`: what the switch would do, which is no observation."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ofproto_trace as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import LogLine, Traced
from lastseen.tables.sources import Weird

SAMPLE = """\
Flow: tcp,tun_id=0x64,in_port=2,vlan_tci=0x0000,nw_src=203.0.113.80,nw_dst=10.20.0.15,tcp_flags=fin|ack

bridge("br-int")
----------------
 0. tun_id=0x64,in_port=2,dl_dst=fa:16:3e:aa:00:15, priority 90, cookie 0x1ef7
    load:0x1->NXM_NX_REG5[]
81. ct_state=-trk,ip,reg5=0x1, priority 90, cookie 0x5ec9
    ct(table=82,zone=NXM_NX_REG6[0..15])
    drop
     -> A clone of the packet is forked to recirculate.

Final flow: unchanged
Megaflow: recirc_id=0,ct_state=-trk,eth,ip,in_port=2,nw_frag=no
Datapath actions: ct(zone=100),recirc(0x10)

===============================================================================
recirc(0x10) - resume conntrack with ct_state=inv|trk
===============================================================================

Flow: recirc_id=0x10,ct_state=inv|trk,ct_zone=100,eth,tcp
"""
OLD = """\
Bridge: br-int
Flow: tcp,in_port=2,vlan_tci=0x0000
Rule: table=0 cookie=0 priority=90
OpenFlow actions=resubmit(,81)
\tResubmitted flow: unchanged
Final flow: unchanged
Relevant fields: skb_priority=0,tcp
Datapath actions: drop
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_a_thought_experiment_gives_nothing_that_is_counted() -> None:
    """Neither the form since 2.8 nor the one before may speak for a fault: no rule, counter or drop, only a trace."""
    (traced,) = _rows(SAMPLE)
    assert isinstance(traced, Traced)
    assert (traced.layer, traced.place, traced.drops) == ("openflow", "br-int table=81", False)
    assert traced.flow.startswith("tcp,tun_id=0x64")
    assert traced.actions == "ct(zone=100),recirc(0x10)"
    (old,) = _rows(OLD)
    assert isinstance(old, Traced)
    assert (old.place, old.drops, old.actions) == ("br-int table=0", True, "drop")


def test_recognised_by_its_flow_and_bridge_or_command() -> None:
    """A `Flow:` line alone is not enough."""
    assert _recognised(SAMPLE)
    assert _recognised(OLD)
    assert _recognised("", "ovs-appctl ofproto/trace br-int in_port=2,tcp")
    assert not _recognised("Flow: the art of doing\nnothing\n")


def test_foreign_lines_are_weird() -> None:
    """Nothing is skipped in silence, and no row type is ever made of it."""
    rows = _rows("ovs-appctl: br-x: unknown bridge\n")
    assert [type(row) for row in rows] == [Weird]
    assert not any(isinstance(row, LogLine) for row in rows)


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
