"""`lastseen diff`: two runs compared, before and after a fix, or a good one and a bad one."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["diff"]


def diff(
    first: Annotated[Path, typer.Argument(metavar="CASE", help="The first run.", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="CASE", help="The second run.", show_default=False)],
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.diff/1).")
    ] = False,
) -> None:
    """Say whether the fault of the first case is gone in the second, and what else changed between them."""
    from lastseen.cli.answering import judged
    from lastseen.diagnosis.compare import compare

    runs = [judged([path]) for path in (first, second)]
    difference = compare(*((run.diagnosis, run.rows) for run in runs))
    from lastseen.report.difference import difference_json, print_difference

    if json:
        from lastseen.report.jsons import encode

        typer.echo(encode(difference_json(difference)))
    else:
        print_difference(difference)
