"""dropwatch: summaries and packets."""

from pathlib import Path

import text_samples as t

from lastseen.evidence.texts import dropwatch as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Drop

HERE = Path(__file__).parent / "samples/dropwatch"
SUMMARY = (HERE / "summary_written.txt").read_text()
PACKETS = (HERE / "packets_written.txt").read_text()


def test_a_summary_counts_by_place() -> None:
    """Symbols with offsets, bare addresses, and lines of before the origin was printed."""
    assert t.counters(reader, SUMMARY) == {
        ("dropwatch", "ip_rcv+cf", "drops"): 1,
        ("dropwatch", "nf_hook_slow+a3", "drops"): 3,
        ("dropwatch", "location 0xffffffffc0db6f97", "drops"): 2,
        ("dropwatch", "__udp4_lib_mcast_deliver+2a7", "drops"): 4,
    }


def test_a_packet_has_time_place_reason_and_what_is_quoted() -> None:
    """A cut symbol keeps what was printed; quoted bytes are decoded; hardware drops name their trap."""
    first, second, third = (row for row in t.rows(reader, PACKETS) if isinstance(row, Drop))
    assert (first.at_ns, first.clock) == (1724149157859853461, "wall")
    assert (first.reason, first.location) == (
        "OVS_DROP_LAST_ACTION",
        "do_execute_actions+0x197/0xb20 [openvsw",
    )
    assert first.packet is None
    assert second.packet is not None
    assert (second.packet.src, second.packet.dst) == (
        Endpoint(address="127.0.0.1", port=32812),
        Endpoint(address="127.0.0.1", port=12345),
    )
    assert (second.packet.tcp_flags, second.packet.ip_len_bytes, second.packet.tcp_seq) == (2, 60, 1958332237)
    assert (third.location, third.reason) == ("ttl_value_is_too_small", "")


def test_a_time_that_cannot_be_is_none_and_odd_lines_are_weird() -> None:
    """A 32nd of August, and a word of nobody's."""
    broken = PACKETS.replace("Tue Aug 20", "Tue Aug 32").splitlines()[:8]
    (row,) = t.rows(reader, "\n".join(broken))
    assert isinstance(row, Drop)
    assert row.at_ns is None
    assert t.weirds(reader, SUMMARY + "odd\n") == [(13, "not a line of dropwatch")]


def test_recognised_by_a_drop_or_command() -> None:
    """The tool's greeting alone is not enough."""
    assert t.recognised(reader, SUMMARY)
    assert t.recognised(reader, PACKETS)
    assert t.recognised(reader, "", "sudo dropwatch -l kas")
    assert not t.recognised(reader, "Initializing kallsyms db\n")


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SUMMARY + PACKETS)
