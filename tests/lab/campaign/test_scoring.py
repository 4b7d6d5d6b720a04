"""Each way a verdict can be right, wrong or careful, and the marks it gets."""

import pytest

from lastseen.lab.campaign.asking import Answer, answer_of
from lastseen.lab.campaign.expecting import Expected
from lastseen.lab.campaign.scoring import score
from lastseen.lab.campaign.withholding import Withheld

HOP = ("compute_w1", "compute_t0")
ELSEWHERE = ("remote_w0", "compute_w1")
NOWHERE = (None, None)


def _right(
    *faults: str | None, hops: tuple[tuple[str, str], ...] = (HOP,), healthy: bool = False
) -> Expected:
    causes = len([fault for fault in faults if fault])
    return Expected(
        healthy=healthy,
        faults=faults,
        causes=causes,
        hops=hops,
        unseen=None in faults and not hops,
        sufficient=True,
        lacking="",
    )


def _said(
    fault: str | None, grade: str, hop: tuple[str | None, str | None] = NOWHERE, also: tuple[str, ...] = ()
) -> Answer:
    return Answer(fault=fault, grade=grade, hop=hop, also=also)


DENY = _right("firewall_deny")
HEALTHY = _right(hops=(), healthy=True)
UNKNOWN = _right(None)


@pytest.mark.parametrize(
    ("answer", "right", "outcome"),
    [
        (_said("firewall_deny", "confirmed", HOP), DENY, "right"),
        (_said("firewall_deny", "possible"), DENY, "right"),
        (_said("firewall_deny", "confirmed", ELSEWHERE), DENY, "mislocated"),
        (_said("random_loss", "probable", HOP), DENY, "wrong"),
        (_said(None, "unattributed", HOP), DENY, "located"),
        (_said(None, "unattributed", HOP), UNKNOWN, "right"),
        (_said(None, "unattributed", ELSEWHERE), UNKNOWN, "mislocated"),
        (_said(None, "blind"), DENY, "silent"),
        (_said(None, "healthy"), DENY, "missed"),
        (_said(None, "unattributed", ("remote_w0", None)), _right("port_closed", hops=()), "located"),
        (_said(None, "unattributed", HOP), _right("port_closed", hops=()), "mislocated"),
        (_said(None, "healthy"), _right("nagle_delayed_ack", None, hops=()), "right"),
        (_said("slow_server", "probable"), _right("nagle_delayed_ack", None, hops=()), "wrong"),
        (_said(None, "healthy"), HEALTHY, "right"),
        (_said(None, "blind"), HEALTHY, "silent"),
        (_said(None, "unattributed", HOP), HEALTHY, "mislocated"),
        (_said("random_loss", "possible"), HEALTHY, "accused"),
    ],
)
def test_the_outcome(answer: Answer, right: Expected, outcome: str) -> None:
    assert score(answer, right).outcome == outcome


def test_the_marks_of_a_faulty_run() -> None:
    marks = score(_said(None, "unattributed", HOP), DENY)
    assert (marks.detected, marks.located, marks.explained) == (True, True, False)
    marks = score(_said(None, "healthy"), DENY)
    assert (marks.detected, marks.located, marks.explained) == (False, False, False)
    assert score(_said("port_closed", "confirmed"), _right("port_closed", hops=())).located is None
    assert score(_said(None, "unattributed", HOP), UNKNOWN).explained is None


def test_accusing_nobody_of_a_healthy_run_is_right_at_all_three() -> None:
    marks = score(_said(None, "blind"), HEALTHY)
    assert (marks.detected, marks.located, marks.explained) == (True, True, True)
    marks = score(_said("random_loss", "confirmed", HOP), HEALTHY)
    assert (marks.detected, marks.located, marks.explained) == (False, False, False)
    assert marks.wrongly_confirmed


def test_a_capture_that_did_not_keep_up_accuses_nobody() -> None:
    overrun = _right("capture_artifact", hops=(), healthy=True)
    marks = score(_said("capture_artifact", "confirmed"), overrun)
    assert (marks.outcome, marks.explained, marks.wrongly_confirmed) == ("right", True, False)
    assert score(_said(None, "healthy"), overrun).outcome == "right"
    assert score(_said("random_loss", "possible"), overrun).outcome == "accused"
    assert score(_said("capture_artifact", "confirmed"), HEALTHY).outcome == "accused"


def test_only_a_wrong_fault_is_wrongly_confirmed() -> None:
    assert score(_said("random_loss", "confirmed", HOP), DENY).wrongly_confirmed
    assert not score(_said("random_loss", "probable", HOP), DENY).wrongly_confirmed
    assert not score(_said("firewall_deny", "confirmed", HOP), DENY).wrongly_confirmed


def test_both_of_two_faults() -> None:
    two = _right("firewall_deny", "slow_server")
    assert score(_said("slow_server", "probable", also=("firewall_deny",)), two).both_named is True
    assert score(_said("slow_server", "probable", also=("random_loss",)), two).both_named is False
    assert score(_said("firewall_deny", "probable", HOP), DENY).both_named is None


def test_points_are_told_by_their_files() -> None:
    left = Withheld(
        captures={"compute_w1": "captures/1_compute_w1.pcap", "compute_t0": "captures/w1.pcap.gz"},
        points=(),
        texts=(),
        shifted_ns={},
    )
    said = {
        "verdict": {
            "fault": None,
            "grade": "unattributed",
            "last_seen": "a",
            "missing_at": None,
            "also": ["x"],
        },
        "points": [
            {"name": "a", "file": "0007_scene/captures/w1.pcap.gz"},
            {"name": "b", "file": "other.pcap"},
        ],
    }
    answer = answer_of(said, left)
    assert answer.hop == ("compute_t0", None)
    assert (answer.also, answer.supported) == (("x",), False)
