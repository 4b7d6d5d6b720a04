"""`lastseen evidence`: what was read of a case, what it can prove, and what is missing for which question."""

from typing import Annotated

import typer

from lastseen.cli.options import CasesArgument
from lastseen.cli.tables_out import TimeoutOption

__all__ = ["evidence"]


def evidence(
    paths: CasesArgument,
    timeout: TimeoutOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.evidence/1).")
    ] = False,
) -> None:
    """Say what was recognised, how much of it was understood, what it can and cannot prove, and what is missing."""
    from lastseen.cli.pipeline import deadline, matched, opened
    from lastseen.cli.progress import Progress
    from lastseen.report.evidence import evidence_json, print_evidence

    with Progress() as progress, opened(paths, progress, expired=deadline(timeout)) as case:
        from lastseen.diagnosis.assessing import assessed
        from lastseen.diagnosis.facts_of import facts_of

        facts, _ = facts_of(matched(case, progress), case.rows, case.details)
        progress("judging what is known")
        found = assessed(facts, case.rows)
    if json:
        from lastseen.report.jsons import encode

        typer.echo(encode(evidence_json(found, case.files, case.weirds, partial=case.partial)))
    else:
        print_evidence(found, case.files, case.weirds, partial=case.partial)
