"""The inside of a fuzzing run: try mutation after mutation in this process, and leave a trail.

The index of each case is written into a file of shared memory before the case begins, so that whoever started this
process can name the input that crashed it or made it hang; see `fuzzing`.

    python tests/fuzz/tries.py FOLDER SEED FIRST END SECONDS
"""
# ruff: noqa: E402 - run as a script, it first has to find the packet writers at the root of the tests

import json
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

import numpy as np
import numpy.typing as npt
from mutate import mutated
from promises import BrokenPromiseError, check, points_of
from seeds import Seed, seeds

from lastseen.evidence.captures import ByteSource, open_bytes, read_capture
from lastseen.tables.packets import Capture
from lastseen.tables.points import Point

__all__ = [
    "DECODED",
    "FINDINGS",
    "INDEX",
    "PEAK",
    "PROGRESS",
    "TRIED",
    "case",
    "points_of_seed",
    "read_bytes",
    "try_bytes",
]

PROGRESS: Final = "progress"
FINDINGS: Final = "findings"
"""Files in the run's folder: int64[4] as below, and a line of JSON a finding."""
INDEX, TRIED, DECODED, PEAK = 0, 1, 2, 3
"""The case now being tried; cases done; of these with a decoded packet; bytes of memory added at the most."""
WARM_UP: Final = 300
"""Cases until time and memory are measured: the rarer kernels are compiled or loaded, arenas grown."""
SLOW_S: Final = 2.0
"""Processor time that a case of 20 kB may take; usual is 1 ms."""


def case(seed: int, index: int, origins: list[Seed]) -> tuple[Seed, bytes]:
    """The valid capture that this mutation starts from, and the mutated bytes."""
    rng = random.Random(f"{seed}:{index}")
    origin, other = origins[index % len(origins)], rng.choice(origins)
    return origin, mutated(origin.data, origin.packets, rng, other=other.data)


@contextmanager
def _file_of(data: bytes) -> Iterator[Path]:
    """A file of these bytes that lies in memory."""
    file = os.memfd_create("capture")
    try:
        os.pwrite(file, data, 0)
        yield Path(f"/proc/self/fd/{file}")
    finally:
        os.close(file)


@contextmanager
def read_bytes(data: bytes) -> Iterator[tuple[Capture, ByteSource]]:
    """The capture of these bytes, and its source for further reading."""
    with _file_of(data) as path, open_bytes(path) as source:
        yield read_capture(source, "whole.pcap")[0], source


def try_bytes(data: bytes, whole: list[Point]) -> bool:
    """Check the promises for a capture of these bytes; whether a packet of it was decoded. Raises what is broken."""
    with _file_of(data) as path:
        return check(path, whole)


def points_of_seed(origin: Seed) -> list[Point]:
    """The observation points of a valid capture, to match damaged ones against."""
    with read_bytes(origin.data) as (capture, _):
        return points_of(capture)


def _trouble(data: bytes, whole: list[Point], progress: npt.NDArray[np.int64]) -> str:
    """What is wrong with a case, '' when nothing is; counts it."""
    begun = time.process_time()
    try:
        progress[DECODED] += try_bytes(data, whole)
    except BrokenPromiseError as broken:
        return f"broken: {broken}"
    except BaseException:  # noqa: BLE001 - whatever lastseen raises is what is looked for
        return traceback.format_exc(limit=-4)
    used = time.process_time() - begun
    return f"slow: {used:.1f} s" if used > SLOW_S and progress[TRIED] > WARM_UP else ""


def _memory(key: str) -> int:
    """Bytes that the kernel reports of this process (proc(5): VmRSS, VmHWM)."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) << 10
    return 0


def _indices(first: int, end: int, seconds: float) -> Iterator[int]:
    """The indices to try while there is time."""
    until = time.monotonic() + seconds
    for index in range(first, end):
        if index % 64 == 0 and time.monotonic() > until:
            return
        yield index


def main(folder: Path, seed: int, first: int, end: int, seconds: float) -> None:
    """Try the cases [first, end) and write the trail into `folder`."""
    progress = np.memmap(folder / PROGRESS, np.int64, "r+")
    origins = seeds()
    wholes = {origin.name: points_of_seed(origin) for origin in origins}
    for origin in origins * 2:  # what is compiled or imported at first use counts for no case
        try_bytes(origin.data, wholes[origin.name])
    before = 0
    for index in _indices(first, end, seconds):
        progress[INDEX] = index
        origin, data = case(seed, index, origins)
        trouble = _trouble(data, wholes[origin.name], progress)
        progress[TRIED] += 1
        if trouble:
            with (folder / FINDINGS).open("a", encoding="utf-8") as stream:
                print(json.dumps({"index": index, "capture": origin.name, "what": trouble}), file=stream)
        if progress[TRIED] == WARM_UP:
            before = _memory("VmRSS")
            Path("/proc/self/clear_refs").write_text("5", "ascii")  # begin VmHWM anew
    progress[INDEX] += 1
    progress[PEAK] = _memory("VmHWM") - before if before else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
