"""A reused port: whichever words the kernel of the hop has for a packet that it judges by the old entry."""

import shutil
from pathlib import Path

import pytest
from written_cases import diagnosed, judgement

from lastseen.tables.judgements import Judgement, Refuted, Supported

SLUG = "conntrack_port_reuse"
CASE = (
    Path(__file__).parents[2] / "src/lastseen/faults" / SLUG / "cases/positive/written_twenty_seconds_later"
)
OLDER = "invalid packet ignored in state TIME_WAIT"


def _judged(tmp_path: Path, reason: str) -> Judgement:
    case = Path(shutil.copytree(CASE, tmp_path / "case"))
    log = (case / "dmesg.txt").read_text()
    assert OLDER in log
    (case / "dmesg.txt").write_text(log.replace(OLDER, reason))
    return judgement(diagnosed(case), SLUG)


@pytest.mark.parametrize(
    "reason",
    [
        OLDER,
        "packet (index 0) in dir 0 ignored, state TIME_WAIT",
        "packet (index 0) in dir 0 ignored, state LAST_ACK",
        "packet (index 2) in dir 1 invalid, state CLOSE",
    ],
)
def test_every_kernels_words_for_an_old_entry(tmp_path: Path, reason: str) -> None:
    said = _judged(tmp_path, reason)
    assert isinstance(said, Supported)
    assert said.confirmed


def test_an_entry_that_is_still_open_is_no_old_one(tmp_path: Path) -> None:
    said = _judged(tmp_path, "packet (index 1) in dir 1 ignored, state ESTABLISHED")
    assert isinstance(said, Refuted)
    assert "ESTABLISHED" in said.against[0].text


def test_the_remedies_are_undone_with_what_was_there(tmp_path: Path) -> None:
    said = _judged(tmp_path, OLDER)
    assert isinstance(said, Supported)
    assert [remedy.undo for remedy in said.remedies] == [
        ("sysctl -w net.ipv4.ip_local_port_range='FORMER_VALUES'",),
        ("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=FORMER_VALUE",),
    ]
