"""Counts of the spans before and after a snapshot taken in mid-stall, beside the packets lost in each."""

from pathlib import Path

import pytest
from gathered_cases import SEED, Files, gathered
from written_cases import START_NS, conntrack_stats, lost_short, two_points

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis.facts_of import facts_of
from lastseen.diagnosis.reconciling import reconciled
from lastseen.diagnosis.snapshots import moments

EXAMPLE = Path(__file__).parents[2] / "examples" / "openstack-missing-fin" / "01_broken_php60_vm"
LOST = [sent for sent in SEED.sent if lost_short(sent)]
COUNT = len(LOST)
EARLY = 3
BETWEEN_MS = (LOST[EARLY - 1].at_ms + LOST[EARLY].at_ms) / 2
TOML = "".join(
    f'[[point]]\nname = "{name}"\nfile = "{file}"\nnode = "cmp"\n'
    for name, file in (("tunnel", "1_tunnel.pcap"), ("tap", "2_tap.pcap"))
)


def sentences(folder: Path, *, mid: int | None, after: int | None = COUNT, noted: bool = True) -> list[str]:
    files: Files = {**two_points([SEED]), "case.toml": TOML, "before/cmp/ct.txt": conntrack_stats(0)}
    if mid is not None:
        files["mid/cmp/ct.txt"] = conntrack_stats(mid)
    if after is not None:
        files["after/cmp/ct.txt"] = conntrack_stats(after)
    if noted:
        files["mid/cmp/when.txt"] = f"{START_NS / 1e9 + BETWEEN_MS / 1000:.6f}\n"
    facts, rows = gathered(folder, files)
    return [reason.text for reason in reconciled(facts, moments(rows))]


def test_equal_on_either_side_of_the_middle(tmp_path: Path) -> None:
    until, after = sentences(tmp_path, mid=EARLY)[1:]
    name, rest = "on conntrack's counter invalid", COUNT - EARLY
    assert until == f"until the snapshot 'mid', {EARLY} packets lost behind tunnel = {EARLY} {name}"
    assert after == f"after the snapshot 'mid', {rest} packets lost behind tunnel = {rest} {name}"


def test_a_reading_among_packets_differs_by_one(tmp_path: Path) -> None:
    until, after = sentences(tmp_path, mid=EARLY + 1)[1:]
    late = "on conntrack's counter invalid (read after 1 packet more had come)"
    assert until.endswith(f"; {EARLY + 1} {late}")
    assert after.endswith(f"; {COUNT - EARLY - 1} {late}")


def test_a_count_that_agrees_over_the_whole_only_is_about_something_else(tmp_path: Path) -> None:
    until, after = sentences(tmp_path, mid=COUNT)[1:]
    other = "on conntrack's counter invalid (it counts something else, too)"
    assert until.endswith(f"behind tunnel; {COUNT} {other}")
    assert after.endswith(f"behind tunnel; 0 {other}")


@pytest.mark.parametrize(
    ("mid", "after", "noted"),
    [(EARLY, COUNT, False), (None, COUNT, True), (EARLY, None, True)],
    ids=["no time", "not read in the middle", "not read afterwards"],
)
def test_what_is_not_known_is_not_said(
    tmp_path: Path, mid: int | None, after: int | None, *, noted: bool
) -> None:
    said = sentences(tmp_path, mid=mid, after=after, noted=noted)
    assert not any("'mid'" in text for text in said)


def test_the_recorded_case() -> None:
    """Recorded on a real kernel: the flow had counted 9 packets when the stall was looked into."""
    with Progress() as progress, opened([EXAMPLE], progress) as case:
        facts, _ = facts_of(matched(case, progress), case.rows, case.details)
        said = [reason.text for reason in reconciled(facts, moments(list(case.rows)))]
    rule = "hits of the rule 'br-int table=82: ct_state=+inv+trk'"
    until, after = (text for text in said if "snapshot 'mid'" in text)
    late = "(read after 1 packet more had come)"
    assert f"until the snapshot 'mid', 8 packets lost behind compute_genev_sys_6081; 9 {rule} {late}" in until
    assert (
        f"after the snapshot 'mid', 11 packets lost behind compute_genev_sys_6081; 10 {rule} {late}" in after
    )
