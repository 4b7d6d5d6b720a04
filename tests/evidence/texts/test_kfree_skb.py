"""A kfree_skb trace: with and without reasons, stacks, and other events between."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import kfree_skb as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Drop
from lastseen.tables.sources import Weird

SAMPLE = """\
# tracer: nop
#
# entries-in-buffer/entries-written: 6/6   #P:2
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
         python3-4740    [000] ..s1.  1206.747059: kfree_skb: skbaddr=000000008fbc708a rx_sk=0000000000000000 protocol=2048 location=nft_do_chain+0x3e8/0x610 reason: NETFILTER_DROP
     ksoftirqd/1-22      [001] ..s..  1206.954921: kfree_skb: skbaddr=000000008fbc708a protocol=2048 location=0000000012345678 reason: NO_SOCKET
          <idle>-0       [000] ..s.   1207.000001: kfree_skb: skbaddr=ffff8800 protocol=34525 location=ffffffff81234567
       my task-7 (    7) [000] d.s2.  1208.5000000: kfree_skb: skbaddr=00000000eea6a1d2 rx_sk=0 protocol=2048 location=ovs_dp_process_packet+0x1/0x2 [openvswitch] reason: 0x30003
          php-7          [000] ..s..  1208.600000: <stack trace>
 => kfree_skb_reason
 => nf_hook_slow
CPU:1 [LOST 24 EVENTS]
          php-7          [000] ..s..  1209.000000: consume_skb: skbaddr=00000000eea6a1d2
"""
PERF = "swapper     0 [001] 93.000000123: skb:kfree_skb: skbaddr=0xffff88 protocol=2048 location=0xffffffff81 reason: TCP_CSUM\n        ffffffff81a0 kfree_skb+0x1 ([kernel.kallsyms])\n"


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_each_event_is_a_drop_with_time_reason_and_place() -> None:
    """Times are exact nanoseconds; a kernel without reasons gives ''; tracefs prints no packet."""
    drops = [row for row in _rows(SAMPLE) if isinstance(row, Drop)]
    assert [(drop.at_ns, drop.reason, drop.location) for drop in drops] == [
        (1206747059000, "NETFILTER_DROP", "nft_do_chain+0x3e8/0x610"),
        (1206954921000, "NO_SOCKET", "0000000012345678"),
        (1207000001000, "", "ffffffff81234567"),
        (1208500000000, "0x30003", "ovs_dp_process_packet+0x1/0x2 [openvswitch]"),
    ]
    assert {(drop.clock, drop.packet) for drop in drops} == {("boot", None)}


def test_stacks_and_other_events_are_passed_over_but_lost_events_are_told() -> None:
    """What the trace lost may hold the drop one looks for."""
    weirds = [row for row in _rows(SAMPLE) if isinstance(row, Weird)]
    assert [weird.reason for weird in weirds] == ["the trace lost 24 events"]


def test_a_number_is_named_by_the_format_printed_above_it() -> None:
    """The table is that kernel's own; without it the number stays, because others count differently."""
    table = 'print fmt: "reason: %s", __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 0x3, "NO_SOCKET" })\n'
    event = "php-7 [000] ..s.  1208.5: x\nphp-7 [000] ..s. 1.000001: kfree_skb: skbaddr=0 protocol=8 location=f reason: 0x3\n"
    assert [row.reason for row in _rows(table + event) if isinstance(row, Drop)] == ["NO_SOCKET"]
    assert [row.reason for row in _rows(event) if isinstance(row, Drop)] == ["0x3"]
    assert _recognised(table + event)


def test_perf_script_prints_the_same_event() -> None:
    """Its times may have nine decimals and its stacks are addresses."""
    (drop,) = _rows(PERF)
    assert isinstance(drop, Drop)
    assert (drop.at_ns, drop.reason) == (93000000123, "TCP_CSUM")


def test_recognised_by_an_event() -> None:
    """Any other trace is left alone; a silent one needs its command."""
    assert _recognised(SAMPLE)
    assert _recognised(PERF)
    assert _recognised("", "cat /sys/kernel/tracing/instances/kfree_skb/trace")
    assert not _recognised("# tracer: nop\n#\n     php-7 [000] ..s.. 1.000000: consume_skb: skbaddr=0\n")


def test_a_cut_event_is_weird() -> None:
    """A buffer read while written may end in the middle of a line."""
    cut = SAMPLE.splitlines()[6][:120]
    assert [type(row) for row in _rows(cut)] == [Weird]


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
