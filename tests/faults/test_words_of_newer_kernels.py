"""What newer kernels say in other words, or of packets that they let pass, is read as they mean it."""

import shutil
from pathlib import Path

import pytest
from written_cases import diagnosed, judgement

from lastseen.tables.judgements import Judgement, Supported

FAULTS = Path(__file__).parents[2] / "src/lastseen/faults"
LOG = "compute_syslogemu.log"


def _said(tmp_path: Path, fault: str, case: str, words: tuple[str, str]) -> Judgement:
    """What a fault says of one of its recorded cases whose kernel log has other words."""
    folder = Path(shutil.copytree(FAULTS / fault / "cases/positive" / case, tmp_path / "case"))
    log = (folder / LOG).read_text()
    assert words[0] in log
    (folder / LOG).write_text(log.replace(*words))
    return judgement(diagnosed(folder), fault)


@pytest.mark.parametrize(
    "words",
    ["invalid new", "invalid state", "packet (index 1) in dir 1 invalid, state SYN_SENT"],
)
def test_an_answer_without_its_question_is_known_in_each_kernels_words(tmp_path: Path, words: str) -> None:
    said = _said(tmp_path, "asymmetric_route", "recorded_syn_elsewhere", ("invalid new", words))
    assert isinstance(said, Supported)
    assert any(words in reason.text for reason in said.reasons)


def test_a_window_is_read_from_what_is_over_its_bound(tmp_path: Path) -> None:
    said = _said(
        tmp_path, "conntrack_out_of_window", "recorded_untracked_acks", ("SEQ is over", "SEQ is over")
    )
    assert isinstance(said, Supported)
    assert any("SEQ is over upper bound" in reason.text for reason in said.reasons)


@pytest.mark.parametrize("words", ["SEQ is under lower bound", "ignored ACK under lower bound"])
def test_what_newer_kernels_pass_under_a_lower_bound_is_no_window(tmp_path: Path, words: str) -> None:
    """Since Linux 6.1 such packets are logged and accepted, so that the line accuses nobody."""
    said = _said(
        tmp_path, "conntrack_out_of_window", "recorded_untracked_acks", ("SEQ is over upper bound", words)
    )
    assert not isinstance(said, Supported)


@pytest.mark.parametrize("reason", ["QDISC_DROP", "QDISC_OVERLIMIT", "QDISC_CONGESTED"])
def test_a_queues_drops_are_known_by_each_kernels_reason(tmp_path: Path, reason: str) -> None:
    case = FAULTS / "queue_overflow/cases/positive/written_shaper_full"
    folder = Path(shutil.copytree(case, tmp_path / "case"))
    (folder / "after/router/kfree_skb.trace").write_text(
        "# tracer: nop\n#\n"
        "          <idle>-0       [001] ..s1.  2180.796858: kfree_skb: skbaddr=0000000091ca3611 "
        f"rx_sk=0000000000000000 protocol=2048 location=__dev_queue_xmit+0x7d/0x110 reason: {reason}\n"
    )
    said = judgement(diagnosed(folder), "queue_overflow")
    assert isinstance(said, Supported)
    assert any(f"dropped 1 packet as {reason}" in given.text for given in said.reasons)
