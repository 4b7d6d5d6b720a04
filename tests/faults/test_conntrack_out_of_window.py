"""Segments beyond the window: told by the kernel's log, or by captures that miss what connection tracking missed."""

import shutil
from pathlib import Path

import pytest
from case_scripts import for_it, missing
from written_cases import diagnosed, judgement

from lastseen.tables.judgements import Refuted

SLUG = "conntrack_out_of_window"
CASES = Path(__file__).parents[2] / "src/lastseen/faults" / SLUG / "cases/positive"
LOG = "compute_syslogemu.log"
MISSED = "by what passed compute_w1 they lie inside: connection tracking missed packets"


def copied(tmp_path: Path, case: str, *without: str) -> Path:
    folder = Path(shutil.copytree(CASES / case, tmp_path / "case"))
    for name in without:
        (folder / name).unlink()
    return folder


def without_first(pcap: bytes, packets: int) -> bytes:
    """The capture without its first packets: ARP's question and answer, and the SYN."""
    begin = 24
    for _ in range(packets):
        begin += 16 + int.from_bytes(pcap[begin + 8 : begin + 12], "little")
    return pcap[:24] + pcap[begin:]


def test_without_the_log_captures_that_miss_the_same_tell_the_window(tmp_path: Path) -> None:
    said = judgement(diagnosed(copied(tmp_path, "recorded_acks_elsewhere", LOG)), SLUG)
    assert "58 of the 58 lost packets lie beyond the window" in for_it(said)
    assert "conntrack's invalid counter moved by 58" in for_it(said)


def test_the_window_alone_accuses_nobody(tmp_path: Path) -> None:
    """Captures do not tell that anything on the hop looks at windows."""
    folder = copied(tmp_path, "recorded_acks_elsewhere", LOG)
    for when in ("before", "after"):
        shutil.rmtree(folder / when)
    assert "nf_conntrack_log_invalid" in missing(judgement(diagnosed(folder), SLUG))


def test_without_the_log_captures_that_have_more_tell_nothing(tmp_path: Path) -> None:
    """They have the acknowledgments that a rule kept from connection tracking."""
    said = judgement(diagnosed(copied(tmp_path, "recorded_untracked_acks", LOG)), SLUG)
    assert "nf_conntrack_log_invalid" in missing(said)


def test_a_counter_that_stood_still_contradicts(tmp_path: Path) -> None:
    folder = copied(tmp_path, "recorded_acks_elsewhere", LOG)
    for name in ("conntrack_-S.txt", "nft_list_ruleset.txt"):
        shutil.copy(folder / "before/compute" / name, folder / "after/compute" / name)
    assert isinstance(judgement(diagnosed(folder), SLUG), Refuted)


@pytest.mark.parametrize("handshake", [True, False])
def test_that_tracking_missed_packets_is_said_where_the_captures_show_the_whole_connection(
    tmp_path: Path, handshake: bool
) -> None:
    folder = copied(tmp_path, "recorded_untracked_acks")
    if not handshake:
        for capture in (folder / "captures").glob("*.pcap"):
            capture.write_bytes(without_first(capture.read_bytes(), 3))
    assert (MISSED in for_it(judgement(diagnosed(folder), SLUG))) == handshake
