"""The terminal report of `lastseen diagnose`: the answer first, then the path, the proof, the cure and the rest."""

from typing import TextIO

from lastseen.report import sections
from lastseen.report.first_screen import answer
from lastseen.report.page import Page
from lastseen.report.picture import draw_path
from lastseen.tables.diagnosis import Diagnosis

__all__ = ["print_diagnosis"]


def print_diagnosis(
    diagnosis: Diagnosis, console_width: int | None = None, *, stream: TextIO | None = None
) -> None:
    """Print the report to `stream` (standard output), `console_width` columns wide.

    Without a width it is the terminal's, or 80 where the stream is none. A closed pipe raises BrokenPipeError.
    """
    page = Page(stream, console_width)
    answer(page, diagnosis)
    draw_path(page, diagnosis)
    sections.evidence(page, diagnosis)
    sections.losses(page, diagnosis.matching, diagnosis.quotes)
    sections.connections_ranked(page, diagnosis)
    sections.contrasts(page, diagnosis.contrasts)
    sections.exonerated(page, diagnosis)
    sections.considered(page, diagnosis)
    sections.remedies(page, diagnosis.remedies)
    sections.next_steps(page, diagnosis.next)
    sections.notes(page, diagnosis)
    sections.weirds(page, diagnosis.weirds)
    sections.files(page, diagnosis)
    page.write()
