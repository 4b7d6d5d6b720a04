"""`lastseen`: the program. Turns mistakes into one line and an exit status, and leaves no traceback to a user.

Exit status: 0 it ran, whatever it found; 1 something was recognised, but nothing in it could be judged; 2 wrong
usage or nothing readable; 3 with `--fail-on supported`, a fault is supported; 130 interrupted.

Typer without Rich markup, and no heavy import at the top: `--help` must answer at once.
"""

import atexit
import errno
import gc
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any, Final

import typer

from lastseen import __version__
from lastseen.cli.reminder import remind
from lastseen.errors import LastseenError

__all__ = ["app", "main"]

WRONG_USAGE = 2
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""
GC_THRESHOLD = 200_000
"""New objects between collections: importing all that a command needs makes a hundred thousand that stay; looking for
garbage among them after each 20,000 cost 0.01 s."""
SWITCH_S = 0.0005
"""How long a thread that reads may wait for one that imports: it needs the interpreter every two milliseconds."""
_UsageError: Any = typer.BadParameter.__base__
"""Click's UsageError, which newer Typer carries with it under a private name."""

COMMANDS: Final = {
    "diagnose": "Example: lastseen diagnose case-folder/ --json",
    "connections": "\b\nExample: lastseen connections tap.pcap\n"
    """         lastseen connections tap.pcap --where 'stall and tcp.port == 443'\n"""
    "         lastseen connections tap.pcap --where 'ip.addr == 10.0.0.0/8' --csv",
    "losses": "\b\nExample: lastseen losses tunnel.pcap tap.pcap\n"
    """         lastseen losses tunnel.pcap tap.pcap --where 'lost > 1 or bytes > 0'\n"""
    "         lastseen losses tunnel.pcap tap.pcap --parquet losses.parquet",
    "timeline": "\b\nExample: lastseen timeline case-folder/ --around stall\n"
    "         lastseen timeline case-folder/ --around 22:04:54.7 --seconds 1 --all",
    "evidence": "\b\nExample: lastseen evidence case-folder/\n         lastseen evidence case.tar.gz --json",
    "diff": "Example: lastseen diff before-the-fix/ after-the-fix/",
    "why": "Example: lastseen why case-folder/ path_mtu_blackhole",
    "explain": "Example: lastseen explain ovs_conntrack_padding",
    "faults": "Example: lastseen faults --matching checksum",
    "schema": "Example: lastseen schema diagnosis",
    "run": "\b\nExample: lastseen run -- ip netns exec vm php fetch.php\n"
    "         lastseen run --target tap3f1c9a2e-7b --host root@netnode -- ssh vm php fetch.php",
    "collect": "\b\nExample: lastseen collect --target tap3f1c9a2e-7b --remote api.example:443 --seconds 90\n"
    "         lastseen collect --ring 10",
    "fix": "\b\nExample: lastseen fix lastseen-20250101-120000/\n"
    "         lastseen fix ovs_conntrack_padding -- ip netns exec vm php fetch.php",
    "undo": "Example: lastseen undo --list",
    "isolate": "Example: lastseen isolate --factor client=php,curl --factor origin=vm,host"
    " -- ./fetch {client} {origin}",
    "path": "Example: lastseen path tap3f1c9a2e-7b",
    "restore": "Example: lastseen restore --show",
    "lab": None,
}
"""Every command in the order of the help, with the end of its own help."""

app = typer.Typer(
    name="lastseen",
    help="Why did this request hang, and what do I change?",
    epilog="Example: lastseen diagnose case-folder/",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"lastseen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Why did this request hang, and what do I change?"""
    if context.invoked_subcommand != "restore":
        remind()


def _register(names: Iterable[str]) -> None:
    """Let the program have these commands, each a function called like its module."""
    for name in names:
        command = getattr(import_module(f"lastseen.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(epilog=COMMANDS[name])(command)


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_S)
    status = _status()
    atexit._run_exitfuncs()  # noqa: SLF001 - what was registered is done all the same: temporary folders, coverage
    sys.stderr.flush()
    os._exit(status)  # taking every module and array apart would cost 0.1 s


def _status() -> int:
    """Run the command; every mistake is told in one line."""
    try:
        status = _run()
        sys.stdout.flush()
    except _UsageError as error:
        return _usage(error)
    except (LastseenError, MemoryError) as error:
        return _told(str(error) or "out of memory; give fewer or smaller files", WRONG_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _told("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # the reader (`| head`) has had enough; what is still buffered must not be flushed into the closed pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _told(f"{error.strerror}; make room, or name another folder in TMPDIR", WRONG_USAGE)
    return _told("interrupted", status) if status == INTERRUPTED else status


def _run() -> int:
    """What the command returns. A closed pipe, which Typer would turn into status 1, is raised again."""
    asked = sys.argv[1:2]
    _register(asked if asked and asked[0] in COMMANDS else COMMANDS)  # importing them all takes 15 ms
    try:
        return app(standalone_mode=False) or 0
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            raise leaving.__context__ from None
        raise


def _usage(error: Any) -> int:
    """One line for a wrong command line; the help for a group of commands of which none is named."""
    if error.ctx is not None and error.message == error.ctx.get_help():
        error.show()
        return WRONG_USAGE
    command = error.ctx.command_path if error.ctx is not None else app.info.name
    return _told(f"{error.format_message().rstrip('.')}; see '{command} --help'", WRONG_USAGE)


def _told(what: str, status: int) -> int:
    # names in messages come from files: no line breaks, no control characters
    print("lastseen:", "".join(c if c.isprintable() else " " for c in what), file=sys.stderr)
    return status
