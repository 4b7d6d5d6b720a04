"""The terminal report and JSON of `lastseen evidence`: what was read, what it is good for, what is missing."""

from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from lastseen.report import sections
from lastseen.report.columns import table_lines
from lastseen.report.contracts import CaseEvidenceJson, QuestionJson, ReadFileJson, TellingJson
from lastseen.report.jsons import weird_json
from lastseen.report.page import Page
from lastseen.report.wording import clean, counted
from lastseen.tables.assessments import Assessment
from lastseen.tables.counted import counted_of
from lastseen.tables.sources import EvidenceFile, Weird

__all__ = ["evidence_json", "print_evidence"]


def evidence_json(
    found: Assessment, files: Sequence[EvidenceFile], weirds: Sequence[Weird], *, partial: bool
) -> CaseEvidenceJson:
    """The JSON object."""
    bad = _not_understood(weirds)
    return CaseEvidenceJson(
        schema="lastseen.evidence/1",
        files=[
            ReadFileJson(
                file=file.file,
                kind=file.kind,
                node=file.node,
                snapshot=file.snapshot,
                lines=file.lines,
                rows=file.rows,
                not_understood=bad[file.file],
                tells=found.tells.get(file.file, {}),
            )
            for file in files
        ],
        can_tell=[
            TellingJson(
                kind=one.kind, rows=one.rows, files=one.files, proves=one.proves, not_prove=one.not_prove
            )
            for one in found.can_tell
        ],
        questions=[
            QuestionJson(question=one.question, answered_by=list(one.answered_by), missing=list(one.missing))
            for one in found.questions
        ],
        weirds=[weird_json(weird) for weird in weirds],
        partial=partial,
    )


def print_evidence(
    found: Assessment,
    files: Sequence[EvidenceFile],
    weirds: Sequence[Weird],
    *,
    partial: bool = False,
    console_width: int | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print it to `stream` (standard output); width and pipes as `print_diagnosis`."""
    page = Page(stream, console_width)
    known = [file for file in files if file.kind is not None]
    page.say((f"{counted(len(files), 'file')}, {len(known)} recognised", "bold"))
    if partial:
        page.say(("Partial: the time was up before everything was read.", "yellow"))
    page.blank()
    _files(page, known, _not_understood(weirds))
    unknown = [file.file for file in files if file.kind is None]
    if unknown:
        page.heading("Not recognised")
        for name in unknown:
            page.say(name, label="* ", indent=2)
    page.heading("What it proves, and what it does not")
    for one in found.can_tell:
        page.say(
            (counted_of(one.rows, one.kind), "bold"),
            f" in {counted(one.files, 'file')}: {one.proves}; not {one.not_prove}",
            label="* ",
            indent=2,
        )
    for question in found.questions:
        page.heading(question.question)
        for text in question.answered_by:
            page.say(text, label="+ ", indent=2)
        for text in question.missing:
            page.say(("missing: ", "yellow"), text, label="- ", indent=2)
    sections.weirds(page, weirds)
    page.write()


def _files(page: Page, files: Sequence[EvidenceFile], bad: Counter[str]) -> None:
    header = ("file", "read as", "node", "snapshot", ">lines", ">rows", ">not understood")
    rows = [
        (
            clean(file.file),
            str(file.kind),
            clean(file.node),
            file.snapshot,
            str(file.lines or ""),
            str(file.rows or ""),
            str(bad[file.file] or ""),
        )
        for file in files
    ]
    page.raw(table_lines(header, rows, page.width))


def _not_understood(weirds: Sequence[Weird]) -> Counter[str]:
    """Lines or packets of each file that could not be read as expected."""
    found: Counter[str] = Counter()
    for weird in weirds:
        found[weird.file] += weird.count
    return found
