"""The terminal report of `lastseen connections`: one row a connection, all of them, in narrow columns."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, TextIO

from lastseen.report import sections
from lastseen.report.columns import table_lines
from lastseen.report.contracts import ConnectionJson, ConnectionsJson
from lastseen.report.jsons import connections_json
from lastseen.report.page import Page
from lastseen.report.wording import counted, duration, size
from lastseen.tables.points import Point
from lastseen.tables.sources import Weird

__all__ = ["print_connections"]

HEADER: Final = ("connection", "state", ">packets", ">bytes", ">time", "note")


def print_connections(
    points: Sequence[Point],
    weirds: Sequence[Weird] = (),
    *,
    found: ConnectionsJson | None = None,
    console_width: int | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print every connection to `stream` (standard output), file by file; width and pipes as `print_diagnosis`.

    Pairs are originator/responder. The note says what is unusual: a stall, repeated packets, holes, a tunnel.
    `found`: the connections chosen of the points'; None: all.
    """
    page = Page(stream, console_width)
    shown = connections_json(points) if found is None else found
    files = [(file, list(rows)) for file, rows in groupby(shown.connections, lambda c: c.file)]
    for number, (file, rows) in enumerate(files):
        if number:
            page.blank()
        page.say((file, "bold"), f": {counted(len(rows), 'connection')}")
        page.raw(table_lines(HEADER, [_cells(row) for row in rows], page.width))
    if not files:
        page.say("No TCP connection was found." if found is None else "No TCP connection fits --where.")
    sections.weirds(page, weirds)
    page.write()


def _cells(row: ConnectionJson) -> tuple[str, ...]:
    return (
        f"{row.a} > {row.b}",
        row.state,
        f"{row.packets[0]}/{row.packets[1]}",
        f"{size(row.bytes[0])}/{size(row.bytes[1])}",
        duration(row.duration_ns),
        _note(row),
    )


def _note(row: ConnectionJson) -> str:
    """What is unusual of a connection, "" for nothing."""
    said = [f"{row.stall} {duration(row.stall_ns)}"] if row.stall else []
    said += [f"{sum(row.retransmitted)} retransmitted"] if any(row.retransmitted) else []
    said += [f"{size(sum(row.holes))} bytes unseen"] if any(row.holes) else []
    said += [row.tunnel] if row.tunnel else []
    return ", ".join(said)
