"""A campaign is drawn before anything runs: the same seed, the same plans."""

from collections import Counter

import pytest

from lastseen.errors import LastseenError
from lastseen.lab.campaign.plan import drawn, stock_of
from lastseen.lab.scene import scenes
from lastseen.lab.topologies import name_of

ALL = scenes()
STOCK = stock_of(ALL)


def test_the_same_seed_draws_the_same_campaign() -> None:
    assert drawn(5, 60, STOCK) == drawn(5, 60, STOCK)
    assert drawn(5, 60, STOCK) != drawn(6, 60, STOCK)


def test_a_longer_campaign_begins_as_a_shorter_one() -> None:
    assert drawn(5, 100, STOCK)[:37] == drawn(5, 37, STOCK)


def test_of_ten_runs_two_are_healthy_and_one_has_two_faults() -> None:
    plans = drawn(9, 100, STOCK)
    assert Counter(plan.kind for plan in plans) == {"faulty": 70, "healthy": 20, "two faults": 10}
    assert [plan.number for plan in plans] == list(range(1, 101))
    for plan in plans:
        assert ALL[plan.scene].truth.healthy == (plan.kind == "healthy")
        assert (plan.second is not None) == (plan.kind == "two faults")


def test_what_changes_the_machine_has_to_be_wanted_by_name() -> None:
    drawn_at_large = {name for shown in STOCK.values() for names in shown for name in names}
    assert drawn_at_large == {name for name, scene in ALL.items() if not scene.machine} | {None}
    assert stock_of(ALL, ["table_full"])["faulty"] == [("table_full", None)]


def test_no_scene_comes_twice_before_all_came_once() -> None:
    faulty = len(STOCK["faulty"])
    shown = [plan.scene for plan in drawn(3, 2 * faulty, STOCK) if plan.kind == "faulty"]
    assert len(set(shown[:faulty])) == faulty


def test_two_faults_share_a_network_and_differ() -> None:
    assert len(STOCK["two faults"]) > 20
    for first, second in STOCK["two faults"]:
        assert second is not None
        one, other = ALL[first], ALL[second]
        assert name_of(one.topology) == name_of(other.topology)
        assert one.truth.fault != other.truth.fault
        assert other.hits == "its service"


def test_everything_that_may_be_withheld_is() -> None:
    plans = drawn(1, 300, STOCK)
    assert {plan.points for plan in plans} == {"all", "one less", "few"}
    assert {plan.texts for plan in plans} == {"all", "nothing before", "a node less", "some kinds", "none"}
    assert {plan.names for plan in plans} == {"numbered", "plain", "misnumbered", "compressed"}
    assert {plan.clocks for plan in plans} == {"one", "apart"}


def test_only_the_wanted_scenes_are_drawn() -> None:
    plans = drawn(1, 30, stock_of(ALL, ["fin_rule", "healthy_page"]))
    assert {plan.scene for plan in plans} == {"fin_rule", "healthy_page"}
    assert {plan.scene for plan in drawn(1, 10, stock_of(ALL, ["healthy_page"]))} == {"healthy_page"}


def test_without_root_no_scene_needs_it() -> None:
    stock = stock_of(ALL, root=False)
    assert not any(ALL[name].root for shown in stock.values() for name, _ in shown)
    with pytest.raises(LastseenError, match="root"):
        stock_of(ALL, ["openstack_padding"], root=False)
