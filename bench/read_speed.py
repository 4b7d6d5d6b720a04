"""Measure how fast captures are read: packets a second alone, two files in two threads, and against plain memory.

The yardstick is `np.memmap(file).sum()`: what it costs to touch every byte of the file once.

    python bench/make_captures.py FOLDER && python bench/read_speed.py FOLDER/underlay.pcap FOLDER/tap.pcap
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np

from lastseen.evidence.captures import open_bytes, read_capture

__all__ = ["measure"]

REPEATS: Final = 5


def _read(path: Path) -> int:
    """Packets read from one capture."""
    with open_bytes(path) as source:
        capture, _ = read_capture(source, path.name)
    return len(capture.packets)


def _touch(path: Path) -> int:
    return int(np.memmap(path, np.uint8, mode="r").sum(dtype=np.uint64))


def _seconds(work: Callable[[], object]) -> dict[str, float]:
    """Best and median of REPEATS runs after one that warms cache and kernels."""
    work()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return {"best": round(min(times), 3), "median": round(statistics.median(times), 3)}


def measure(paths: list[Path]) -> dict[str, object]:
    """Seconds and packets a second of each file, of all in one thread a file, and the ratio to touching the bytes."""
    result: dict[str, object] = {}
    total = 0
    for path in paths:
        packets = _read(path)
        total += packets
        read, touch = _seconds(lambda path=path: _read(path)), _seconds(lambda path=path: _touch(path))  # type: ignore[misc]
        result[path.name] = {
            "packets": packets,
            "seconds": read,
            "packets_per_s": round(packets / read["median"]),
            "memmap_sum_seconds": touch,
            "memmap_ratio": round(read["median"] / touch["median"], 2),
        }
    with ThreadPoolExecutor(len(paths)) as pool:
        both = _seconds(lambda: list(pool.map(_read, paths)))
    result["threads"] = {"files": len(paths), "seconds": both, "packets_per_s": round(total / both["median"])}
    return result


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="+", type=Path)
    print(json.dumps(measure(parser.parse_args().captures), indent=2))


if __name__ == "__main__":
    main()
