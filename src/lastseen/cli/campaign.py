"""`lastseen lab campaign`: how often the diagnosis is right, measured on networks that really fail."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastseen.cli.around import YesOption, agreed

if TYPE_CHECKING:
    from lastseen.lab.campaign.plan import Plan
    from lastseen.lab.campaign.running import Result
    from lastseen.report.campaign import CampaignJson

__all__ = ["agree_to", "campaign"]

INTERRUPTED = 130


def campaign(
    runs: Annotated[int, typer.Option(metavar="N", min=1, help="How many runs.")] = 40,
    jobs: Annotated[int, typer.Option(metavar="J", min=1, help="How many at a time.")] = 2,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed draws the same campaign.")] = 1,
    scenes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these scenes; default: all that can run.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="N,M", help="Only the runs with these numbers, to see them again.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the cases of the runs that were missed.")
    ] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="With --keep: those of all runs.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the JSON object to this file, too.", dir_okay=False),
    ] = None,
    yes: YesOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.campaign/1).")
    ] = False,
) -> None:
    """Record drawn scenes, withhold evidence, diagnose each with `lastseen diagnose`, and score the verdicts."""
    from lastseen.cli.progress import Progress
    from lastseen.lab.campaign.running import Keep, carry_out
    from lastseen.report.campaign import print_campaign
    from lastseen.report.jsons import encode

    if keep_all and keep is None:
        raise typer.BadParameter("--keep-all needs --keep FOLDER")
    plans = _chosen(_plans(seed, runs, scenes), only)
    agree_to({name for plan in plans for name in plan.scenes}, yes=yes)
    done: list[Result] = []
    with Progress() as progress:

        def told(result: "Result") -> None:
            done.append(result)
            missed = sum(result.missed for result in done)
            progress(f"{len(done)} of {len(plans)} runs, {missed} to look at")

        progress(f"{len(plans)} runs")
        results = carry_out(plans, jobs=jobs, keep=Keep(keep, every=keep_all) if keep else None, told=told)
    found = _figures(results, seed, len(plans))
    if out:
        out.write_bytes(encode(found) + b"\n")
    if json:
        typer.echo(encode(found))
    else:
        print_campaign(found)
    if len(results) < len(plans):
        raise typer.Exit(INTERRUPTED)


def agree_to(scenes: Iterable[str], *, yes: bool) -> None:
    """Show what these scenes change outside their own namespaces, and wait for a yes.

    Raises LastseenError without one, and for a name that is no scene's.
    """
    from lastseen.lab.machine import changes
    from lastseen.lab.scene import scene_of

    lines = [f"{name}: {line}" for name in sorted(scenes) for line in changes(scene_of(name))]
    if lines:
        agreed([*lines, "and set it back at the end"], yes=yes)


def _plans(seed: int, runs: int, scenes: str | None) -> "tuple[Plan, ...]":
    import os

    from lastseen.lab.campaign.plan import drawn, stock_of
    from lastseen.lab.sandbox import ROOT
    from lastseen.lab.scene import scene_of
    from lastseen.lab.scene import scenes as every

    wanted = [name.strip() for name in scenes.split(",")] if scenes else []
    for name in wanted:
        scene_of(name)  # a wrong name is said before anything runs
    return drawn(seed, runs, stock_of(every(), wanted, root=os.geteuid() == ROOT))


def _chosen(plans: "tuple[Plan, ...]", only: str | None) -> "tuple[Plan, ...]":
    if only is None:
        return plans
    try:
        numbers = {int(number) for number in only.split(",")}
    except ValueError as error:
        raise typer.BadParameter(f"--only wants numbers of runs, such as 3,17, not {only!r}") from error
    chosen = tuple(plan for plan in plans if plan.number in numbers)
    if not chosen:
        raise typer.BadParameter(f"--only names no run of {len(plans)}; --runs says how many are drawn")
    return chosen


def _figures(results: "list[Result]", seed: int, planned: int) -> "CampaignJson":
    from dataclasses import asdict

    import msgspec

    from lastseen.lab.campaign.summary import summary
    from lastseen.report.campaign import CampaignJson

    figures = asdict(summary(results, seed=seed, planned=planned))
    return msgspec.convert({"schema": "lastseen.campaign/1"} | figures, CampaignJson)
