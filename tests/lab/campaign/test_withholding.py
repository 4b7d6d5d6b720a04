"""What is withheld follows from plan and file names alone, and is then gone from the folder."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from lastseen.lab.campaign.plan import Names, Plan
from lastseen.lab.campaign.withholding import CaseFiles, Withheld, chosen, kind_of, withhold

POINTS = ["remote_w0", "compute_w1", "compute_t0", "vm_t1"]


def test_the_points_are_in_path_order(files: CaseFiles) -> None:
    assert list(files.captures) == POINTS
    many = CaseFiles(("captures/10_b_x.pcap", "captures/9_a_x.pcap"))
    assert list(many.captures) == ["a_x", "b_x"]


def test_the_same_plan_withholds_the_same(plans: list[Plan], files: CaseFiles) -> None:
    assert [chosen(plan, files) for plan in plans] == [chosen(plan, files) for plan in plans]
    assert len({str(chosen(plan, files)) for plan in plans}) > len(plans) // 2


def test_with_all_evidence_nothing_changes(plan: Plan, files: CaseFiles) -> None:
    assert chosen(plan, files) == Withheld(captures=files.captures, points=(), texts=(), shifted_ns={})


def test_one_capture_is_always_left(plans: list[Plan], files: CaseFiles) -> None:
    for plan in plans:
        left = chosen(plan, files)
        fewest, most = {"all": (4, 4), "one less": (3, 3), "few": (1, 2)}[plan.points]
        assert fewest <= len(left.captures) <= most
        assert sorted([*left.captures, *left.points]) == sorted(POINTS)
        for point in left.points:  # what tcpdump said of a capture nobody made
            assert f"captures/{point}_tcpdump.txt" in left.texts


@pytest.mark.parametrize("texts", ["nothing before", "a node less", "some kinds", "none"])
def test_what_is_withheld_together(texts: str, plans: list[Plan], files: CaseFiles) -> None:
    for plan in (plan for plan in plans if plan.texts == texts and plan.points == "all"):
        gone = set(chosen(plan, files).texts)
        kept = set(files.texts) - gone
        match texts:
            case "nothing before":
                assert all(path.startswith("before/") == (path in gone) for path in files.texts)
            case "a node less":
                assert len({files.node_of(path) for path in gone}) == 1
                assert not {files.node_of(path) for path in gone} & {files.node_of(path) for path in kept}
            case "some kinds":
                assert gone
                assert kept
                assert not {kind_of(path) for path in gone} & {kind_of(path) for path in kept}
            case "none":
                assert kept == set()


def test_a_trace_belongs_to_the_client_and_stays_whole(files: CaseFiles) -> None:
    assert {files.node_of(path) for path in ("strace.txt", "cmd.txt", "second_output.txt")} == {"vm"}
    assert {kind_of(path) for path in ("strace.txt", "cmd.txt", "second_output.txt")} == {"strace"}
    assert files.node_of("compute_syslogemu.log") == "compute"
    assert files.node_of("time.txt") == ""


def test_one_node_keeps_the_time(plans: list[Plan], files: CaseFiles) -> None:
    for plan in plans:
        shifted = chosen(plan, files).shifted_ns
        assert len(shifted) == (2 if plan.clocks == "apart" else 0)
        assert all(abs(offset) <= 3600 * 10**9 for offset in shifted.values())


def _written(folder: Path, files: CaseFiles) -> None:
    for path in files.paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


@pytest.mark.parametrize("names", ["numbered", "plain", "misnumbered", "compressed"])
def test_the_folder_is_changed_as_chosen(names: Names, plan: Plan, files: CaseFiles, tmp_path: Path) -> None:
    for seed in range(5):
        folder = tmp_path / str(seed)
        _written(folder, files)
        plan = replace(plan, names=names, points="one less", texts="some kinds", withheld_seed=seed)
        left = chosen(plan, files)
        withhold(folder, left)
        there = set(CaseFiles.of(folder).paths)
        assert there == (set(files.texts) - set(left.texts)) | set(left.captures.values())
        for point, path in left.captures.items():
            content = (folder / path).read_bytes()
            assert (
                gzip.decompress(content) if names == "compressed" else content
            ).decode() == files.captures[point]


def test_all_that_a_node_stamped_is_moved(plan: Plan, files: CaseFiles, tmp_path: Path) -> None:
    _written(tmp_path, files)
    (tmp_path / "strace.txt").write_text("1700000000.000000 read(3) = 0\n")
    (tmp_path / "after/compute/when.txt").write_text("epoch 1700000000.000000000\n")
    (tmp_path / "compute_syslogemu.log").write_text("Jan  1 00:00:00 compute\n")
    left = replace(chosen(plan, files), shifted_ns={"compute": 10**9, "vm": -(10**9)})
    withhold(tmp_path, left)
    assert (tmp_path / "strace.txt").read_text().startswith("1699999999.000000 ")
    assert (tmp_path / "after/compute/when.txt").read_text() == "epoch 1700000001.000000000\n"
    assert (tmp_path / "compute_syslogemu.log").read_text() == "Jan  1 00:00:01 compute\n"
