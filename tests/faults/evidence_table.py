"""Which pieces of evidence tell which fault: measured by taking pieces away from the faults' own positive cases.

Nothing is read from the rules: each case is diagnosed with its captures alone, with one kind of text beside them, and
with as few kinds as keep the grade. What a row says is therefore what happened, in that case.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from written_cases import judgement

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis import Question, diagnose
from lastseen.diagnosis.assessing import KINDS
from lastseen.evidence.case import Case
from lastseen.faults import rules
from lastseen.faults.pages import page_of
from lastseen.lab.scene import shown_faults
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.judgements import Supported

__all__ = ["FAULTS", "page"]

FAULTS = Path(__file__).parents[2] / "src/lastseen/faults"
_GRADES = ("", "probable", "confirmed")
_HEAD = """# What tells which fault

Made from the positive cases beside the rules (`pytest tests/faults/test_evidence_table.py --update-golden`), by taking
evidence away. *Captures alone*: the grade without any text. *With one more kind*: kinds of text of which each, beside
the captures, makes it so. *Needed together*: as few kinds as give the best grade of the case, where no single kind
does. A fault may be told by other evidence too, of which there is no case; `lastseen explain FAULT` says which, and
`lastseen why CASE FAULT` says what is missing in a case at hand.

An asterisk: tried on packets that a script wrote, not on a recording or a scene of the lab.

| fault | captures alone | with one more kind | needed together |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a case tells: grades as places in `_GRADES`. `kinds`: those of its texts."""

    alone: int
    single: dict[str, int]
    whole: int
    together: tuple[str, ...]


def page() -> str:
    """The page, in Markdown."""
    return _HEAD + "".join(f"{_row(slug)}\n" for slug in sorted(rules()))


def _row(slug: str) -> str:
    told = [_told(slug, path) for path in sorted((FAULTS / slug / "cases/positive").glob("*/"))]
    alone, whole = max(one.alone for one in told), max(one.whole for one in told)
    single = {kind: max(one.single.get(kind, 0) for one in told) for one in told for kind in one.single}
    better = {kind: grade for kind, grade in sorted(single.items()) if grade > alone}
    together: tuple[str, ...] = ()
    if max((alone, *better.values())) < whole:
        together = min((one.together for one in told if one.whole == whole), key=lambda k: (len(k), k))
    cells = (
        f"`{slug}`{'' if page_of(slug).recorded or slug in shown_faults() else ' *'}",
        _GRADES[alone] or "-",
        "; ".join(_kinds_of_grade(better)) or "-",
        f"{_GRADES[whole]}: {' + '.join(_names(together))}" if together else "-",
    )
    return f"| {' | '.join(cells)} |"


def _kinds_of_grade(better: dict[str, int]) -> Iterable[str]:
    for grade in sorted(set(better.values()), reverse=True):
        kinds = [kind for kind, given in better.items() if given == grade]
        yield f"{_GRADES[grade]}: {', '.join(_names(kinds))}"


def _names(kinds: Iterable[str]) -> list[str]:
    return [KINDS[kind][0] for kind in kinds]


def _told(slug: str, path: Path) -> _Told:
    with Progress() as progress, opened([path], progress) as case:
        rows = list(case.rows)
        kinds = sorted({type(row).__name__ for row in rows})
        grade = lambda wanted: _grade(slug, case, rows, wanted)  # noqa: E731 - what a case says of some kinds
        whole, together = grade(kinds), list(kinds)
        for kind in kinds:
            fewer = [other for other in together if other != kind]
            if grade(fewer) == whole:
                together = fewer
        return _Told(
            alone=grade(()),
            single={kind: grade((kind,)) for kind in kinds},
            whole=whole,
            together=tuple(together),
        )


def _grade(slug: str, case: Case, rows: Sequence[Row], kinds: Iterable[str]) -> int:
    """What the fault's rule says of the case with these kinds of text only."""
    wanted = frozenset(kinds)
    case.rows[:] = [row for row in rows if type(row).__name__ in wanted]
    with Progress() as progress:
        found = diagnose(matched(case, progress), case.rows, case.details, question=Question())
    judged = judgement(found, slug)
    return 1 + judged.confirmed if isinstance(judged, Supported) else 0
