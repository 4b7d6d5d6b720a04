"""Run the command as a user has it: the installed `lastseen`, in a process of its own, with nothing of the test in it."""

import functools
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
STACK = EXAMPLES / "openstack-missing-fin"
LAB = EXAMPLES / "lab"

LASTSEEN = Path(sys.executable).parent / "lastseen"
"""The script that pip installed beside the Python the tests run with."""
LONGEST_RUN_S = 120
"""A first run compiles the kernels."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a command left: exit status, both outputs, and the most memory any child so far needed."""

    status: int
    out: str
    err: str
    most_bytes: int

    @property
    def said(self) -> Any:
        """The JSON object on standard output."""
        return json.loads(self.out)


def lastseen(
    *arguments: str | Path | bytes,
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    before: tuple[str, ...] = (),
) -> Run:
    """Run `lastseen` with these arguments, `given` on standard input; `before` is a command that starts it."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}
    }
    done = subprocess.run(
        [*before, str(LASTSEEN), *(os.fsdecode(argument) for argument in arguments)],
        input=given,
        capture_output=True,
        check=False,
        cwd=folder,
        env=clean | dict(environment or {}),
        timeout=LONGEST_RUN_S,
    )
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Run(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), most
    )


@functools.cache
def diagnosis(*paths: Path) -> Any:
    """What `lastseen diagnose --json` says of these paths; each question is asked once."""
    run = lastseen("diagnose", "--json", *paths)
    assert (run.status, run.err) == (0, ""), run
    return run.said


def stack_case(name: str) -> tuple[Path, Path]:
    """A case of the OpenStack recordings with what was constant in its boot."""
    facts = "00_facts_healthy" if name == "09_healthy_stockmodule_php60_vm" else "00_facts_broken"
    return STACK / name, STACK / facts
