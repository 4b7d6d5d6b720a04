"""Blocks that stay while numbers are moved: who waited for it, what the hosts count, and what the hop does instead."""

from pathlib import Path

import pytest
from renumbered import MOVED, captures, talk
from written_cases import diagnosed, judgement, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "sequence_rewrite_sack"
NSTAT = "#kernel\nTcpExtTCPSACKDiscard            {}                  0.0\nTcpRetransSegs                  1                  0.0\n"
Files = dict[str, bytes | str]


def judged(folder: Path, files: Files) -> Judgement:
    return judgement(diagnosed(write_case(folder, files)), SLUG)


def counted(before: int, after: int) -> Files:
    return {"before/server/nstat.txt": NSTAT.format(before), "after/server/nstat.txt": NSTAT.format(after)}


def test_a_loss_repaired_by_the_timer_makes_it_probable(tmp_path: Path) -> None:
    found = judged(tmp_path, captures(talk(), talk(moved=MOVED)))
    assert isinstance(found, Supported)
    assert not found.confirmed
    assert "moved by 912,345,678" in found.reasons[0].text


def test_numbers_moved_back_are_told_with_their_sign(tmp_path: Path) -> None:
    found = judged(tmp_path, captures(talk(), talk(moved=-1_000)))
    assert isinstance(found, Supported)
    assert "moved by -1,000" in found.reasons[0].text


@pytest.mark.parametrize(("after", "confirmed"), [(7, True), (3, False)])
def test_a_count_of_ignored_blocks_confirms_it(tmp_path: Path, after: int, confirmed: bool) -> None:
    found = judged(tmp_path, captures(talk(), talk(moved=MOVED)) | counted(3, after))
    assert isinstance(found, Supported)
    assert found.confirmed == confirmed


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (captures(talk(again_ms=20), talk(moved=MOVED, again_ms=20)), "0 times"),
        (captures(talk(), talk(moved=MOVED, edges=MOVED)), "0 of 2 SACK blocks"),
        (captures(talk(), talk(moved=MOVED, edges=7)), "0 of 2 SACK blocks"),
        (captures(talk(), talk()), "numbers at the next point"),
        (captures(talk(blocks=False), talk(moved=MOVED, blocks=False)), "numbers at the next point"),
    ],
)
def test_without_wait_without_shift_or_without_blocks_it_is_none(
    tmp_path: Path, files: Files, why: str
) -> None:
    found = judged(tmp_path, files)
    assert isinstance(found, Refuted)
    assert any(why in reason.text for reason in found.against)


def test_a_pause_after_a_quick_repair_is_no_wait(tmp_path: Path) -> None:
    near, far = (talk(moved=moved, again_ms=20, rest_ms=5000) for moved in (0, MOVED))
    assert isinstance(judged(tmp_path, captures(near, far)), Refuted)


@pytest.mark.parametrize(("last_ms", "kind"), [(150, Refuted), (5000, Supported)])
def test_what_is_never_sent_again_was_waited_for_to_the_end(
    tmp_path: Path, last_ms: float, kind: type
) -> None:
    """As long as the captures show."""
    near, far = (talk(moved=moved, again_ms=None, rest_ms=last_ms) for moved in (0, MOVED))
    assert isinstance(judged(tmp_path, captures(near, far)), kind)


@pytest.mark.parametrize(("again_ms", "kind"), [(1500, Refuted), (2500, Supported)])
def test_without_the_syn_a_round_trip_may_be_long(tmp_path: Path, again_ms: float, kind: type) -> None:
    near, far = (talk(moved=moved, again_ms=again_ms) for moved in (0, MOVED))
    assert isinstance(judged(tmp_path, captures(near, far, drop=lambda s: s.flags == "S")), kind)


def test_one_capture_cannot_tell(tmp_path: Path) -> None:
    assert isinstance(judged(tmp_path, {"a.pcap": captures(talk(), talk())["1_outside.pcap"]}), Untestable)
