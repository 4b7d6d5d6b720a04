"""`lastseen lab kernel`: its JSON object, and what people read, which is made from nothing else."""

from typing import Literal, TextIO

from msgspec import Struct

from lastseen.report.columns import table_lines
from lastseen.report.page import Page

__all__ = ["MachineJson", "MachineRunJson", "print_machine"]


_PLANNED = ("run", "module", "stalls", "what it shows")
_RECORDED = ("run", "module", "must stall", ">seconds", "as foretold")


class MachineRunJson(Struct, kw_only=True, frozen=True):
    """One run: on which module, whether its client must stall until `timeout_s`, and, once recorded, what it did.

    `seconds`: from the client's start to its end; `as_foretold`: it stalled for the timeout at least, or ended
    before it, as `stalls` says.
    """

    name: str
    title: str
    module: str
    timeout_s: int
    stalls: bool
    folder: str | None = None
    seconds: float | None = None
    as_foretold: bool | None = None


class MachineJson(Struct, kw_only=True, frozen=True):
    """What `lastseen lab kernel --json` prints.

    `store`: where kernel and modules are kept. `kernel`, `version` and `changed` (file, line and function that lacks
    the trim) are null with --show.
    """

    store: str
    runs: list[MachineRunJson]
    kernel: str | None = None
    version: str | None = None
    changed: str | None = None
    schema: Literal["lastseen.machine/1"] = "lastseen.machine/1"


def print_machine(
    found: MachineJson, *, console_width: int | None = None, stream: TextIO | None = None
) -> None:
    """Print it to `stream` (standard output); width and pipes as `print_diagnosis`."""
    page = Page(stream, console_width)
    if found.kernel:
        page.say((f"Linux {found.version} ({found.kernel}); trim left out at {found.changed}", "bold"))
    page.say((f"kept in {found.store}", "dim"))
    if found.runs:
        page.blank()
        header, row = (_RECORDED, _recorded) if found.kernel else (_PLANNED, _planned)
        page.raw(table_lines(header, [row(run) for run in found.runs], page.width))
    if stalled := next((run.folder for run in found.runs if run.folder and run.stalls), None):
        page.say(f"next: lastseen diagnose {stalled}")
    page.write()


def _planned(run: MachineRunJson) -> tuple[str, ...]:
    return (run.name, run.module, _must(run), run.title)


def _recorded(run: MachineRunJson) -> tuple[str, ...]:
    return (run.name, run.module, _must(run), f"{run.seconds:.1f}", "yes" if run.as_foretold else "NO")


def _must(run: MachineRunJson) -> str:
    return f"{run.timeout_s} s" if run.stalls else "no"
