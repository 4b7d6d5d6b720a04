"""Whole runs through the installed command, on recordings of real and staged faults.

`<case>/diagnosis.json` beside this file is what a reader should see of each: verdict, symptom, losses, contrasts,
reasons. `pytest --update-golden` rewrites them; review the difference as you would code.
"""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from installed import LAB, STACK, diagnosis, lastseen, stack_case

HERE = Path(__file__).parent
BROKEN = "01_broken_php60_vm"
STALLED, FACTS = stack_case(BROKEN)
TUNNEL, TAP, VM = "compute_genev_sys_6081", "compute_tap3f1c9a2e-7b", "vm_eth0"
STACK_CASES = sorted(path.name for path in STACK.iterdir() if not path.name.startswith("00_"))
LAB_CASES = sorted(path.name for path in LAB.iterdir() if path.is_dir())
TRUTH = json.loads((LAB / "truth.json").read_text())


def _paths(case: str) -> tuple[Path, ...]:
    return stack_case(case) if case in STACK_CASES else (LAB / case,)


def _readable(said: Any) -> Any:
    """The parts a reviewer reads and that no other machine changes.

    Of the judgements only those for which something speaks: the others change with every fault that is added.
    """
    kept = ("verdict", "symptom", "losses", "notes", "exonerated", "next", "weirds")
    return {key: said[key] for key in kept} | {
        "judgements": [
            {"fault": j["fault"], "judgement": j["judgement"], "grade": j["grade"]}
            | {side: [reason["text"] for reason in j[side]] for side in ("for", "against")}
            | {"missing": j["missing"]}
            for j in said["judgements"]
            if j["for"] and j["judgement"] != "refuted"
        ],
        "points": [f"{p['order']} {p['name']}: {p['packets']} packets" for p in said["points"]],
        "contrasts": [
            f"{c['feature']}: {c['lost']} of {c['lost_total']} lost, {c['delivered']} of {c['delivered_total']} delivered"
            + (f"; same as {', '.join(c['same_as'])}" if c["same_as"] else "")
            for c in said["contrasts"]
        ],
        "remedies": [remedy["title"] for remedy in said["remedies"]],
        "unrecognised": [file["file"] for file in said["evidence"] if file["kind"] is None],
    }


@pytest.mark.parametrize("case", STACK_CASES + LAB_CASES)
def test_the_diagnosis_is_as_reviewed(case: str, update_golden: bool) -> None:
    """Nothing a reader sees changes unnoticed."""
    golden = HERE / case / "diagnosis.json"
    now = json.dumps(_readable(diagnosis(*_paths(case))), indent=1, ensure_ascii=False) + "\n"
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(now)
    assert json.loads(now) == json.loads(golden.read_text())


# ---- the stall of the case study, question by question ----
@pytest.fixture(scope="module")
def stalled() -> Any:
    """The diagnosis of the stall, with everything that was collected."""
    return diagnosis(STALLED, FACTS)


def _reasons(said: Any) -> list[str]:
    return [reason["text"] for reason in said["judgements"][0]["for"]]


def test_the_stall_is_confirmed_and_located(stalled: Any) -> None:
    verdict = stalled["verdict"]
    assert (verdict["fault"], verdict["grade"]) == ("ovs_conntrack_padding", "confirmed")
    assert (verdict["last_seen"], verdict["missing_at"]) == (TUNNEL, TAP)
    assert (verdict["also"], verdict["indistinguishable"]) == ([], [])


def test_poll_waited_for_the_end_of_a_complete_response(stalled: Any) -> None:
    symptom = stalled["symptom"]
    assert (symptom["kind"], symptom["call"], symptom["ended_by"]) == ("waited_for_eof", "poll", "timeout")
    assert round(symptom["waited_ns"] / 1e9, 2) == 60.06
    assert symptom["after_complete_response"]


def test_twenty_of_twenty_six_packets_are_lost_at_one_hop(stalled: Any) -> None:
    (loss,) = stalled["losses"]
    (hop,) = (hop for hop in stalled["hops"] if hop["lost"])
    assert (loss["from"], loss["to"], loss["direction"]) == (TUNNEL, TAP, "to_client")
    assert (loss["packets"], loss["unproven"], loss["bytes"], len(loss["frames"])) == (20, 0, 0, 20)
    assert (hop["sent"], hop["delivered"], hop["lost"]) == (26, 6, 20)
    assert "(10 FIN, 3 ACK, 7 RST)" in _reasons(stalled)[0]


def test_padding_separates_lost_from_delivered(stalled: Any) -> None:
    first, *others = stalled["contrasts"]
    assert first["feature"] == "eth.padding"
    assert (first["lost"], first["lost_total"], first["delivered"], first["delivered_total"]) == (
        20,
        20,
        0,
        6,
    )
    assert {"ip.len == 40", "frame.len == 60"} <= set(first["same_as"])
    (no_payload,) = (row for row in others if row["feature"] == "tcp.len == 0")
    assert (no_payload["lost"], no_payload["delivered"]) == (20, 1)


def test_the_kernel_log_is_joined_once_with_its_own_clock(stalled: Any) -> None:
    (log,) = (text for text in _reasons(stalled) if "kernel log lines" in text)
    assert log.startswith('20 kernel log lines "bad checksum", each joined to one of the 20 lost')
    assert "the same lines stand in 2 files" in log
    (clock,) = (
        int(found[1]) for note in stalled["notes"] if (found := re.search(r"(\d+) ms behind", note["text"]))
    )
    assert abs(clock - 180) <= 5


def test_the_counters_agree(stalled: Any) -> None:
    moved = [text for text in _reasons(stalled) if "moved by 19 for 20 lost packets" in text]
    assert len(moved) == 2
    assert any("60 bytes a packet" in text for text in moved)


def test_what_is_not_to_blame(stalled: Any) -> None:
    assert [row["what"] for row in stalled["exonerated"]] == [
        "the remote server",
        "the network before that hop",
        "network cards and their drivers",
        "congestion",
        "the client and its system",
    ]


def test_the_setting_comes_first_and_the_cure_second(stalled: Any) -> None:
    first, second, *_ = stalled["remedies"]
    assert any("nf_conntrack_checksum=0" in command for command in first["commands"])
    assert "kernel" in second["title"]
    assert "cure" in second["title"]


# ---- the other runs of the same machines ----
@pytest.mark.parametrize("case", ["02_broken_curl_vm", "04_broken_php60_vm_otherremote"])
def test_the_same_fault_where_nobody_waited(case: str) -> None:
    verdict = diagnosis(*stack_case(case))["verdict"]
    assert verdict["fault"] == "ovs_conntrack_padding"
    assert (verdict["last_seen"], verdict["missing_at"]) == (TUNNEL, TAP)
    assert "nobody waited" in verdict["summary"]


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("03_broken_php60_computehost", "60 bytes"),
        ("07_fixed_sysctl0_php60_vm", f"60 bytes long (padded) at {TAP} and still at {VM}"),
        ("09_healthy_stockmodule_php60_vm", f"and 54 at {TAP}"),
    ],
)
def test_where_the_fault_is_not_the_run_is_healthy(case: str, note: str) -> None:
    said = diagnosis(*stack_case(case))
    assert (said["verdict"]["fault"], said["verdict"]["grade"]) == (None, "healthy")
    assert said["losses"] == []
    assert any(note in row["text"] for row in said["notes"])


# ---- the stall with pieces taken away ----
def _captures(*numbers: int) -> tuple[Path, ...]:
    return tuple(next((STALLED / "pcap").glob(f"{number}_*.pcap")) for number in numbers)


def test_two_captures_are_enough_for_probable() -> None:
    said = diagnosis(*_captures(6, 7))
    verdict, (loss,) = said["verdict"], said["losses"]
    assert (verdict["fault"], verdict["grade"]) == ("ovs_conntrack_padding", "probable")
    assert (verdict["last_seen"], verdict["missing_at"]) == (TUNNEL, TAP)
    assert (loss["packets"], loss["unproven"]) == (19, 1)
    assert said["contrasts"][0]["feature"] == "eth.padding"


def test_the_order_of_arguments_changes_nothing() -> None:
    captures = list(_captures(1, 2, 3, 4, 5, 6, 7, 8))
    expected = diagnosis(*captures)
    for seed in range(4):
        shuffled = random.Random(seed).sample(captures, len(captures))
        said = diagnosis(*shuffled)
        assert (said["verdict"], said["losses"], said["points"]) == tuple(
            expected[key] for key in ("verdict", "losses", "points")
        )


def test_behind_the_loss_it_is_blind_and_knows_what_it_needs() -> None:
    said = diagnosis(*_captures(7, 8))
    assert (said["verdict"]["fault"], said["verdict"]["grade"]) == (None, "blind")
    (step,) = said["next"]
    assert step["text"].startswith("Capture one step nearer the remote end")
    assert any(command.startswith("tcpdump") for command in step["commands"])


def test_texts_alone_confirm_nothing() -> None:
    texts = sorted(STALLED.glob("*.txt"))
    said = diagnosis(*texts, STALLED / "before", STALLED / "after", FACTS)
    assert said["verdict"]["grade"] in {"possible", "blind"}
    assert said["next"]


def test_the_system_calls_alone_tell_what_was_felt() -> None:
    said = diagnosis(STALLED / "strace.txt")
    assert (said["verdict"]["fault"], said["verdict"]["grade"]) == (None, "blind")
    assert said["symptom"]["kind"] == "waited_for_eof"
    assert "Capture" in said["next"][0]["text"]


def test_without_the_kernel_log_it_stays_probable_at_least(tmp_path: Path) -> None:
    for path in (*STALLED.rglob("*"), *FACTS.rglob("*")):
        if path.is_file() and not path.name.startswith("dmesg"):
            copy = tmp_path / "case" / path.relative_to(STACK)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    verdict = diagnosis(tmp_path / "case" / STALLED.name, tmp_path / "case" / FACTS.name)["verdict"]
    assert verdict["fault"] == "ovs_conntrack_padding"
    assert verdict["grade"] in {"confirmed", "probable"}


# ---- faults staged in network namespaces ----
@pytest.mark.parametrize("case", LAB_CASES)
def test_a_staged_fault_is_found_or_left_open_at_the_right_hop(case: str) -> None:
    """`truth.json`: accepted verdicts (null: unattributed), or healthy; and the interfaces of the hop."""
    truth, verdict = TRUTH[case], diagnosis(LAB / case)["verdict"]
    if truth.get("healthy"):
        assert (verdict["fault"], verdict["grade"]) == (None, "healthy")
        return
    assert verdict["fault"] in truth["accept"]
    assert verdict["fault"] not in truth.get("forbid", [])
    assert verdict["fault"] is not None or verdict["grade"] == "unattributed"
    if truth["hop"]:
        assert truth["hop"][0] in verdict["last_seen"]
        assert truth["hop"][1] in verdict["missing_at"]


# ---- promises about the output itself ----
def test_two_runs_print_the_same_bytes() -> None:
    first, second = (lastseen("diagnose", "--json", STALLED, FACTS).out for _ in range(2))
    assert first == second
