"""A reused port: whichever words the kernel of the hop has for a packet that it judges by the old entry."""

import shutil
from pathlib import Path

import pytest
from case_scripts import judged, script
from written_cases import View, diagnosed, judgement, log_line, seen

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "conntrack_port_reuse"
CASE = Path(__file__).parents[2] / "src/lastseen/faults" / SLUG / "cases/positive/written_two_seconds_later"
WORDS = "nf_ct_proto_6: invalid rst"


def _judged(tmp_path: Path, reason: str) -> Judgement:
    case = Path(shutil.copytree(CASE, tmp_path / "case"))
    log = (case / "dmesg.txt").read_text()
    assert WORDS in log
    (case / "dmesg.txt").write_text(log.replace(WORDS, reason))
    return judgement(diagnosed(case), SLUG)


@pytest.mark.parametrize(
    "reason",
    [
        WORDS,
        "nf_ct_tcp: invalid RST",
        "nf_ct_proto_6: packet (index 4) in dir 1 invalid, state CLOSE",
    ],
)
def test_every_kernels_words_for_an_old_entry(tmp_path: Path, reason: str) -> None:
    said = _judged(tmp_path, reason)
    assert isinstance(said, Supported)
    assert said.confirmed


def test_an_entry_that_is_still_open_is_no_old_one(tmp_path: Path) -> None:
    said = _judged(tmp_path, "nf_ct_proto_6: packet (index 4) in dir 1 invalid, state ESTABLISHED")
    assert isinstance(said, Refuted)
    assert "ESTABLISHED" in said.against[0].text


@pytest.mark.parametrize(
    "reason",
    [
        "nf_ct_proto_6: invalid packet ignored in state TIME_WAIT",
        "nf_ct_proto_6: packet (index 0) in dir 0 ignored, state LAST_ACK",
        "nf_ct_proto_6: challenge-ack ignored",
    ],
)
def test_what_the_kernel_ignores_it_lets_pass(tmp_path: Path, reason: str) -> None:
    """It is accepted and counted nowhere: such a line about a lost packet accuses nobody."""
    said = _judged(tmp_path, reason)
    assert isinstance(said, Untestable)
    assert not said.reasons


@pytest.mark.parametrize("closed", [True, False])
def test_a_port_is_reused_where_its_connection_had_closed(tmp_path: Path, closed: bool) -> None:
    """One that nobody closed may be the same program's, which tries anew after a failure."""
    made = script(SLUG)
    before, after = made.ended(40000), made.again(40000)
    if not closed:
        del before.sent[-1]
    lost = [sent for sent in after.sent if sent.from_server][:-1]
    files: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([before, after], View()),
        "2_lan0.pcap": seen(
            [before, after], View(delay_ms=0.1, drop=lambda s: any(s is one for one in lost))
        ),
        "dmesg.txt": "".join(log_line(sent, reason=WORDS) for sent in lost),
    }
    said = judged(tmp_path, files, SLUG)
    assert isinstance(said, Supported if closed else Refuted)


def test_the_remedies_are_undone_with_what_was_there(tmp_path: Path) -> None:
    said = _judged(tmp_path, WORDS)
    assert isinstance(said, Supported)
    assert [remedy.undo for remedy in said.remedies] == [
        ("sysctl -w net.ipv4.ip_local_port_range='FORMER_VALUES'",),
        ("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=FORMER_VALUE",),
    ]
