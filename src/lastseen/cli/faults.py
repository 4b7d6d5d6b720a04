"""`lastseen faults`: the list of what can be recognised."""

from typing import Annotated

import typer

__all__ = ["faults"]


def faults(
    matching: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only faults whose page has this text.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the faults lastseen can recognise."""
    from lastseen.faults.pages import page_of, slugs
    from lastseen.lab.scene import shown_faults
    from lastseen.report.jsons import encode
    from lastseen.report.pages import FaultsJson, ListedJson

    wanted = (matching or "").casefold()
    found = [(slug, page_of(slug)) for slug in slugs()]
    shown = shown_faults()
    recorded = {slug for slug, page in found if page.recorded or slug in shown}
    found = [(slug, page) for slug, page in found if wanted in f"{slug}\n{page.text}".casefold()]
    if json:
        rows = [ListedJson(fault=slug, title=page.title, recorded=slug in recorded) for slug, page in found]
        typer.echo(encode(FaultsJson(faults=rows)))
        return
    for slug, page in found:
        typer.echo(f"{slug:28}{' ' if slug in recorded else '*'}{page.title}")
    if any(slug not in recorded for slug, _ in found):
        typer.echo("* tried on packets that a script wrote, not on a recording or a scene of the lab")
