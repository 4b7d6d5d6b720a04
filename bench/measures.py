"""Run a program and say what it took: wall time, and the memory that was its own.

Memory is read from /proc while the program runs, because a child's `ru_maxrss` begins with what its parent had, and
counts pages of files that it merely read.
"""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Took", "interleaved", "run_program", "seconds_of", "warm_seconds_of"]

POLL_S: Final = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One run: seconds on the wall and of CPU, and in bytes the peaks of anonymous (own) and of resident memory."""

    seconds: float
    cpu_seconds: float
    anonymous_bytes: int
    resident_bytes: int


def seconds_of(argv: Sequence[str | Path]) -> float:
    """Wall seconds of a program, its output thrown away. Raises CalledProcessError when it fails.

    Nobody looks at its memory meanwhile: that would take time from it where all cores are busy.
    """
    begun = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def warm_seconds_of(argv: Sequence[str | Path]) -> float:
    """Wall seconds of the second of two runs in a row.

    A virtual machine gives memory that lay free for two seconds back to its host (Linux 5.7, mm/page_reporting.c), and
    whoever takes it first then waits for the host: after other programs have run, a command that fills 300 MB took up
    to twice its own time. Programs that use little memory do not notice.
    """
    seconds_of(argv)
    return seconds_of(argv)


def run_program(argv: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> Took:
    """Run a program to its end and watch its memory, its output thrown away. Raises CalledProcessError when it fails."""
    begun, used = time.perf_counter(), _children_cpu_s()
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})}
    ) as process:
        anonymous, resident = 0, 0
        while process.poll() is None:
            now = _memory(process.pid)
            anonymous, resident = max(anonymous, now[0]), max(resident, now[1])
            time.sleep(POLL_S)
        seconds = time.perf_counter() - begun
        said = process.stderr.read() if process.stderr else b""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [str(part) for part in argv], stderr=said)
    cpu = _children_cpu_s() - used
    return Took(seconds=seconds, cpu_seconds=cpu, anonymous_bytes=anonymous, resident_bytes=resident)


def _children_cpu_s() -> float:
    """What all ended children have used, in user and in system mode."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory(process: int) -> tuple[int, int]:
    """(anonymous now, resident at the most) of a process, bytes; zeros once it has ended (proc(5))."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0, 0
    values = dict(line.split(":", 1) for line in lines if line.startswith(("RssAnon:", "VmHWM:")))
    return tuple(int(values.get(key, "0").split()[0]) << 10 for key in ("RssAnon", "VmHWM"))  # type: ignore[return-value]


def interleaved(runs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """The median seconds of each, all taken in turns, so that a change of the machine's mood hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            taken[name].append(run())
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
