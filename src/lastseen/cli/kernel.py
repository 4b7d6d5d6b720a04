"""`lastseen lab kernel`: the case study on a real kernel with the bug put back, in a machine of its own."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastseen.lab.kernel.runs import Run
    from lastseen.report.machine import MachineJson, MachineRunJson

__all__ = ["kernel"]

NOT_AS_FORETOLD = 1


def kernel(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Only these of --show; default: all.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the case folders go, one a run.")] = Path(
        "kernel"
    ),
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keeps kernel and modules; default: in the user's cache."),
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Only fetch and compile what is not kept yet.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Only say what would be run, and where.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Boot a kernel whose Open vSwitch has the case study's bug again, and record the case there.

    QEMU emulates a machine with this one's programs in it: no KVM, no root. Fetching and compiling takes minutes and
    800 MB, once; the runs take minutes and 1.5 GB of memory. Exit status 1: a client stalled that must not, or the
    reverse.
    """
    from lastseen.lab.kernel.runs import chosen
    from lastseen.lab.kernel.store import default_folder
    from lastseen.report.jsons import encode
    from lastseen.report.machine import MachineJson, print_machine

    wanted, place = chosen(runs or ()), folder or default_folder()
    if show:
        found = MachineJson(store=str(place), runs=[_planned(run) for run in wanted])
    else:
        found = _made(() if build else wanted, place, out)
    if json:
        typer.echo(encode(found))
    else:
        print_machine(found)
    if any(run.as_foretold is False for run in found.runs):
        raise typer.Exit(NOT_AS_FORETOLD)


def _made(runs: "Sequence[Run]", place: Path, out: Path) -> "MachineJson":
    from msgspec.structs import replace

    from lastseen.lab.kernel.recording import as_foretold, record_runs
    from lastseen.lab.kernel.store import made_store
    from lastseen.report.machine import MachineJson

    store = made_store(place, _told)
    recorded = record_runs(store, runs, out, _told) if runs else []
    rows = [
        replace(
            _planned(run),
            folder=str(out / run.name),
            seconds=round(result.seconds, 3),
            as_foretold=as_foretold(run, result),
        )
        for run, result in recorded
    ]
    return MachineJson(
        store=str(store.folder),
        kernel=store.kernel.release,
        version=store.kernel.version,
        changed=store.changed,
        runs=rows,
    )


def _planned(run: "Run") -> "MachineRunJson":
    from lastseen.report.machine import MachineRunJson

    return MachineRunJson(
        name=run.name, title=run.scene.title, module=run.module, timeout_s=run.timeout_s, stalls=run.stalls
    )


def _told(doing: str) -> None:
    """A line a step, also where standard error is no terminal: minutes pass between two of them."""
    sys.stderr.write(f"{doing}\n")
    sys.stderr.flush()
