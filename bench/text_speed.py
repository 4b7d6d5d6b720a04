"""Measure how fast texts are read and how much memory that takes, reader by reader; `run.py` times whole commands.

python bench/text_speed.py [--mb 500] [--only KIND]
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from make_texts import write_texts

from lastseen.evidence.case import open_case

__all__ = ["measure"]


def measure(megabytes: int, only: str = "") -> dict[str, object]:
    """Bytes, seconds, rows kept and the most memory this process ever had."""
    with tempfile.TemporaryDirectory(prefix="text-speed-") as place:
        size = write_texts(Path(place), megabytes, only)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun, cpu = time.perf_counter(), time.process_time()
        with open_case([Path(place)]) as case:
            seconds, used = time.perf_counter() - begun, time.process_time() - cpu
            files = {file.file: {"kind": file.kind, "rows": file.rows} for file in case.files}
            weirds = [f"{weird.file}: {weird.reason}" for weird in case.weirds][:30]
    return {
        "megabytes": round(size / 1e6, 1),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(used, 2),
        "megabytes_per_s": round(size / 1e6 / seconds, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "peak_mib_before_reading": before // 1024,
        "files": files,
        "weirds": weirds,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--only", default="")
    said = parser.parse_args()
    print(json.dumps(measure(said.mb, said.only), indent=2))
