"""What is right is settled from truth and withheld pieces, by a rule that knows nothing of the diagnosis."""

from lastseen.lab.campaign.expecting import expected
from lastseen.lab.campaign.withholding import Withheld
from lastseen.lab.scene import Truth

PATH = ["remote_w0", "compute_w1", "compute_t0", "vm_t1"]
DROPPED = Truth(fault="firewall_deny", hop=("compute_w1", "compute_t0"), needs=("nft",))
SLOW = Truth(fault="slow_server")
HEALTHY = Truth(fault=None, healthy=True)
UNKNOWN = Truth(fault=None, accept=(None,), hop=("compute_t0", "compute_w1"))


def _left(*points: str, texts: tuple[str, ...] = ()) -> Withheld:
    missing = tuple(point for point in PATH if point not in points)
    return Withheld(captures={p: f"{p}.pcap" for p in points}, points=missing, texts=texts, shifted_ns={})


def test_all_evidence_suffices() -> None:
    right = expected([DROPPED], _left(*PATH), PATH, branches=False)
    assert (right.sufficient, right.lacking, right.faults) == (True, "", ("firewall_deny",))
    assert right.hops == (("compute_w1", "compute_t0"),)


def test_points_beside_the_hop_are_not_needed() -> None:
    assert expected([DROPPED], _left("compute_w1", "compute_t0"), PATH, branches=False).sufficient


def test_without_a_point_of_the_hop_the_loss_is_between_the_next_ones() -> None:
    right = expected([DROPPED], _left("remote_w0", "compute_w1", "vm_t1"), PATH, branches=False)
    assert (right.sufficient, right.lacking) == (False, "no capture at compute_t0")
    assert right.hops == (("compute_w1", "vm_t1"),)
    upwards = expected([UNKNOWN], _left("vm_t1", "remote_w0"), PATH, branches=False)
    assert upwards.hops == (("vm_t1", "remote_w0"),)


def test_a_loss_in_both_directions_may_be_told_by_either() -> None:
    lossy = Truth(fault="random_loss", hop=("remote_w0", "compute_w1"), both_ways=True)
    right = expected([lossy], _left(*PATH[1:], "remote_w0"), PATH, branches=False)
    assert right.hops == (("remote_w0", "compute_w1"), ("compute_w1", "remote_w0"))


def test_a_loss_with_no_point_behind_it_has_no_place() -> None:
    assert expected([DROPPED], _left("remote_w0", "compute_w1"), PATH, branches=False).hops == ()


def test_in_a_network_that_branches_any_point_may_be_the_next() -> None:
    left = _left("remote_w0", "compute_w1", "vm_t1")
    branching = expected([DROPPED], left, PATH, branches=True)
    assert branching.hops == (("remote_w0", "vm_t1"), ("compute_w1", "vm_t1"))
    assert expected([DROPPED], _left(*PATH), PATH, branches=True).hops == (("compute_w1", "compute_t0"),)


def test_a_text_that_is_needed_is_missed_whenever_it_was_saved() -> None:
    gone = ("before/compute/nft_list_ruleset.txt",)
    right = expected([DROPPED], _left(*PATH, texts=gone), PATH, branches=False)
    assert (right.sufficient, right.lacking) == (False, f"{gone[0]} is withheld")
    assert expected(
        [DROPPED], _left(*PATH, texts=("after/vm/nstat_asz.txt",)), PATH, branches=False
    ).sufficient


def test_what_the_rest_shows_is_right_where_evidence_does_not_suffice() -> None:
    reset = Truth(fault="firewall_deny", needs=("nft",), seems=("reset_injected",))
    gone = ("after/compute/nft_list_ruleset.txt",)
    assert expected([reset], _left(*PATH, texts=gone), PATH, branches=False).faults == (
        "firewall_deny",
        "reset_injected",
    )
    assert expected([reset], _left(*PATH), PATH, branches=False).faults == ("firewall_deny",)


def test_a_loss_needs_the_moment_of_the_later_snapshot_behind_it() -> None:
    for node, sufficient in (("compute", False), ("vm", True)):
        gone = (f"after/{node}/when.txt",)
        assert expected([UNKNOWN], _left(*PATH, texts=gone), PATH, branches=False).sufficient == sufficient
    assert expected([SLOW], _left(*PATH, texts=("after/compute/when.txt",)), PATH, branches=False).sufficient


def test_what_is_at_an_end_needs_both_ends() -> None:
    for truth in (SLOW, HEALTHY):
        assert expected([truth], _left("remote_w0", "vm_t1"), PATH, branches=False).sufficient
        assert not expected([truth], _left("remote_w0", "compute_t0"), PATH, branches=False).sufficient
        assert not expected([truth], _left("remote_w0", "vm_t1"), PATH, branches=True).sufficient


def test_where_no_cause_can_be_seen_the_hop_is_the_answer() -> None:
    right = expected([UNKNOWN], _left(*PATH), PATH, branches=False)
    assert (right.faults, right.causes, right.healthy) == ((None,), 0, False)


def test_of_two_faults_either_may_come_first_and_both_are_needed() -> None:
    right = expected([DROPPED, SLOW], _left(*PATH), PATH, branches=False)
    assert (right.faults, right.causes) == (("firewall_deny", "slow_server"), 2)
    assert not expected([DROPPED, SLOW], _left(*PATH[1:]), PATH, branches=False).sufficient


def test_health_names_nothing() -> None:
    right = expected([HEALTHY], _left(*PATH), PATH, branches=False)
    assert (right.healthy, right.faults, right.hops) == (True, (), ())


def test_a_capture_that_did_not_keep_up_may_be_named_where_nothing_else_is_wrong() -> None:
    healthy = expected([HEALTHY], _left(*PATH), PATH, branches=False, overrun=True)
    assert (healthy.healthy, healthy.faults) == (True, ("capture_artifact",))
    assert expected([HEALTHY], _left(*PATH), PATH, branches=False).faults == ()
    faulty = expected([HEALTHY, DROPPED], _left(*PATH), PATH, branches=False, overrun=True)
    assert faulty.faults == ("firewall_deny",)
