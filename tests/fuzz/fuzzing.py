"""A fuzzing run: mutation after mutation in processes of their own, watched from here.

A mutation is a pair of numbers, the run's seed and its index; the bytes are made again from them. A process that
crashes or hangs is a finding; the next one goes on behind that case.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tries import DECODED, FINDINGS, INDEX, PEAK, PROGRESS, TRIED

__all__ = ["Finding", "Outcome", "Run", "fuzz"]

HANG_S: Final = 30.0
"""A case takes about 1 ms; this long without a new one is a hang, even on a loaded machine."""
START_S: Final = 400.0
"""Until the first case: kernels may be compiled, with bounds checks from nothing."""
POLL_S: Final = 0.1
ONE_PROCESS: Final = 100_000
"""Mutations until a fresh process takes over."""
MOST_FINDINGS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One input that broke a promise: its index, the valid capture it was made from, and what happened."""

    index: int
    capture: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Which mutations are tried: indices from `first` on, until `mutations` or `seconds` are used up."""

    seed: int
    mutations: int
    first: int = 0
    seconds: float = float("inf")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run found. `peak_bytes`: memory a process added after its first cases, the largest of all."""

    mutations: int = 0
    decoded: int = 0
    peak_bytes: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def fuzz(run: Run) -> Outcome:
    """Try the run's mutations; crashed and hung processes are replaced."""
    outcome, begun, following = Outcome(), time.monotonic(), run.first
    end = run.first + run.mutations
    with tempfile.TemporaryDirectory(prefix="lastseen-fuzz-") as folder:
        while following < end and len(outcome.findings) < MOST_FINDINGS:
            left = run.seconds - (time.monotonic() - begun)
            if left <= 0:
                break
            part = Run(
                seed=run.seed, mutations=min(end - following, ONE_PROCESS), first=following, seconds=left
            )
            following = _one_process(part, Path(folder), outcome)
        outcome.findings += _findings(Path(folder))
    outcome.seconds = round(time.monotonic() - begun, 1)
    return outcome


def _one_process(run: Run, folder: Path, outcome: Outcome) -> int:
    """Run one process to its end and count what it did; the index to go on with."""
    progress = np.memmap(folder / PROGRESS, np.int64, "w+", shape=4)
    progress[INDEX] = run.first
    span = (run.seed, run.first, run.first + run.mutations, run.seconds)
    argv = [sys.executable, Path(__file__).with_name("tries.py"), folder, *map(str, span)]
    with subprocess.Popen(argv) as process:
        hung = _watch(process, progress)
    outcome.mutations += int(progress[TRIED])
    outcome.decoded += int(progress[DECODED])
    outcome.peak_bytes = max(outcome.peak_bytes, int(progress[PEAK]))
    index = int(progress[INDEX])
    if process.returncode == 0:
        return index
    what = "hung" if hung else f"ended with status {process.returncode}"
    outcome.findings.append(Finding(index=index, capture="", what=what))
    return index + 1


def _watch(process: subprocess.Popen[bytes], progress: npt.NDArray[np.int64]) -> bool:
    """Wait for the process; kill it when it stays at one case for too long. Whether that was so."""
    tried, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(POLL_S)
        if int(progress[TRIED]) != tried:
            tried, since = int(progress[TRIED]), time.monotonic()
        elif time.monotonic() - since > (HANG_S if tried else START_S):
            process.kill()
            return True
    return False


def _findings(folder: Path) -> list[Finding]:
    """What the processes wrote down."""
    file = folder / FINDINGS
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [Finding(**json.loads(line)) for line in lines]
