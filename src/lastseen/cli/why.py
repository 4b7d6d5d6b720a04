"""`lastseen why`: why one fault was, or was not, found in a case, fact by fact."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["why"]


def why(
    case: Annotated[
        Path, typer.Argument(metavar="CASE", help="A case folder or archive.", show_default=False)
    ],
    fault: Annotated[str, typer.Argument(metavar="FAULT", help="A fault's name, see 'lastseen faults'.")],
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.why/1).")
    ] = False,
) -> None:
    """Say what speaks for a fault in this case, what speaks against it, and what is missing to tell."""
    from lastseen.cli.answering import judged
    from lastseen.errors import LastseenError
    from lastseen.faults.pages import slugs

    if fault not in slugs():
        raise LastseenError(f"no fault is called {fault!r}; 'lastseen faults' lists them")
    diagnosis = judged([case]).diagnosis
    judgement = next(j for j in diagnosis.judgements if j.fault == fault)
    if json:
        from lastseen.report.jsons import encode
        from lastseen.report.why import why_json

        typer.echo(encode(why_json(judgement, diagnosis.verdict)))
        return
    from lastseen.report.why import print_why

    print_why(judgement, diagnosis.verdict)
