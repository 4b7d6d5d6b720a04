"""`lastseen isolate`: which combination of client, origin, target, setting it takes to make it hang."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastseen.cli.around import RemoteOption, TargetOption, YesOption
from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from lastseen.live.isolate import Answer, Cell, Factors

__all__ = ["isolate"]


def isolate(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="-- COMMAND...", help="With {NAME} where a factor's level goes.", show_default=False
        ),
    ],
    factor: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LEVEL,LEVEL", help="A factor and its levels; repeatable."),
    ] = None,
    factors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The same in a file, one factor a line.", readable=False),
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", help="Runs of each combination.", min=1, max=1000)] = 5,
    slow: Annotated[
        float, typer.Option(metavar="SECONDS", help="What takes longer is slow.", min=0.01)
    ] = 3.0,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="End a run after so long; it counts as slow.", min=0.1)
    ] = 70.0,
    capture: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Watch each run as 'run' does, a case each in this folder, and say why.",
            readable=False,
        ),
    ] = None,
    target: TargetOption = "",
    remote: RemoteOption = "",
    yes: YesOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.isolate/1).")
    ] = False,
) -> None:
    """Run a command in every combination of some factors and say the smallest combination that hangs or fails.

    Chance failures do not deceive it: every combination is repeated, those whose runs disagree twice as often, and
    a combination counts only where it is bad clearly more often than the rest. Where there are more than 64, pairs of
    levels are covered first, then one factor at a time is changed.
    """
    import msgspec

    from lastseen.cli.around import say
    from lastseen.cli.captured_runs import CapturedRuns
    from lastseen.hosts.host import HERE
    from lastseen.hosts.interrupts import interruptible
    from lastseen.hosts.journal import Session
    from lastseen.hosts.probing import probe
    from lastseen.live.command import try_once
    from lastseen.live.isolate import Combination, Outcome, conclude, experiment, filled, parsed_factors

    given = parsed_factors([*_lines(factors), *(factor or ())])
    session, here = Session.begin(), probe(HERE)
    watched = None
    if capture is not None:
        watched = CapturedRuns(
            folder=capture, here=here, session=session, target=target, remote=remote, timeout=timeout
        )
        watched.agree(filled(command, given, tuple(levels[0] for levels in given.values())), yes=yes)

    def run(combination: Combination) -> Outcome:
        words = filled(command, given, combination)
        ended = (
            watched.run(words, combination) if watched else try_once(words, session, here, longest_s=timeout)
        )
        outcome: Outcome = "slow" if ended.seconds > slow else "failed" if ended.status != 0 else "fast"
        if watched:
            watched.ended(outcome)
        say(f"{' '.join(combination)}: {outcome}, {ended.seconds:.2f} s")
        return outcome

    with interruptible():
        cells, reduced = experiment(given, run, repeats=repeats)
    answer = conclude(given, cells)
    why = watched.why(given, answer) if watched else None
    if json:
        typer.echo(msgspec.json.encode(_as_object(answer, given, cells, reduced=reduced, why=why)))
    else:
        typer.echo("\n".join(_told(answer, given, cells, reduced=reduced, why=why)))


Why = tuple[Path, str] | None
"""A case of the bad combination and its verdict."""


def _as_object(
    answer: "Answer", given: "Factors", cells: "Sequence[Cell]", *, reduced: bool, why: Why
) -> dict[str, object]:
    """The same for --json, schema lastseen.isolate/1."""
    return {
        "schema": "lastseen.isolate/1",
        "verdict": answer,
        "cells": [
            {"levels": dict(zip(given, c.combination, strict=True)), "outcomes": c.outcomes} for c in cells
        ],
        "reduced_plan": reduced,
        "case": str(why[0]) if why else None,
        "why": why[1] if why else None,
    }


def _told(
    answer: "Answer", given: "Factors", cells: "Sequence[Cell]", *, reduced: bool, why: Why
) -> Iterator[str]:
    """The verdict, the table with the worst combination first, and what to try next."""
    yield answer.text
    yield f"\n{'  '.join(f'{name:12}' for name in given)}  fast  slow  failed"
    for cell in sorted(cells, key=lambda c: c.count("fast") / len(c.outcomes)):
        counts = f"{cell.count('fast'):4}  {cell.count('slow'):4}  {cell.count('failed'):6}"
        yield f"{'  '.join(f'{level:12}' for level in cell.combination)}  {counts}"
    if reduced:
        yield "\nNot all combinations were run: every pair of levels, and what differs in one factor."
    yield f"\nNext: {answer.next_factor}"
    if why:
        yield f"Why:  {why[1]} ({why[0]})"


def _lines(file: Path | None) -> list[str]:
    """The factors of a file: a line each, # begins a comment."""
    if file is None:
        return []
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LastseenError(
            f"--factors {file}: cannot be read ({error}); expected NAME=LEVEL,LEVEL lines"
        ) from error
    return [text for line in lines if (text := line.partition("#")[0].strip())]
