"""`lastseen diagnose`: a case in, the verdict with its proof out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lastseen.cli.memory import MemoryOption
from lastseen.cli.options import ConnectionOption, TargetOption, TimeZoneOption

__all__ = ["FailOn", "diagnose"]

NOTHING_JUDGED = 1
FAULT_SUPPORTED = 3


class FailOn(StrEnum):
    """What turns the exit status into 3."""

    supported = "supported"


def diagnose(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Case folders, archives of one (.tar.gz, .zip), captures and text files, in any mixture; - is stdin.",
            show_default=False,
            readable=False,  # one that is not is a weird beside the others
        ),
    ],
    connection: ConnectionOption = None,
    target: TargetOption = None,
    tz: TimeZoneOption = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Give the best verdict there is after so long.", min=0.0),
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with status 3 when a fault is supported.")
    ] = None,
    memory: MemoryOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.diagnosis/1).")
    ] = False,
) -> None:
    """Say why a request hung: what was felt, what is missing, where it was last seen, why, and what to change."""
    from lastseen.cli.answering import answered
    from lastseen.cli.pipeline import deadline, zone_shift_ns
    from lastseen.cli.progress import Progress

    shift = zone_shift_ns(tz) if tz else 0
    expired = deadline(timeout)
    with Progress() as progress:
        wanted = tuple(text for text in (connection, target) if text)
        answer = answered(paths, progress, wanted=wanted, shift_ns=shift, expired=expired, memory=memory)
    diagnosis = answer.diagnosis
    _show(diagnosis, json=json)
    if not answer.judged and not diagnosis.partial:
        raise typer.Exit(NOTHING_JUDGED)
    if fail_on is not None and diagnosis.verdict.grade in ("confirmed", "probable"):
        raise typer.Exit(FAULT_SUPPORTED)


def _show(diagnosis: object, *, json: bool) -> None:
    from lastseen.report.diagnosis_jsons import diagnosis_json
    from lastseen.report.jsons import encode
    from lastseen.report.text import print_diagnosis
    from lastseen.tables.diagnosis import Diagnosis

    assert isinstance(diagnosis, Diagnosis)  # noqa: S101 - keeps the heavy type out of --help
    if json:
        typer.echo(encode(diagnosis_json(diagnosis)))
    else:
        print_diagnosis(diagnosis)
