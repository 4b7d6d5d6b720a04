"""The silence test: each rule speaks on its own cases and on no other.

Every case of every fault and every example is diagnosed once; every rule is asked about each. Where two faults leave
the same evidence, `CONFUSED_WITH` has to name what would separate them.
"""

import functools
import json
from pathlib import Path

import pytest
from written_cases import diagnosed, judgement

from lastseen.faults import rules
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Refuted, Supported

ROOT = Path(__file__).parents[2]
FAULTS = ROOT / "src/lastseen/faults"
LAB = ROOT / "examples/lab"
OPENSTACK = ROOT / "examples/openstack-missing-fin"

PADDING = "ovs_conntrack_padding"
RECORDED = {
    "00_facts_broken": None,
    "00_facts_healthy": None,
    "01_broken_php60_vm": PADDING,
    "02_broken_curl_vm": PADDING,
    "03_broken_php60_computehost": None,
    "04_broken_php60_vm_otherremote": PADDING,
    "07_fixed_sysctl0_php60_vm": None,
    "09_healthy_stockmodule_php60_vm": None,
}
"""What was wrong in each recorded run; None: nothing that the run itself shows."""


def _of_faults(kind: str) -> list[tuple[str, Path]]:
    return [(path.parents[2].name, path) for path in sorted(FAULTS.glob(f"*/cases/{kind}/*/"))]


def _of_examples() -> list[tuple[str | None, Path]]:
    truth = json.loads((LAB / "truth.json").read_text("utf-8"))
    lab = [(next(iter(entry["accept"]), None), LAB / name) for name, entry in truth.items()]
    return [*lab, *((fault, OPENSTACK / name) for name, fault in RECORDED.items())]


def _truth(path: Path) -> str | None:
    """What a near miss is instead, where its ORIGIN.md says so ("Truth: slug"); None: nothing that has a name."""
    lines = (path / "ORIGIN.md").read_text("utf-8").splitlines()
    return next((line.removeprefix("Truth: ") for line in lines if line.startswith("Truth: ")), None)


POSITIVE, NEAR_MISS = _of_faults("positive"), _of_faults("near_miss")
EVERY = [*POSITIVE, *((_truth(path), path) for _, path in NEAR_MISS), *_of_examples()]


@functools.cache
def _diagnosed(path: Path) -> Diagnosis:
    return diagnosed(path)


def _name(value: object) -> str:
    return f"{value.parent.name}-{value.name}" if isinstance(value, Path) else str(value)


def test_every_example_is_looked_at() -> None:
    """A new example has to say what is wrong in it."""
    assert {path.name for path in OPENSTACK.glob("*/")} == set(RECORDED)


@pytest.mark.parametrize("slug", sorted(rules()))
def test_every_fault_has_cases_of_both_kinds_and_known_neighbours(slug: str) -> None:
    """An empty folder would make the matrix silent; CONFUSED_WITH says what separates, in words."""
    assert any(fault == slug for fault, _ in POSITIVE)
    assert any(fault == slug for fault, _ in NEAR_MISS)
    assert all(text and other != slug for other, text in rules()[slug].CONFUSED_WITH.items())
    assert rules()[slug].TITLE
    assert rules()[slug].SINCE


@pytest.mark.parametrize(("fault", "path"), EVERY, ids=_name)
def test_rules_speak_on_their_own_cases_only(fault: str | None, path: Path) -> None:
    """Every rule is asked about the case; all that speak wrongly are named."""
    speaking = {slug for slug in rules() if isinstance(judgement(_diagnosed(path), slug), Supported)}
    assert fault in speaking or fault not in rules()
    others = speaking - {fault}
    assert {slug for slug in others if fault not in rules()[slug].CONFUSED_WITH} == set(), (
        "what separates them?"
    )


@pytest.mark.parametrize(("slug", "path"), NEAR_MISS, ids=_name)
def test_a_rule_is_silent_on_its_near_miss(slug: str, path: Path) -> None:
    assert not isinstance(judgement(_diagnosed(path), slug), Supported)


@pytest.mark.parametrize(("slug", "path"), [c for c in NEAR_MISS if c[0] == PADDING], ids=_name)
def test_what_the_padding_fault_nearly_is_it_is_certainly_not(slug: str, path: Path) -> None:
    """Each of its near misses contradicts it; none is merely untestable."""
    assert isinstance(judgement(_diagnosed(path), slug), Refuted)


@pytest.mark.parametrize(("fault", "path"), EVERY, ids=_name)
def test_the_verdict_names_what_was_wrong(fault: str | None, path: Path) -> None:
    """Faults that have no rule yet are left unattributed rather than named wrongly."""
    verdict = _diagnosed(path).verdict
    assert verdict.fault == (fault if fault in rules() else None)
    if fault in rules():
        assert verdict.grade in ("confirmed", "probable")


def test_every_case_says_where_it_comes_from() -> None:
    assert [path for _, path in (*POSITIVE, *NEAR_MISS) if not (path / "ORIGIN.md").is_file()] == []


def test_a_case_is_recorded_or_written() -> None:
    """The list of faults tells which; it reads the first line."""
    said = [(path / "ORIGIN.md").read_text("utf-8") for _, path in (*POSITIVE, *NEAR_MISS)]
    assert [text for text in said if not text.startswith(("Recorded: ", "Written: "))] == []
