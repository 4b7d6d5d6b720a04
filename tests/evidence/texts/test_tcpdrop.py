"""tcpdrop of bcc and of bpftrace."""

from pathlib import Path

import text_samples as t

from lastseen.evidence.texts import tcpdrop as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Drop

HERE = Path(__file__).parent / "samples/tcpdrop"
BCC = (HERE / "bcc_written.txt").read_text()
BPFTRACE = (HERE / "bpftrace_written.txt").read_text()


def _drops(sample: str) -> list[Drop]:
    return [row for row in t.rows(reader, sample) if isinstance(row, Drop)]


def test_bcc_names_ends_flags_and_place() -> None:
    """The time is that of a day; IPv6 has no brackets."""
    first, second, third = _drops(BCC)
    assert (first.at_ns, first.clock) == (74_946_000_000_000, "midnight")
    assert first.location == "tcp_drop+0x1"
    assert first.packet is not None
    assert (first.packet.src, first.packet.dst) == (
        Endpoint(address="10.32.119.56", port=443),
        Endpoint(address="10.66.65.252", port=22912),
    )
    assert [row.packet.tcp_flags for row in (first, second, third) if row.packet] == [0x10, 0x14, 0x11]
    assert third.packet is not None
    assert third.packet.src == Endpoint(address="fd00::1", port=8080)


def test_bpftrace_names_ends_and_place() -> None:
    """A program's name may hold a blank; flags are not printed."""
    first, second = _drops(BPFTRACE)
    assert first.packet is not None
    assert first.packet.dst == Endpoint(address="192.168.231.1", port=59059)
    assert (first.location, first.packet.tcp_flags) == ("tcp_drop+1", None)
    assert second.location == "kfree_skb_reason+141"


def test_a_reason_behind_the_flags_is_read_and_a_drop_without_a_stack_is_one() -> None:
    """Builds that print the reason put it last; the last drop of a cut file has no stack."""
    line = "20:49:06 0       4  10.0.0.1:443 > 10.0.0.2:22912 CLOSE (ACK) TCP_OLD_ACK"
    (drop,) = _drops(line)
    assert (drop.reason, drop.location) == ("TCP_OLD_ACK", "")
    assert t.weirds(reader, line.replace("10.0.0.2", "10.0.0.999")) == [
        (1, "a drop whose addresses cannot be read")
    ]
    assert len(_drops(f"{line}\n{line}\n\ttcp_drop+0x1\n")) == 2


def test_recognised_by_heading_drop_or_command_and_odd_lines_are_weird() -> None:
    """Any installation's name of the tool."""
    assert t.recognised(reader, BCC)
    assert t.recognised(reader, BPFTRACE)
    assert t.recognised(reader, BCC.partition("\n")[2])
    assert t.recognised(reader, "", "/usr/share/bcc/tools/tcpdrop -4")
    assert t.recognised(reader, "", "tcpdrop-bpfcc")
    assert not t.recognised(reader, "", "tcpdump -i any")
    assert t.weirds(reader, BCC + "odd line?\n") == [(13, "not a line of tcpdrop")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, BCC + BPFTRACE)
