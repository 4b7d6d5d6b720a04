"""pwru: text of several generations and JSON."""

from pathlib import Path

import text_samples as t

from lastseen.evidence.texts import pwru as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Drop

HERE = Path(__file__).parent / "samples/pwru"
TUPLES = (HERE / "tuples_written.txt").read_text()
TIMES = (HERE / "timestamps_written.txt").read_text()
OLD = (HERE / "old_written.txt").read_text()
JSON = (HERE / "json_written.txt").read_text()


def _drops(sample: str) -> list[Drop]:
    return [row for row in t.rows(reader, sample) if isinstance(row, Drop)]


def test_only_freed_packets_are_drops() -> None:
    """By reason, with the packet's ends and flags, and the caller where it is printed."""
    first, second = _drops(TUPLES)
    assert (first.reason, first.location, first.at_ns) == ("NETFILTER_DROP", "kfree_skb_reason", None)
    assert first.packet is not None
    assert (first.packet.src, first.packet.dst, first.packet.proto) == (
        Endpoint(address="10.0.2.15", port=54448),
        Endpoint(address="192.0.2.1", port=80),
        6,
    )
    assert (second.reason, second.location) == ("NO_SOCKET", "tcp_v4_rcv")
    assert second.packet is not None
    assert second.packet.tcp_flags == 2


def test_the_kernels_time_is_kept_and_a_number_stays_one() -> None:
    """Absolute times are made by the tool when it prints, and say less."""
    (drop,) = _drops(TIMES)
    assert (drop.at_ns, drop.clock, drop.reason) == (2290258561000, "boot", "70")
    assert drop.packet is not None
    assert drop.packet.dst == Endpoint(address="fd00::2", port=80)


def test_old_lines_have_no_packet() -> None:
    """Without --output-tuple nothing tells which packet."""
    (drop,) = _drops(OLD)
    assert (drop.reason, drop.packet) == ("NETFILTER_DROP", None)


def test_json_tells_the_same() -> None:
    """A plain kfree_skb has no reason; other functions are passed over."""
    first, second = _drops(JSON)
    assert (first.reason, first.location, first.at_ns) == (
        "NETFILTER_DROP",
        "nf_hook_slow+0xa3",
        2290258561000,
    )
    assert first.packet is not None
    assert first.packet.tcp_flags == 0x11
    assert (second.reason, second.packet, second.clock) == ("", None, "")


def test_recognised_by_heading_event_or_command_and_damage_is_weird() -> None:
    """Cut JSON, a word of nobody's; another tool's JSON is another's."""
    for sample in (TUPLES, TIMES, OLD, JSON):
        assert t.recognised(reader, sample)
    assert t.recognised(reader, "", "pwru --output-tuple 'host 192.0.2.1'")
    assert not t.recognised(reader, '{"skb": 1}\n')
    assert not t.recognised(reader, "[1]\n")
    assert t.weirds(reader, JSON[:-5]) == [(3, "a JSON event that cannot be read")]
    assert t.weirds(reader, OLD + "!\n") == [(5, "not an event of pwru")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, TUPLES + TIMES + JSON)
