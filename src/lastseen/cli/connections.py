"""`lastseen connections`: one row a TCP connection."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastseen.cli.memory import MemoryOption, spill_within
from lastseen.cli.tables_out import CsvOption, Output, ParquetOption, Table, TimeoutOption

if TYPE_CHECKING:
    from lastseen.cli.progress import Progress
    from lastseen.evidence.case import Case
    from lastseen.report.contracts import ConnectionsJson
    from lastseen.report.where import Expression
    from lastseen.scale.spill import Spill
    from lastseen.tables.points import Point

__all__ = ["connections"]


def connections(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Captures (pcap, pcapng, .gz, .zst) or listings of tshark and tcpdump; - is stdin.",
            readable=False,
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.connections/1).")
    ] = False,
    csv: CsvOption = False,
    parquet: ParquetOption = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help="Only the connections that fit, in Wireshark's display-filter names and the columns of --csv. src"
            " is the originator; a pair (fin, bytes, ...) fits if either side does, fin_a is one side. A wrong name"
            " lists all names.",
        ),
    ] = None,
    timeout: TimeoutOption = None,
    memory: MemoryOption = None,
) -> None:
    """List the TCP connections of captures: who opened and closed, what is missing, who was kept waiting."""
    from lastseen.cli.pipeline import case_points, deadline, opened
    from lastseen.cli.progress import Progress

    output = Output(json=json, csv=csv, parquet=parquet)
    output.check(files)
    wanted = None if where is None else _parsed(where)
    with (
        Progress() as progress,
        spill_within(memory) as spill,
        opened(files, progress, texts=False, expired=deadline(timeout), sink=spill) as case,
    ):
        from lastseen.report.jsons import connections_json

        points = case_points(case) if spill is None else _spilled_points(case, spill, progress)
        found = connections_json(points, weirds=case.weirds, partial=case.partial)
        if wanted is not None:
            from lastseen.report.tabular import connections_where

            found = connections_where(found, wanted)
        if not output.write(found, lambda: _table(found)):
            from lastseen.report.connections_text import print_connections

            print_connections(points, tuple(case.weirds), found=found if where is not None else None)
        if not any(point.packets for point in points) and not case.partial:
            raise typer.Exit(1)


def _parsed(where: str) -> "Expression":
    """The filter, whose mistakes are told before anything is read."""
    from lastseen.report.tabular import CONNECTION_FIELDS
    from lastseen.report.where import parse

    return parse(where, CONNECTION_FIELDS)


def _table(found: "ConnectionsJson") -> Table:
    from lastseen.report.tabular import CONNECTION_COLUMNS, connection_rows

    return CONNECTION_COLUMNS, connection_rows(found)


def _spilled_points(case: "Case", spill: "Spill", progress: "Progress") -> "list[Point]":
    from lastseen.scale.connections import spilled_points

    return spilled_points(case.captures, spill, progress)
