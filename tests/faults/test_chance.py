"""Losses by chance, in bursts, and by turns: what only captures tell of a link, a full queue and a limit."""

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from written_cases import View, diagnosed, judgement, pieces_lost, seen, write_case

from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Refuted, Supported, Untestable

PIECES = 80
HOME = Path(__file__).parents[2] / "src/lastseen/faults/random_loss/cases"
LIMIT = HOME.parents[1] / "rate_limit/cases"


def _seen(tmp_path: Path, lost: Iterable[bool]) -> Diagnosis:
    talk, over = pieces_lost((12 + 2 * part, gone) for part, gone in enumerate(lost))
    captures = {
        "1_wan.pcap": seen([talk], View()),
        "2_tap0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda sent: sent.number in over)),
    }
    return diagnosed(write_case(tmp_path, captures))


def _of(rule: Callable[[int], bool]) -> list[bool]:
    return [rule(part) for part in range(PIECES)]


def test_chance_is_random_loss(tmp_path: Path) -> None:
    chosen = random.Random(7).sample(range(PIECES), 12)
    verdict = _seen(tmp_path, _of(lambda part: part in chosen)).verdict
    assert (verdict.fault, verdict.grade) == ("random_loss", "probable")


def test_bursts_are_a_queue_or_a_limit_but_not_chance(tmp_path: Path) -> None:
    found = _seen(tmp_path, _of(lambda part: part % 25 > 20))
    assert isinstance(judgement(found, "random_loss"), Untestable)
    assert (found.verdict.fault, found.verdict.grade) == (None, "possible")
    assert set(found.verdict.indistinguishable) == {"queue_overflow", "rate_limit"}
    assert "in bursts" in found.verdict.summary


def test_one_gap_is_no_queue(tmp_path: Path) -> None:
    """All neighbours at once: something was away for a moment."""
    found = _seen(tmp_path, _of(lambda part: 40 <= part < 52))
    assert found.verdict.grade == "unattributed"


def test_losses_more_even_than_chance_are_no_chance() -> None:
    """Recorded: datagrams over a limit, of which every other one passes."""
    found = diagnosed(HOME / "near_miss/recorded_limit_unseen")
    assert set(found.verdict.indistinguishable) == {"queue_overflow", "rate_limit"}
    assert "by turns" in found.verdict.summary
    assert not isinstance(judgement(found, "random_loss"), Supported | Refuted)


def test_small_packets_alone_are_no_full_queue() -> None:
    """Recorded: the SYNs that a dead path takes come in bursts, while larger packets pass."""
    found = diagnosed(LIMIT / "near_miss/recorded_dead_path")
    assert found.verdict.grade == "unattributed"
    assert not isinstance(judgement(found, "rate_limit"), Supported)


def test_what_stops_at_a_byte_is_no_full_queue(tmp_path: Path) -> None:
    """Now and then one is repeated and passes; nothing from a byte on ever does."""
    found = _seen(tmp_path, _of(lambda part: part >= 40 and part % 8 > 0))
    assert found.verdict.grade != "possible"
