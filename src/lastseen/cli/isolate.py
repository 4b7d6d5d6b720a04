"""`lastseen isolate`: which combination of client, origin, target, setting it takes to make it hang."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastseen.cli.around import RemoteOption, TargetOption, YesOption
from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from lastseen.live.isolate import Answer, Cell, Factors

__all__ = ["isolate"]


CommandArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="-- COMMAND...", help="With {NAME} where a factor's level goes.", show_default=False
    ),
]
FactorOption = Annotated[
    list[str] | None,
    typer.Option("--factor", metavar="NAME=LEVEL,LEVEL", help="A factor and its levels; repeatable."),
]
FactorsOption = Annotated[
    Path | None,
    typer.Option("--factors", metavar="FILE", help="The same in a file, one factor a line.", readable=False),
]
RepeatsOption = Annotated[
    int, typer.Option("--repeats", metavar="N", help="Runs of each combination.", min=1, max=1000)
]
SlowOption = Annotated[
    float, typer.Option("--slow", metavar="SECONDS", help="What takes longer is slow.", min=0.01)
]
LongestOption = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", help="End a run after so long; it counts as slow.", min=0.1),
]
CaptureOption = Annotated[
    Path | None,
    typer.Option(
        "--capture",
        metavar="FOLDER",
        help="Watch each run as 'run' does, a case each in this folder, and say why.",
        readable=False,
    ),
]
OwnJsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object (schema lastseen.isolate/1).")
]


def isolate(
    command: CommandArgument,
    factor: FactorOption = None,
    factors: FactorsOption = None,
    repeats: RepeatsOption = 5,
    slow: SlowOption = 3.0,
    timeout: LongestOption = 70.0,
    capture: CaptureOption = None,
    target: TargetOption = "",
    remote: RemoteOption = "",
    yes: YesOption = False,
    json: OwnJsonOption = False,
) -> None:
    """Run a command in every combination of some factors and say the smallest combination that hangs or fails.

    Chance failures do not deceive it: every combination is repeated, those whose runs disagree twice as often, and
    a combination counts only where it is bad clearly more often than the rest. Where there are more than 64, pairs of
    levels are covered first, then one factor at a time is changed. Ctrl-C ends it, and what was run so far is judged.
    """
    import msgspec

    from lastseen.cli.around import watching
    from lastseen.cli.factor_runs import CapturedRuns, FactorRuns
    from lastseen.hosts.host import HERE
    from lastseen.hosts.probing import probe
    from lastseen.live.isolate import conclude, experiment, parsed_factors

    given, here = parsed_factors([*_lines(factors), *(factor or ())]), probe(HERE)
    captured = CapturedRuns(folder=capture, here=here, target=target, remote=remote) if capture else None
    runs = FactorRuns(command=command, given=given, here=here, slow=slow, timeout=timeout, captured=captured)
    runs.agree(yes=yes)
    with watching(capture) as session:
        cells, reduced = experiment(given, partial(runs.outcome, session), repeats=repeats)
    if not cells:
        raise typer.Abort
    answer = conclude(given, cells)
    result = _Result(
        answer=answer, given=given, cells=cells, reduced=reduced, why=runs.why(answer), stopped=runs.stopped
    )
    typer.echo(msgspec.json.encode(_as_object(result)) if json else "\n".join(_told(result)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What there is to tell. `why`: a case of the bad combination and its verdict; `stopped`: before all was run."""

    answer: "Answer"
    given: "Factors"
    cells: "Sequence[Cell]"
    reduced: bool
    why: tuple[Path, str] | None
    stopped: bool


def _as_object(result: _Result) -> dict[str, object]:
    """The same for --json, schema lastseen.isolate/1."""
    given, why = result.given, result.why
    return {
        "schema": "lastseen.isolate/1",
        "verdict": result.answer,
        "cells": [
            {"levels": dict(zip(given, cell.combination, strict=True)), "outcomes": cell.outcomes}
            for cell in result.cells
        ],
        "reduced_plan": result.reduced,
        "stopped": result.stopped,
        "case": str(why[0]) if why else None,
        "why": why[1] if why else None,
    }


def _told(result: _Result) -> Iterator[str]:
    """The verdict, the table with the worst combination first, and what to try next."""
    yield result.answer.text
    yield f"\n{'  '.join(f'{name:12}' for name in result.given)}  fast  slow  failed"
    for cell in sorted(result.cells, key=lambda c: c.count("fast") / len(c.outcomes)):
        counts = f"{cell.count('fast'):4}  {cell.count('slow'):4}  {cell.count('failed'):6}"
        yield f"{'  '.join(f'{level:12}' for level in cell.combination)}  {counts}"
    if result.stopped:
        yield "\nIt was stopped before all was run: this is what was seen so far."
    if result.reduced:
        yield "\nNot all combinations were run: every pair of levels, and what differs in one factor."
    yield f"\nNext: {result.answer.next_factor}"
    if result.why:
        yield f"Why:  {result.why[1]} ({result.why[0]})"


def _lines(file: Path | None) -> list[str]:
    """The factors of a file: a line each, # begins a comment."""
    if file is None:
        return []
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise LastseenError(
            f"--factors {file}: cannot be read ({why}); expected NAME=LEVEL,LEVEL lines"
        ) from error
    return [text for line in lines if (text := line.partition("#")[0].strip())]
