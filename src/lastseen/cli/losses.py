"""`lastseen losses`: what became of the packets between captures of the same traffic."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastseen.cli.memory import MemoryOption, check_within, room_within
from lastseen.cli.tables_out import CsvOption, Output, ParquetOption, Table, TimeoutOption

if TYPE_CHECKING:
    from lastseen.report.contracts import LossesJson
    from lastseen.report.where import Expression

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
    csv: CsvOption = False,
    parquet: ParquetOption = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help="Only the lost packets of connections that fit, in Wireshark's display-filter names and the columns"
            " of --csv; src is the client. Points and hops are still counted over all packets. A wrong name lists"
            " all names.",
        ),
    ] = None,
    timeout: TimeoutOption = None,
    memory: MemoryOption = None,
) -> None:
    """Say for each hop and direction what was delivered, lost, unproven, delayed or rewritten."""
    from lastseen.cli.pipeline import deadline, matched, opened
    from lastseen.cli.progress import Progress

    output = Output(json=json, csv=csv, parquet=parquet)
    output.check(files)
    wanted = None if where is None else _parsed(where)
    room = room_within(memory)
    with (
        Progress() as progress,
        opened(files, progress, texts=False, expired=deadline(timeout), room=room, analysed=False) as case,
    ):
        from lastseen.matching.quoted import quotes_of_losses
        from lastseen.matching.related import related_connections
        from lastseen.matching.timed import timed_connections
        from lastseen.report.jsons import losses_json

        check_within(memory, case)
        matching = matched(case, progress)
        related = related_connections(matching, case.details)
        timed = timed_connections(matching, case.details, related)
        quotes = quotes_of_losses(matching, case.details)
        found = losses_json(
            matching, weirds=case.weirds, partial=case.partial, related=related, quotes=quotes, timed=timed
        )
        if wanted is not None:
            from lastseen.report.tabular import losses_where

            found = losses_where(found, wanted)
        if not output.write(found, lambda: _table(found)):
            from lastseen.report.losses_text import print_losses

            chosen = found if where is not None else None
            print_losses(
                matching, tuple(case.weirds), found=chosen, related=related, quotes=quotes, timed=timed
            )
        if not any(point.packets for point in matching.points) and not case.partial:
            raise typer.Exit(1)


def _parsed(where: str) -> "Expression":
    """The filter, whose mistakes are told before anything is read."""
    from lastseen.report.tabular import LOSS_FIELDS
    from lastseen.report.where import parse

    return parse(where, LOSS_FIELDS)


def _table(found: "LossesJson") -> Table:
    from lastseen.report.tabular import LOSS_COLUMNS, loss_rows

    return LOSS_COLUMNS, loss_rows(found)
