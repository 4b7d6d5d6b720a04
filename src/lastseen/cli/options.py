"""What several commands take: the evidence, which connection is meant, and which zone local times are in."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["CasesArgument", "ConnectionOption", "TargetOption", "TimeZoneOption"]

CasesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="CASE...", help="Case folders, archives, captures and text files.", readable=False
    ),
]
ConnectionOption = Annotated[
    str | None,
    typer.Option(metavar="ENDPOINT", help="Only the connection with this end, e.g. 10.0.0.5:46518."),
]
TargetOption = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="Only connections with this address, port or address:port."),
]
TimeZoneOption = Annotated[
    str | None,
    typer.Option(metavar="ZONE", help="Time zone of logs that do not say theirs, e.g. +02:00."),
]
