"""`lastseen lab campaign`: its JSON contract, and the table people read, which is made from nothing else."""

from typing import Literal, TextIO

from msgspec import Struct

from lastseen.report.columns import table_lines
from lastseen.report.page import Page
from lastseen.report.wording import counted

__all__ = [
    "CampaignJson",
    "CountJson",
    "FaultFiguresJson",
    "GradeFiguresJson",
    "MarksJson",
    "MissJson",
    "TimesJson",
    "print_campaign",
]


class CountJson(Struct, kw_only=True, frozen=True):
    """So many `right`, of `total`."""

    right: int
    total: int


class MarksJson(Struct, kw_only=True, frozen=True):
    """Detection, localisation and root cause, as NIKA marks them (arXiv 2512.16381).

    Localisation leaves out faulty runs whose fault is at no hop, root cause those whose cause cannot be seen.
    """

    detection: CountJson
    localisation: CountJson
    root_cause: CountJson


class FaultFiguresJson(Struct, kw_only=True, frozen=True):
    """The runs of one true fault ("(healthy)"; "(no cause to be seen)" where 'unattributed' is right).

    `right`: runs with an expected verdict; `sufficient`: whose evidence suffices, `sufficient_right` of them right.
    `outcomes` and `grades`: how many runs ended so.
    """

    fault: str
    runs: int
    right: int
    sufficient: int
    sufficient_right: int
    outcomes: dict[str, int]
    grades: dict[str, int]


class GradeFiguresJson(Struct, kw_only=True, frozen=True):
    """The runs whose verdict has one grade; `named`: those that name a fault, `named_right` of them a right one."""

    grade: str
    runs: int
    named: int
    named_right: int


class TimesJson(Struct, kw_only=True, frozen=True):
    """Seconds of one step of a run: median, 95th percentile and longest."""

    median_s: float
    p95_s: float
    longest_s: float


class MissJson(Struct, kw_only=True, frozen=True):
    """A run to look at: not right though its evidence sufficed, or wrong whatever it was.

    `outcome`: right, located ('unattributed' at the right hop), silent (nothing claimed), mislocated, missed ('healthy'
    of a faulty run), wrong, accused, failed. `said`, `expected` and `withheld` are words; `reason`: why the run failed,
    or what the evidence lacks.
    """

    number: int
    scene: str
    second: str | None
    seed: int
    outcome: str
    said: str
    expected: str
    sufficient: bool
    withheld: str
    reason: str


class CampaignJson(Struct, kw_only=True, frozen=True):
    """What `lastseen lab campaign --json` prints.

    `runs` of `planned` were carried out, `failed` of them gave no verdict. `kinds`: how many were faulty, healthy, of
    two faults. `scenes`: how many different ones were shown. `sufficient`: runs whose evidence suffices, decided before
    diagnosis. `both_of_two_named`: runs with two faults that name both, where evidence suffices. `wrong`: another fault
    named first; `wrong_confirmed`: of those and of healthy runs, graded confirmed. `healthy`: healthy runs called so;
    `healthy_accused`: healthy runs in which a fault is named. `located_without_cause`: 'unattributed' at the right hop,
    where a cause could be named.
    """

    schema: Literal["lastseen.campaign/1"]
    seed: int
    planned: int
    runs: int
    failed: int
    kinds: dict[str, int]
    scenes: int
    sufficient: CountJson
    right_where_sufficient: CountJson
    marks: MarksJson
    marks_where_sufficient: MarksJson
    both_of_two_named: CountJson
    wrong: int
    wrong_confirmed: int
    healthy: CountJson
    healthy_accused: int
    located_without_cause: int
    outcomes: dict[str, int]
    by_fault: list[FaultFiguresJson]
    by_grade: list[GradeFiguresJson]
    recording: TimesJson
    diagnosing: TimesJson
    misses: list[MissJson]


def print_campaign(
    found: CampaignJson, *, console_width: int | None = None, stream: TextIO | None = None
) -> None:
    """Print the figures to `stream` (standard output); width and pipes as `print_diagnosis`."""
    page = Page(stream, console_width)
    answer = (
        f"{_share(found.right_where_sufficient)} right where the evidence suffices,"
        f" {counted(found.wrong_confirmed, 'wrong confirmation')},"
        f" {counted(found.healthy_accused, 'healthy run')} accused"
    )
    page.say((answer, "bold"))
    page.say((_runs(found), "dim"))
    page.heading("Marks, right of so many")
    page.raw(table_lines(("", ">all runs", ">evidence suffices"), _marks(found), page.width))
    page.heading("By grade")
    rows = [
        (g.grade, str(g.runs), str(g.named), _share(CountJson(right=g.named_right, total=g.named)))
        for g in found.by_grade
    ]
    page.raw(table_lines(("grade", ">runs", ">fault named", ">right one"), rows, page.width))
    page.heading("By true fault")
    page.raw(
        table_lines(
            ("fault", ">runs", ">suffices", ">right then", "other outcomes"), _faults(found), page.width
        )
    )
    if found.misses:
        page.heading("To look at")
        _misses(page, found)
    page.write()


def _runs(found: CampaignJson) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(found.kinds.items()))
    cut = f" of {found.planned} planned" if found.runs < found.planned else ""
    return (
        f"{counted(found.runs, 'run')}{cut} ({kinds}) of {counted(found.scenes, 'scene')}, seed {found.seed}; evidence "
        f"suffices in {_share(found.sufficient)}; {found.failed} failed; recording {found.recording.median_s:.1f} s, "
        f"diagnosis {found.diagnosing.median_s:.1f} s (medians)"
    )


def _marks(found: CampaignJson) -> list[tuple[str, str, str]]:
    both = ((found.marks, found.marks_where_sufficient),)
    rows = [
        (name, _share(getattr(every, field)), _share(getattr(enough, field)))
        for every, enough in both
        for name, field in (
            ("detection", "detection"),
            ("localisation", "localisation"),
            ("root cause", "root_cause"),
        )
    ]
    return [
        *rows,
        ("both of two faults named", "", _share(found.both_of_two_named)),
        ("healthy called healthy", _share(found.healthy), ""),
        ("unattributed at the right hop", str(found.located_without_cause), ""),
    ]


def _faults(found: CampaignJson) -> list[tuple[str, ...]]:
    return [
        (
            row.fault,
            str(row.runs),
            str(row.sufficient),
            _share(CountJson(right=row.sufficient_right, total=row.sufficient)),
            ", ".join(
                f"{number} {outcome}" for outcome, number in row.outcomes.items() if outcome != "right"
            ),
        )
        for row in found.by_fault
    ]


def _misses(page: Page, found: CampaignJson) -> None:
    for miss in found.misses:
        scenes = f"{miss.scene} and {miss.second}" if miss.second else miss.scene
        page.say((f"{miss.number} {scenes}, seed {miss.seed}: {miss.outcome}", "bold"))
        page.say(f"said {miss.said}; expected {miss.expected or 'nothing'}", indent=2)
        about = "; ".join(filter(None, (miss.withheld, miss.reason)))
        if about:
            page.say((about, "dim"), indent=2)


def _share(count: CountJson) -> str:
    """As in "57 of 60 (95.0 %)"."""
    if not count.total:
        return "-"
    return f"{count.right} of {count.total} ({100 * count.right / count.total:.1f} %)"
