"""`lastseen explain`: what is known of a fault, from its own folder."""

from typing import Annotated

import typer

__all__ = ["explain"]


def explain(
    fault: Annotated[str, typer.Argument(metavar="FAULT", help="A fault's name, see 'lastseen faults'.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell what a fault is, why it happens, what it leaves behind, how to confirm and how to mend it."""
    from lastseen.errors import LastseenError
    from lastseen.faults.pages import page_of, slugs
    from lastseen.lab.scene import shown_faults
    from lastseen.report.jsons import encode
    from lastseen.report.pages import PageJson

    if fault not in slugs():
        raise LastseenError(f"no fault is called {fault!r}; 'lastseen faults' lists them")
    page = page_of(fault)
    recorded = page.recorded or fault in shown_faults()
    if json:
        found = PageJson(fault=fault, title=page.title, text=page.text, recorded=recorded)
        typer.echo(encode(found))
        return
    typer.echo(page.text)
    if not recorded:
        typer.echo(
            "This rule was tried on packets that a script wrote, not on a recording or a scene of the lab."
        )
