"""A client that falls back to IPv4: its own system calls say how long it waited for IPv6."""

import shutil
from pathlib import Path

from written_cases import diagnosed, judgement

from lastseen.tables.judgements import Supported

CASES = Path(__file__).parents[2] / "src/lastseen/faults/ipv6_fallback/cases/positive"


def test_the_clients_wait_to_connect_is_the_proof() -> None:
    said = judgement(diagnosed(CASES / "written_three_seconds"), "ipv6_fallback")
    assert isinstance(said, Supported)
    assert said.confirmed
    assert "poll waited 3.00 s for 2001:db8:1::80" in [reason.text for reason in said.reasons]


def test_a_wait_for_another_address_is_no_proof(tmp_path: Path) -> None:
    case = Path(shutil.copytree(CASES / "written_three_seconds", tmp_path / "case"))
    calls = (case / "strace.txt").read_text()
    (case / "strace.txt").write_text(calls.replace("2001:db8:1::80", "2001:db8:9::9"))
    said = judgement(diagnosed(case), "ipv6_fallback")
    assert isinstance(said, Supported)
    assert not said.confirmed
