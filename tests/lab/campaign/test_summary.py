"""The figures are the results counted, and a run that failed is counted too."""

from dataclasses import replace

from lastseen.lab.campaign.asking import Answer
from lastseen.lab.campaign.expecting import Expected
from lastseen.lab.campaign.plan import Plan
from lastseen.lab.campaign.running import Result
from lastseen.lab.campaign.scoring import FAILED, score
from lastseen.lab.campaign.summary import Count, summary

HOP = ("compute_w1", "compute_t0")
DENY = Expected(
    healthy=False, faults=("firewall_deny",), causes=1, hops=(HOP,), unseen=False, sufficient=True, lacking=""
)
HEALTHY = Expected(healthy=True, faults=(), causes=0, hops=(), unseen=False, sufficient=True, lacking="")


def _result(plan: Plan, answer: Answer, right: Expected, seconds: float = 1.0) -> Result:
    return Result(
        plan=plan,
        score=score(answer, right),
        right=right,
        answer=answer,
        recording_s=seconds,
        diagnosing_s=0.5,
    )


def _results(plan: Plan) -> list[Result]:
    named = Answer(fault="firewall_deny", grade="confirmed", hop=HOP, also=())
    wrong = Answer(fault="random_loss", grade="confirmed", hop=HOP, also=())
    quiet = Answer(fault=None, grade="blind", hop=(None, None), also=())
    fine = Answer(fault=None, grade="healthy", hop=(None, None), also=())
    healthy = replace(plan, scene="healthy_page", kind="healthy")
    lacking = replace(DENY, sufficient=False, lacking="no capture at compute_t0")
    return [
        _result(replace(plan, number=1), named, DENY),
        _result(replace(plan, number=2), wrong, DENY, 9.0),
        _result(replace(plan, number=3), quiet, lacking),
        _result(replace(healthy, number=4), fine, HEALTHY),
        Result(plan=replace(plan, number=5), score=FAILED, failure="it did not end"),
    ]


def test_the_counts(plan: Plan) -> None:
    found = summary(_results(plan), seed=3, planned=8)
    assert (found.runs, found.planned, found.failed, found.scenes) == (5, 8, 1, 2)
    assert found.kinds == {"faulty": 4, "healthy": 1}
    assert found.sufficient == Count(right=3, total=4)
    assert found.right_where_sufficient == Count(right=2, total=3)
    assert (found.wrong, found.wrong_confirmed, found.healthy_accused) == (1, 1, 0)
    assert found.healthy == Count(right=1, total=1)
    assert found.marks.detection == Count(right=3, total=5)
    assert found.marks_where_sufficient.root_cause == Count(right=2, total=3)
    assert found.outcomes == {"right": 2, "wrong": 1, "silent": 1, "failed": 1}
    assert (found.recording.median_s, found.recording.longest_s) == (1.0, 9.0)


def test_a_run_is_missed_where_evidence_suffices_or_where_it_is_wrong(plan: Plan) -> None:
    misses = summary(_results(plan), seed=3, planned=5).misses
    assert [(miss.number, miss.outcome) for miss in misses] == [(2, "wrong"), (5, "failed")]
    assert misses[0].said == "random_loss (confirmed) compute_w1 -> compute_t0"
    assert misses[0].expected == "firewall_deny compute_w1 -> compute_t0"
    assert (misses[1].said, misses[1].reason) == ("nothing", "it did not end")


def test_by_fault_and_by_grade(plan: Plan) -> None:
    found = summary(_results(plan), seed=3, planned=5)
    assert [(row.fault, row.runs, row.sufficient, row.sufficient_right) for row in found.by_fault] == [
        ("(healthy)", 1, 1, 1),
        ("firewall_deny", 4, 2, 1),
    ]
    confirmed = next(row for row in found.by_grade if row.grade == "confirmed")
    assert (confirmed.runs, confirmed.named, confirmed.named_right) == (2, 2, 1)


def test_nothing_carried_out_is_a_summary_too() -> None:
    found = summary([], seed=1, planned=4)
    assert (found.runs, found.right_where_sufficient, found.misses) == (0, Count(right=0, total=0), [])
