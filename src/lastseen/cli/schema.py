"""`lastseen schema`: the JSON Schema of a command's `--json` output."""

from typing import Annotated

import typer

__all__ = ["schema"]


def schema(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="diagnosis, losses, connections, timeline, evidence or campaign."
        ),
    ],
    json: Annotated[  # noqa: ARG001 - every command takes it; a schema is JSON anyway
        bool, typer.Option("--json", help="Accepted; the schema is JSON anyway.")
    ] = False,
) -> None:
    """Print the JSON Schema of what a command prints with --json."""
    import msgspec

    from lastseen.report.schemas import schema as schema_of

    typer.echo(msgspec.json.format(msgspec.json.encode(schema_of(name)), indent=2).decode())
