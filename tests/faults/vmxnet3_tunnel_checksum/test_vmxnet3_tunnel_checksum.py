"""What must be known before a virtual card is blamed for checksums inside a tunnel."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from written_cases import Sent, View, diagnosed, judgement, seen, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "vmxnet3_tunnel_checksum"
CASES = Path(__file__).parents[3] / "src/lastseen/faults" / SLUG / "cases"
SCRIPT = Path(__file__).parents[1] / "scripts" / f"{SLUG}.py"
_SPEC = importlib.util.spec_from_file_location("script", SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


def _judged(case: Path) -> Judgement:
    return judgement(diagnosed(case), SLUG)


ARRIVING, VANISHING = "written_undone_at_the_peer", "written_vanish_between_cards"


def _copy(folder: Path, name: str) -> Path:
    return Path(shutil.copytree(CASES / "positive" / name, folder / "case"))


@pytest.mark.parametrize("name", [ARRIVING, VANISHING])
@pytest.mark.parametrize(("driver", "kind"), [("e1000e", Refuted), ("", Untestable)])
def test_the_card_has_to_be_one(tmp_path: Path, name: str, driver: str, kind: type[Judgement]) -> None:
    case = _copy(tmp_path, name)
    file = case / "before/node1/ethtool_-i_eth0.txt"
    file.write_text(script.driver(driver)) if driver else file.unlink()
    assert isinstance(_judged(case), kind)


@pytest.mark.parametrize("name", [ARRIVING, VANISHING])
def test_which_host_a_capture_is_from_has_to_be_known(tmp_path: Path, name: str) -> None:
    """On one host an undone checksum is still to be done."""
    case = _copy(tmp_path, name)
    shutil.rmtree(case / "before")
    shutil.rmtree(case / "after")
    assert isinstance(_judged(case), Untestable)


def test_a_host_that_counts_no_wrong_checksum_refuses_for_another_reason(tmp_path: Path) -> None:
    """Machines of one hypervisor may hand each other packets undone, and know it."""
    case = write_case(_copy(tmp_path, ARRIVING), {"after/node2/nstat.txt": script.nstat(0)})
    assert isinstance(_judged(case), Untestable)


def test_the_grade_depends_on_who_else_says_so(tmp_path: Path) -> None:
    """Where they vanish nobody counts them."""
    arriving, vanishing = _judged(_copy(tmp_path / "a", ARRIVING)), _judged(_copy(tmp_path / "b", VANISHING))
    assert isinstance(arriving, Supported)
    assert isinstance(vanishing, Supported)
    assert (arriving.confirmed, vanishing.confirmed) == (True, False)


def test_features_that_are_off_say_nothing_for_it(tmp_path: Path) -> None:
    case = _copy(tmp_path, VANISHING)
    (case / "before/node1/ethtool_-k_eth0.txt").write_text(script.features("off"))
    judged = _judged(case)
    assert isinstance(judged, Supported)
    assert not any("is on at eth0" in reason.text for reason in judged.reasons)


def test_without_a_ping_the_tunnel_itself_may_be_broken(tmp_path: Path) -> None:
    """What the other host sends comes through; of this direction nothing does."""
    lost, pings = script.talks(answered=False)
    pings.sent = [sent for sent in pings.sent if sent.from_server]
    talks = [lost, pings, script.api()]
    case = write_case(
        _copy(tmp_path, VANISHING),
        {
            "node2_eth0.pcap": seen(
                talks, View(delay_ms=-0.2, change=script.or_plain, drop=script.is_undone)
            ),
            "node1_eth0.pcap": seen(talks, View(change=script.or_plain)),
        },
    )
    assert isinstance(_judged(case), Untestable)


def _early(sent: Sent) -> bool:
    return bool(script.is_undone(sent)) and sent.at_ms < 2000


def test_where_some_undone_packets_pass_it_is_something_else(tmp_path: Path) -> None:
    talks = [*script.talks(answered=False), script.api()]
    down = View(delay_ms=-0.2, change=script.or_plain, drop=_early)
    case = write_case(_copy(tmp_path, VANISHING), {"node2_eth0.pcap": seen(talks, down)})
    assert isinstance(_judged(case), Untestable)


@pytest.mark.parametrize("points", [["node2_veth2", "node2_eth0"], ["node2_veth2"]])
def test_the_tunnel_has_to_be_seen_at_both_hosts(tmp_path: Path, points: list[str]) -> None:
    case = _copy(tmp_path, ARRIVING)
    for name in {"node2_veth2", "node2_eth0", "node1_eth0"} - set(points):
        (case / f"{name}.pcap").unlink()
    assert isinstance(_judged(case), Untestable)
