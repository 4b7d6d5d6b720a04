"""`lastseen why` and `lastseen diff` on the recorded cases, through the installed command."""

import pytest
from installed import STACK, lastseen

STALLED, FIXED = STACK / "01_broken_php60_vm", STACK / "07_fixed_sysctl0_php60_vm"
PADDING = "ovs_conntrack_padding"


def test_why_gives_every_fact_of_the_verdict() -> None:
    run = lastseen("why", STALLED, PADDING)
    assert (run.status, run.err) == (0, "")
    assert run.out.startswith(f"{PADDING}: supported, confirmed\nIt is the verdict.\n")
    assert "+ 20 packets" in run.out or "lost packets" in run.out


def test_why_says_what_contradicts_another_fault() -> None:
    said = lastseen("why", STALLED, "server_keeps_open", "--json").said
    assert said["schema"] == "lastseen.why/1"
    assert (said["judgement"]["judgement"], said["verdict"]["fault"]) == ("refuted", PADDING)
    assert any("FIN" in reason["text"] for reason in said["judgement"]["against"])


def test_why_says_what_is_missing() -> None:
    run = lastseen("why", STALLED / "strace.txt", PADDING)
    assert run.status == 0
    assert "not testable with this evidence" in run.out
    assert "Missing to tell" in run.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((STALLED, "no_such_fault"), "no fault is called"), ((STALLED / "nothing", PADDING), "nothing")],
)
def test_why_refuses_in_one_line(arguments: tuple[object, ...], said: str) -> None:
    run = lastseen("why", *map(str, arguments))
    assert (run.status, run.out, run.err.count("\n")) == (2, "", 1)
    assert said in run.err


def test_diff_says_that_the_fix_worked() -> None:
    run = lastseen("diff", STALLED, FIXED)
    assert (run.status, run.err) == (0, "")
    assert run.out.startswith(f"GONE: {PADDING}\n")
    assert "20 packets lost -> 0 packets lost" in " ".join(run.out.split())
    assert max(map(len, run.out.splitlines())) <= 80


def test_diff_as_json() -> None:
    said = lastseen("diff", FIXED, STALLED, "--json").said
    assert (said["schema"], said["appeared"], said["gone"]) == ("lastseen.diff/1", [PADDING], [])
    assert {row["kind"] for row in said["changed"]} >= {"wait", "loss"}


def test_diff_of_a_case_with_itself_finds_nothing() -> None:
    run = lastseen("diff", STALLED, STALLED)
    assert run.out.startswith(f"STILL THERE: {PADDING}\n")
    assert "Nothing else that both runs show is different." in run.out
