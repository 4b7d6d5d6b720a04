"""`lastseen timeline`: what every layer saw of a connection, one line an event, on one clock."""

from typing import Annotated

import typer

from lastseen.cli.options import CasesArgument, ConnectionOption, TargetOption, TimeZoneOption
from lastseen.cli.tables_out import TimeoutOption

__all__ = ["timeline"]

DEFAULT_SECONDS = 5.0
NOTHING_JUDGED = 1


def timeline(
    paths: CasesArgument,
    around: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="Only what happened around a moment: 'stall', a time as listed (22:04:54.7, with its date where the"
            " case is longer than a day), or seconds since the epoch.",
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(metavar="S", help="How far --around reaches before and after.", min=0.0),
    ] = DEFAULT_SECONDS,
    every: Annotated[
        bool, typer.Option("--all", help="List every packet, also long runs of delivered ones.")
    ] = False,
    connection: ConnectionOption = None,
    target: TargetOption = None,
    tz: TimeZoneOption = None,
    timeout: TimeoutOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.timeline/1).")
    ] = False,
) -> None:
    """List what happened on the connection of most concern: packets, system calls, kernel lines, drops, snapshots."""
    from lastseen.cli.pipeline import deadline, matched, opened, zone_shift_ns
    from lastseen.cli.progress import Progress
    from lastseen.report.timeline import chosen, moment_of, print_timeline, timeline_json

    moment_of(around, None)
    shift_ns = zone_shift_ns(tz) if tz else 0
    with Progress() as progress, opened(paths, progress, expired=deadline(timeout)) as case:
        from lastseen.diagnosis.facts_of import facts_of
        from lastseen.diagnosis.timeline import timeline as timeline_of
        from lastseen.tables.facts_from_texts import in_zone

        rows = [in_zone(row, shift_ns) for row in case.rows] if shift_ns else case.rows
        wanted = tuple(text for text in (connection, target) if text)
        facts, _ = facts_of(matched(case, progress), rows, case.details, wanted)
        found = timeline_of(facts, rows)
    found = chosen(found, around, seconds)
    if json:
        from lastseen.report.jsons import encode

        typer.echo(encode(timeline_json(found, partial=case.partial)))
    else:
        print_timeline(found, every=every, partial=case.partial)
    if not found.events and not case.rows:
        raise typer.Exit(NOTHING_JUDGED)
