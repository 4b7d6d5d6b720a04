"""`lastseen`: the program. Turns mistakes into one line and an exit status, and leaves no traceback to a user.

Exit status: 0 it ran, whatever it found; 1 something was recognised, but nothing in it could be judged; 2 wrong
usage or nothing readable; 3 with `--fail-on supported`, a fault is supported; 130 interrupted.

Typer without Rich markup, and no heavy import at the top: `--help` must answer at once.
"""

import os
import sys
from typing import Annotated

import typer

from lastseen import __version__
from lastseen.cli.connections import connections
from lastseen.cli.diagnose import diagnose
from lastseen.cli.explain import explain
from lastseen.cli.faults import faults
from lastseen.cli.losses import losses
from lastseen.cli.schema import schema
from lastseen.errors import LastseenError

__all__ = ["app", "main"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""

app = typer.Typer(
    name="lastseen",
    help="Why did this request hang, and what do I change?",
    epilog="Example: lastseen diagnose case-folder/",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - Typer's callback
    if asked:
        typer.echo(f"lastseen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[  # noqa: ARG001 - answered by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Why did this request hang, and what do I change?"""


app.command(epilog="Example: lastseen diagnose case-folder/ --json")(diagnose)
app.command(epilog="Example: lastseen connections tap.pcap")(connections)
app.command(epilog="Example: lastseen losses tunnel.pcap tap.pcap")(losses)
app.command(epilog="Example: lastseen explain ovs_conntrack_padding")(explain)
app.command(epilog="Example: lastseen faults --matching checksum")(faults)
app.command(epilog="Example: lastseen schema diagnosis")(schema)


def main() -> None:
    """Run the command line and exit."""
    try:
        app()
    except LastseenError as error:
        print(f"lastseen: {_one_line(str(error))}", file=sys.stderr)  # noqa: T201 - the program's own error
        sys.exit(2)
    except KeyboardInterrupt:
        print("lastseen: interrupted", file=sys.stderr)  # noqa: T201 - the program's own word
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # the reader (`| head`) has had enough; keep the interpreter from complaining when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _one_line(text: str) -> str:
    """Without line breaks or control characters: names in messages come from files."""
    return "".join(c if c.isprintable() else " " for c in text)
