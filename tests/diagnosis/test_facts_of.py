"""Facts of a case: what a question selects, and which connection comes first."""

from pathlib import Path

import pytest
from written_cases import TAP, TUNNEL, Talk, seed_talk, sysctl, two_points, write_case

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis.facts_of import facts_of
from lastseen.faults.facts import Facts

UNAME = "$ uname -a\nLinux compute-07 6.1.0-56-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16) x86_64 GNU/Linux\n"


def quick(port: int) -> Talk:
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.opening()
    talk.exchange(10)
    return talk


def facts(folder: Path, files: dict[str, bytes | str], *wanted: str) -> Facts:
    with Progress() as progress, opened([write_case(folder, files)], progress) as case:
        return facts_of(matched(case, progress), case.rows, case.details, wanted)[0]


CASE = two_points([seed_talk(), quick(40001)], TUNNEL, TAP)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ((), {"40000", "40001"}),
        (("10.0.0.5",), {"40000", "40001"}),
        (("10.0.0.5:40001",), {"40001"}),
        (("40000",), {"40000"}),
        (("192.0.2.80", "40001"), {"40001"}),
        (("10.0.0.5:40000 > 192.0.2.80:443",), {"40000"}),
        (("10.9.9.9",), set()),
    ],
)
def test_a_question_selects_connections_by_their_ends(
    tmp_path: Path, wanted: tuple[str, ...], chosen: set[str]
) -> None:
    """By address, port, both, or the whole text; every text has to fit."""
    found = facts(tmp_path, CASE, *wanted)
    ports = {
        c.text.partition(" ")[0].rpartition(":")[2] for c in found.conversations if c.number in found.focus
    }
    assert ports == chosen


def test_losses_of_what_was_not_asked_about_are_left_out(tmp_path: Path) -> None:
    assert facts(tmp_path / "a", CASE, "40001").sites == ()
    assert len(facts(tmp_path / "b", CASE).sites) == 1


@pytest.mark.parametrize(
    ("ends", "first"), [("10.0.0.5:40001->192.0.2.80:443", "40001"), ("10.9.9.9:1->10.9.9.8:2", "40000")]
)
def test_the_connection_the_application_waited_on_comes_first(tmp_path: Path, ends: str, first: str) -> None:
    trace = (
        f'1700000000.001000 write(3<TCP:[{ends}]>, "GET / HTTP/1.0\\r\\n\\r\\n", 18) = 18 <0.000020>\n'
        f"1700000000.020100 poll([{{fd=3<TCP:[{ends}]>, events=POLLIN}}], 1, 6000) = 0 (Timeout) <6.006000>\n"
        f"1700000006.027000 close(3<TCP:[{ends}]>) = 0 <0.000020>\n"
    )
    found = facts(tmp_path, {**CASE, "strace.txt": trace})
    assert f":{first} > " in found.conversations[0].text


def test_text_rows_are_sorted_by_kind(tmp_path: Path) -> None:
    found = facts(
        tmp_path, {**CASE, "uname.txt": UNAME, "sysctl.txt": sysctl("net.netfilter.nf_conntrack_checksum", 1)}
    )
    assert [s.value for s in found.setting("net.netfilter.nf_conntrack_checksum", None)] == ["1"]
    assert found.host("") == "compute-07"
