"""Where the time of a comparison goes, in one warmed process: decoding, connections, matching; on one core or more.

One file is read by two threads where there are two cores, as the commands do it.

    python bench/stages.py FILE FILE [--cores 1] [--repeats 5]

Prints JSON: the median seconds of each stage, and of one pass over the files' bytes.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lastseen.connections.tracking import connections
from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.case import ReadCapture
from lastseen.evidence.case_toml import CaseToml
from lastseen.matching import match
from lastseen.matching.points import build_points
from lastseen.tables.packets import Capture

__all__ = ["measure"]


def read(path: Path, *, halves: bool = False) -> Capture:
    """One capture, decoded."""
    with open_bytes(path) as source:
        return read_capture(source, path.name, halves=halves)[0]


def _touch(path: Path) -> None:
    np.memmap(path, np.uint8, mode="r").sum(dtype=np.uint64)


def _median(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of `work` after one run that warms."""
    work()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return round(statistics.median(taken), 4)


def measure(paths: list[Path], repeats: int) -> dict[str, float]:
    """Median seconds of each stage over all the files."""
    captures, halves = [read(path) for path in paths], len(os.sched_getaffinity(0)) > 1
    reads = [ReadCapture(capture=c, node="", snapshot="", parts=(c.file,)) for c in captures]
    points = build_points(reads, (), CaseToml())
    with ThreadPoolExecutor(len(paths)) as pool:
        return {
            "decode_first": _median(lambda: read(paths[0], halves=halves), repeats),
            "decode_one_after_another": _median(lambda: [read(path) for path in paths], repeats),
            "decode_a_thread_a_file": _median(lambda: list(pool.map(read, paths)), repeats),
            "connections_one_after_another": _median(
                lambda: [connections(c.packets, c.flows) for c in captures], repeats
            ),
            "connections": _median(lambda: build_points(reads, (), CaseToml()), repeats),
            "matching": _median(lambda: match(points), repeats),
            "memory_pass": _median(lambda: [_touch(path) for path in paths], repeats),
        }


def main() -> None:
    """Print the stages of the captures that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--cores", type=int, default=0, help="use so many cores at the most")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    print(json.dumps(measure(arguments.captures, arguments.repeats)))


if __name__ == "__main__":
    main()
