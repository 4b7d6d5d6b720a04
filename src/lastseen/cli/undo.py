"""`lastseen undo`: take a remedy back, also weeks later."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lastseen.cli.around import YesOption
from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lastseen.hosts.journal import Recorded
    from lastseen.hosts.restore import Restored

__all__ = ["undo"]

NOT_ALL = 1


def undo(
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="Which remedy of --list; default: the last one.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Take back every remedy.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Only list the remedies that stand.")] = False,
    yes: YesOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.undo/1).")
    ] = False,
) -> None:
    """Take back what `fix` applied: the setting now, and the files that made it persistent."""
    import msgspec

    from lastseen.cli.around import agreed, to_width
    from lastseen.hosts.changes import describe
    from lastseen.remedies.undoing import kept

    standing = kept()
    lines = [
        f"{n}. {changes[0].about}: " + "; ".join(f"{describe(c.change)} on {c.place}" for c in changes)
        for n, changes in enumerate(standing, start=1)
    ]
    if show or not standing:
        said: dict[str, object] = {"schema": "lastseen.undo/1", "remedies": lines, "changes": []}
        typer.echo(msgspec.json.encode(said) if json else "\n".join(lines) or "no remedy stands")
        return
    if number is not None and not 1 <= number <= len(standing):
        raise LastseenError(f"{number}: there are 1 to {len(standing)}; see 'lastseen undo --list'")
    wanted = range(len(standing)) if everything else [(number or len(standing)) - 1]
    agreed(["Take back:", *(f"  {lines[n]}" for n in wanted)], yes=yes)
    results, stopped = _taken_back([standing[n] for n in reversed(wanted)])
    if json:
        said = {
            "schema": "lastseen.undo/1",
            "remedies": lines,
            "changes": [str(result) for result in results],
        }
        typer.echo(msgspec.json.encode(said))
    else:
        typer.echo("\n".join(to_width(map(str, results), sys.stdout)))
    if stopped:
        typer.echo("lastseen: what is not named above still stands; 'lastseen undo' takes it back", err=True)
        raise KeyboardInterrupt
    if any(result.state is None for result in results):
        raise typer.Exit(NOT_ALL)


def _taken_back(remedies: "Iterable[list[Recorded]]") -> "tuple[list[Restored], bool]":
    """What was taken back, and whether a signal came before all was."""
    from lastseen.hosts.interrupts import interruptible
    from lastseen.remedies.undoing import undo as take_back

    results: list[Restored] = []
    with interruptible():
        try:
            for changes in remedies:
                results.extend(take_back(changes))  # one by one: those before a signal are in it
        except KeyboardInterrupt:
            return results, True
    return results, False
