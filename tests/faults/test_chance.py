"""Losses by chance, in bursts, and by turns: what only captures tell of a link, a full queue and a limit."""

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from written_cases import View, diagnosed, judgement, pieces_lost, seen, write_case

from lastseen.faults.chance import crowding
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Refuted, Supported, Untestable
from lastseen.tables.points import DELIVERED, LOST

if TYPE_CHECKING:
    from lastseen.faults.facts import LossSite

PIECES = 80
HOME = Path(__file__).parents[2] / "src/lastseen/faults/random_loss/cases"
LIMIT = HOME.parents[1] / "rate_limit/cases"


def _seen(tmp_path: Path, lost: Iterable[bool]) -> Diagnosis:
    return _at(tmp_path, ((12 + 2 * part, gone) for part, gone in enumerate(lost)))


def _at(
    tmp_path: Path,
    parts: Iterable[tuple[float, bool]],
    texts: Mapping[str, str] = MappingProxyType({}),
    *,
    every_ms: float = 40,
) -> Diagnosis:
    """Pieces sent at these milliseconds, and whether each is lost; repetitions come so often."""
    talk, over = pieces_lost(parts, every_ms=every_ms)
    captures = {
        "1_wan.pcap": seen([talk], View()),
        "2_tap0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda sent: sent.number in over)),
    }
    return diagnosed(write_case(tmp_path, captures | dict(texts)))


def _after_pauses(lost: Callable[[float], bool]) -> list[tuple[float, bool]]:
    """Pieces after short and long pauses, half of those with such a pause lost."""
    draw, at, parts = random.Random(3), 12.0, []
    for _ in range(PIECES):
        pause = draw.choice((0.4, 9.0))
        at += pause
        parts.append((at, lost(pause) and draw.random() < 0.5))
    return parts


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


def test_what_comes_soon_after_another_is_lost_to_something_full(tmp_path: Path) -> None:
    """The runs are those of chance, but what comes after a pause is never lost."""
    found = _at(tmp_path, _after_pauses(lambda pause: pause < 1), every_ms=9)
    assert isinstance(judgement(found, "random_loss"), Untestable)
    assert set(found.verdict.indistinguishable) == {"queue_overflow", "rate_limit"}
    assert "lost packets came sooner after the one before them" in found.verdict.summary


@pytest.mark.parametrize("fates", [[DELIVERED] + [LOST] * 6, [LOST] + [DELIVERED] * 6])
def test_nothing_is_compared_where_all_but_the_first_met_the_same(fates: list[int]) -> None:
    """The first packet follows no other: there are no pauses of both kinds."""
    times = np.arange(len(fates)) * 1_000_000
    capture = SimpleNamespace(times_ns=lambda: times)
    site = SimpleNamespace(
        hop=SimpleNamespace(fate=np.array(fates, np.uint8)), upstream=SimpleNamespace(capture=capture)
    )
    found = crowding(cast("LossSite", site))
    assert found.by_chance
    assert (found.lost_ms, found.delivered_ms) == (0, 0)


def test_what_comes_after_a_pause_is_lost_to_nothing_full(tmp_path: Path) -> None:
    found = _at(tmp_path, _after_pauses(lambda pause: pause > 1), every_ms=0.4)
    assert found.verdict.grade == "unattributed"
    untestable = judgement(found, "random_loss")
    assert isinstance(untestable, Untestable)
    assert "later after the one before them" in untestable.missing[0]


@pytest.mark.parametrize(("snapshots", "rivals"), [(("after",), True), (("before", "after"), False)])
def test_a_queue_that_was_read_once_may_have_dropped(
    tmp_path: Path, snapshots: tuple[str, ...], *, rivals: bool
) -> None:
    """One of which only the last count is known still may be the cause; one that stood still is not."""
    queue = (
        "qdisc tbf 8001: dev tap0 root refcnt 2 rate 1Mbit burst 3Kb lat 50ms \n Sent 900 bytes 9 pkt "
        "(dropped 4, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n"
    )
    texts = {f"{snapshot}/tc_-s_qdisc.txt": queue for snapshot in snapshots}
    parts = [(12.0 + 2 * part, part % 25 > 20) for part in range(PIECES)]
    verdict = _at(tmp_path, parts, texts).verdict
    assert ("queue_overflow" in {verdict.fault, *verdict.indistinguishable}) is rivals


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
