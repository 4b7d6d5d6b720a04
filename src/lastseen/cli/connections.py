"""`lastseen connections`: one row a TCP connection."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["connections"]


def connections(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Captures (pcap, pcapng, .gz, .zst); - is stdin.", readable=False
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.connections/1).")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop reading further files after so long.", min=0.0),
    ] = None,
) -> None:
    """List the TCP connections of captures: who opened and closed, what is missing, who was kept waiting."""
    from lastseen.cli.pipeline import case_points, deadline, opened
    from lastseen.cli.progress import Progress
    from lastseen.report.connections_text import print_connections
    from lastseen.report.jsons import connections_json, encode

    with Progress() as progress, opened(files, progress, texts=False, expired=deadline(timeout)) as case:
        points = case_points(case)
        if json:
            typer.echo(encode(connections_json(points)))
        else:
            print_connections(points, tuple(case.weirds))
        if not any(point.packets for point in points) and not case.partial:
            raise typer.Exit(1)
