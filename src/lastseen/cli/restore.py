"""`lastseen restore`: bring back what an interrupted run left changed."""

from typing import Annotated

import typer

__all__ = ["restore"]

NOT_ALL = 1


def restore(
    show: Annotated[bool, typer.Option("--show", help="Only list what is changed; restore nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Bring every setting, process and file back that a killed or cut-off run left changed.

    Needed only after kill -9 or a power loss: every other end of a run restores by itself. Doing it twice does no
    harm. Exit status 1: something could not be restored (yet); it is said why.
    """
    from lastseen.hosts.changes import describe
    from lastseen.hosts.journal import left_behind, recorded
    from lastseen.hosts.restore import restore as put_back

    running = [change for change in recorded() if change.is_open and change.alive]
    if show:
        lines = [f"changed: {describe(change.change)} on {change.place}" for change in left_behind()]
        failed = False
    else:
        done = put_back()
        lines = [str(result) for result in done]
        failed = any(result.state is None for result in done)
    used = sorted({change.session for change in running})
    if json:
        import msgspec

        said = {"schema": "lastseen.restore/1", "changes": lines, "all_restored": not failed, "running": used}
        typer.echo(msgspec.json.encode(said))
    else:
        typer.echo("\n".join(lines) or "nothing is left changed")
        if used:
            typer.echo(f"{len(used)} lastseen still running: its changes are left to it", err=True)
    if failed:
        raise typer.Exit(NOT_ALL)
