"""OVN's own flow for invalid packets: what its list of logical flows has to say, and when other causes come first."""

import shutil
from pathlib import Path

import pytest
from written_cases import diagnosed, judgement

from lastseen.tables.judgements import Refuted, Supported, Untestable

SLUG = "ovn_acl_invalid"
FAULTS = Path(__file__).parents[3] / "src/lastseen/faults"
STATELESS = FAULTS / SLUG / "cases/positive/recorded_stateless_rule"
DAMAGED = FAULTS / "packet_corruption/cases/positive/recorded_ovn_drops_it"
LOGICAL = "after/netnode/ovn-sbctl_lflow-list.txt"


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(STATELESS, folder / "case"))


def test_the_rule_that_leads_around_tracking_is_named(tmp_path: Path) -> None:
    """And without the list of access rules the drop is as certain."""
    case = copied(tmp_path)
    (case / "after/netnode/ovn-nbctl_acl-list_tenant.txt").unlink()
    with_rule, without = (judgement(diagnosed(folder), SLUG) for folder in (STATELESS, case))
    assert isinstance(with_rule, Supported)
    assert isinstance(without, Supported)
    assert "allow-stateless" in with_rule.reasons[-1].text
    assert not any("allow-stateless" in reason.text for reason in without.reasons)


@pytest.mark.parametrize(
    "match", ["!ct.inv || ct.est", "ct.est && !ct.inv", "my_ct.inv"], ids=["not", "behind", "other name"]
)
def test_a_switch_that_does_not_ask_for_it_is_not_meant(tmp_path: Path, match: str) -> None:
    case = copied(tmp_path)
    text = (case / LOGICAL).read_text("utf-8")
    (case / LOGICAL).write_text(text.replace("match=(ct.inv ||", f"match=({match} ||"), "utf-8")
    assert isinstance(judgement(diagnosed(case), SLUG), Refuted)


def test_without_logical_flows_it_is_possible(tmp_path: Path) -> None:
    case = copied(tmp_path)
    (case / LOGICAL).unlink()
    judged = judgement(diagnosed(case), SLUG)
    assert isinstance(judged, Untestable)
    assert judged.reasons


def test_where_the_packets_say_why_they_are_invalid_that_comes_first() -> None:
    found = diagnosed(DAMAGED)
    assert found.verdict.fault == "packet_corruption"
    assert found.verdict.indistinguishable == ()
    assert isinstance(judgement(found, SLUG), Supported)


def test_the_default_drop_of_a_table_is_no_rule_somebody_wrote() -> None:
    """Local output counts each packet that has left for another chassis, here about as many as were lost."""
    assert not isinstance(judgement(diagnosed(STATELESS), "firewall_deny"), Supported)
