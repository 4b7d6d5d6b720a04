"""Flows that ask twice: which lists of actions do, which flow has to follow, and where the kernel has no part in it."""

import shutil
from pathlib import Path

import pytest
from written_cases import diagnosed, judgement, write_case

from lastseen.faults.ovn_hairpin_invalid.rule import asks_again
from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "ovn_hairpin_invalid"
CASE = Path(__file__).parents[3] / "src/lastseen/faults" / SLUG / "cases/positive/written_floating_address"
FLOWS = "after/compute/dump-flows.txt"
OPENFLOW = (
    "$ ovs-ofctl dump-flows br-int\nNXST_FLOW reply (xid=0x4):\n cookie=0x1, duration=9s, table=46, n_packets={}, "
    "n_bytes=296, idle_age=1, priority=65532,ct_state=+inv+trk,metadata=0x1 actions=drop\n"
)
NEW = "set(ipv4(src=172.18.2.10,dst=192.168.100.6,ttl=62))"


@pytest.mark.parametrize(
    ("actions", "behind"),
    [
        (f"ct(commit,zone=8,nat(src)),{NEW},ct(zone=8),recirc(0x4)", "0x4"),
        (f"ct(zone=8),{NEW},ct(zone=8)", ""),
        (f"ct(commit),{NEW},ct,recirc(12)", "12"),
        ("ct(zone=8),set(tcp(dst=80)),ct(zone=8),recirc(0x4)", "0x4"),
        ("ct(zone=8),set(ipv6(dst=fd00::6,hlimit=62)),ct(zone=8),recirc(0x4)", "0x4"),
        (f"ct(zone=8),{NEW},ct(zone=9),recirc(0x4)", None),
        (f"ct(zone=8),{NEW},ct_clear,ct(zone=8),recirc(0x4)", None),
        ("ct(zone=8),set(ipv4(ttl=62)),ct(zone=8),recirc(0x4)", None),
        ("ct(zone=8),ct(zone=8),recirc(0x4)", None),
        (f"{NEW},ct(zone=8),recirc(0x4)", None),
        ("2", None),
    ],
)
def test_a_list_of_actions_asks_again_or_does_not(actions: str, behind: str | None) -> None:
    assert asks_again(actions) == behind


def judged(folder: Path, *, flows: str, more: dict[str, bytes | str] | None = None) -> Judgement:
    case = Path(shutil.copytree(CASE, folder / "case"))
    return judgement(diagnosed(write_case(case, {FLOWS: flows, **(more or {})})), SLUG)


def lines() -> list[str]:
    return (CASE / FLOWS).read_text("utf-8").splitlines(keepends=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [("recirc_id(0x4)", "recirc_id(0x5)"), ("packets:4", "packets:90"), ("actions:drop", "actions:7")],
)
def test_the_flow_behind_it_has_to_drop_them(tmp_path: Path, old: str, new: str) -> None:
    """Not any flow, not any number of packets, and not a flow that passes them on."""
    command, asking, behind = lines()
    found = judged(tmp_path, flows=command + asking + behind.replace(old, new))
    supported = old == "recirc_id(0x4)"  # another flow for invalid packets, hit as often
    assert isinstance(found, Supported if supported else Untestable)


def test_the_openflow_rule_tells_as_well(tmp_path: Path) -> None:
    command, asking, _ = lines()
    more: dict[str, bytes | str] = {
        f"{when}/compute/ovs-ofctl.txt": OPENFLOW.format(hits) for when, hits in (("before", 0), ("after", 4))
    }
    assert isinstance(judged(tmp_path, flows=command + asking, more=more), Supported)


@pytest.mark.parametrize("kept", [0, 1])
def test_without_the_flow_nothing_is_said(tmp_path: Path, kept: int) -> None:
    command, _, behind = lines()
    found = judged(tmp_path, flows=command + behind * kept)
    assert isinstance(found, Untestable)
    assert not found.reasons


@pytest.mark.parametrize(("path", "kind"), [("netdev@ovs-netdev", Refuted), ("system@ovs-system", Supported)])
def test_in_user_space_nothing_is_remembered(tmp_path: Path, path: str, kind: type) -> None:
    shown = f"$ ovs-appctl dpctl/show -s\n{path}:\n  lookups: hit:3 missed:1 lost:0\n  flows: 2\n"
    found = judged(tmp_path, flows="".join(lines()), more={"after/compute/dpctl_show.txt": shown})
    assert isinstance(found, kind)
