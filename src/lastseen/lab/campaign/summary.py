"""A campaign in figures: how often right, by fault and by grade, what was wrongly said, what it took, what was missed.

All ratios are told as counts, right of so many, so that nobody has to guess what was divided by what.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from lastseen.lab.campaign.plan import Kind, Plan
from lastseen.lab.campaign.running import Result
from lastseen.lab.campaign.scoring import Outcome
from lastseen.lab.scene import scene_of

__all__ = ["Count", "Marks", "Miss", "OfFault", "OfGrade", "Summary", "Times", "summary"]

NO_CAUSE: Final = "(no cause to be seen)"
HEALTHY: Final = "(healthy)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """So many right, of so many."""

    right: int
    total: int

    @staticmethod
    def of(marks: Iterable[bool | None]) -> "Count":
        """Of the marks that were given."""
        given = [mark for mark in marks if mark is not None]
        return Count(right=sum(given), total=len(given))


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The three figures of NIKA, over some runs."""

    detection: Count
    localisation: Count
    root_cause: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class OfFault:
    """The runs of one fault. `right` and `sufficient_right` count those whose verdict was the expected one."""

    fault: str
    runs: int
    right: int
    sufficient: int
    sufficient_right: int
    outcomes: dict[str, int]
    grades: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfGrade:
    """The runs that ended with one grade, and of those that named a fault, how many named a right one."""

    grade: str
    runs: int
    named: int
    named_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of one step of a run."""

    median_s: float
    p95_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A run to look at. Points are named as the scene names them."""

    number: int
    scene: str
    second: str | None
    seed: int
    outcome: Outcome
    said: str
    expected: str
    sufficient: bool
    withheld: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All of it. `planned` may be more than `runs`, where somebody stopped it."""

    seed: int
    planned: int
    runs: int
    failed: int
    kinds: dict[Kind, int]
    scenes: int
    sufficient: Count
    right_where_sufficient: Count
    marks: Marks
    marks_where_sufficient: Marks
    both_of_two_named: Count
    wrong: int
    wrong_confirmed: int
    healthy: Count
    healthy_accused: int
    located_without_cause: int
    outcomes: dict[Outcome, int]
    by_fault: list[OfFault]
    by_grade: list[OfGrade]
    recording: Times
    diagnosing: Times
    misses: list[Miss]


def summary(results: Sequence[Result], *, seed: int, planned: int) -> Summary:
    """The figures of these results."""
    ended = [result for result in results if result.answer is not None]
    enough = [result for result in ended if result.right and result.right.sufficient]
    healthy = [result for result in ended if result.right and result.right.healthy]
    outcomes = Counter(result.score.outcome for result in results)
    return Summary(
        seed=seed,
        planned=planned,
        runs=len(results),
        failed=len(results) - len(ended),
        kinds=dict(Counter(result.plan.kind for result in results)),
        scenes=len({name for result in results for name in result.plan.scenes}),
        sufficient=Count(right=len(enough), total=len(ended)),
        right_where_sufficient=Count.of(result.score.outcome == "right" for result in enough),
        marks=_marks(results),
        marks_where_sufficient=_marks(enough),
        both_of_two_named=Count.of(result.score.both_named for result in enough),
        wrong=outcomes["wrong"],
        wrong_confirmed=sum(result.score.wrongly_confirmed for result in ended),
        healthy=Count.of(result.score.outcome == "right" for result in healthy),
        healthy_accused=outcomes["accused"],
        located_without_cause=outcomes["located"],
        outcomes=dict(outcomes),
        by_fault=_by_fault(results),
        by_grade=_by_grade(ended),
        recording=_times([result.recording_s for result in ended]),
        diagnosing=_times([result.diagnosing_s for result in ended]),
        misses=[_miss(result) for result in results if result.missed],
    )


def _marks(results: Sequence[Result]) -> Marks:
    return Marks(
        detection=Count.of(result.score.detected for result in results),
        localisation=Count.of(result.score.located for result in results),
        root_cause=Count.of(result.score.explained for result in results),
    )


def _grouped(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return dict(sorted(groups.items()))


def _by_fault(results: Sequence[Result]) -> list[OfFault]:
    """By what is true; a run with two faults counts for the first scene's."""
    rows = []
    for fault, runs in _grouped(results, lambda result: _true_fault(result.plan)).items():
        right = [run for run in runs if run.score.outcome == "right"]
        enough = [run for run in runs if run.right and run.right.sufficient]
        row = OfFault(
            fault=fault,
            runs=len(runs),
            right=len(right),
            sufficient=len(enough),
            sufficient_right=sum(run in right for run in enough),
            outcomes=dict(Counter(run.score.outcome for run in runs)),
            grades=dict(Counter(run.answer.grade for run in runs if run.answer)),
        )
        rows.append(row)
    return rows


def _true_fault(plan: Plan) -> str:
    truth = scene_of(plan.scene).truth
    return truth.fault or (HEALTHY if truth.healthy else NO_CAUSE)


def _by_grade(results: Sequence[Result]) -> list[OfGrade]:
    rows = []
    for grade, runs in _grouped(results, lambda result: result.answer.grade if result.answer else "").items():
        named = [run for run in runs if run.answer and run.answer.fault]
        right = [run for run in named if run.score.outcome not in ("wrong", "accused")]
        rows.append(OfGrade(grade=grade, runs=len(runs), named=len(named), named_right=len(right)))
    return rows


def _times(seconds: Sequence[float]) -> Times:
    """Nearest ranks, in hundredths of a second."""
    if not seconds:
        return Times(median_s=0, p95_s=0, longest_s=0)
    in_order = sorted(round(value, 2) for value in seconds)
    return Times(
        median_s=round(median(in_order), 2), p95_s=in_order[(len(in_order) - 1) * 95 // 100], longest_s=in_order[-1]
    )  # fmt: skip


def _miss(result: Result) -> Miss:
    plan, right, answer = result.plan, result.right, result.answer
    said = f"{answer.fault or answer.grade} ({answer.grade}){_at(answer.hop)}" if answer else "nothing"
    wanted = ", ".join(fault or "unattributed" for fault in right.faults) or "healthy" if right else ""
    hops = " or".join(_at(hop) for hop in right.hops) if right else ""
    return Miss(
        number=plan.number,
        scene=plan.scene,
        second=plan.second,
        seed=plan.seed,
        outcome=result.score.outcome,
        said=said,
        expected=wanted + hops,
        sufficient=bool(right and right.sufficient),
        withheld=_withheld(result),
        reason=result.failure or (right.lacking if right else ""),
    )


def _at(hop: tuple[str | None, str | None]) -> str:
    return "" if hop == (None, None) else f" {hop[0] or '?'} -> {hop[1] or '?'}"


def _withheld(result: Result) -> str:
    """In words, what of the evidence was not as recorded."""
    plan = result.plan
    points = (
        f"no capture at {', '.join(result.withheld.points)}"
        if result.withheld and result.withheld.points
        else ""
    )
    texts = "" if plan.texts == "all" else f"texts: {plan.texts}"
    clocks = "clocks apart" if plan.clocks == "apart" else ""
    names = "" if plan.names == "numbered" else f"files {plan.names}"
    return "; ".join(filter(None, (points, texts, clocks, names)))
