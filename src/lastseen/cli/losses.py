"""`lastseen losses`: what became of the packets between captures of the same traffic."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["losses"]


def losses(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE FILE...",
            help="Captures of the same traffic at several points, in any order.",
            readable=False,
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.losses/1).")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop reading further files after so long.", min=0.0),
    ] = None,
) -> None:
    """Say for each hop and direction what was delivered, lost, unproven, delayed or rewritten."""
    from lastseen.cli.pipeline import deadline, matched, opened
    from lastseen.cli.progress import Progress
    from lastseen.report.jsons import encode, losses_json
    from lastseen.report.losses_text import print_losses

    with Progress() as progress, opened(files, progress, texts=False, expired=deadline(timeout)) as case:
        matching = matched(case, progress)
        if json:
            typer.echo(encode(losses_json(matching)))
        else:
            print_losses(matching, tuple(case.weirds))
        if not any(point.packets for point in matching.points) and not case.partial:
            raise typer.Exit(1)
