"""Many random cases, and every wrong claim of `lastseen losses` about them, with the number to make the case again.

nice -n 15 python tests/truth/run_long.py --cases 5000 --first 0
"""
# ruff: noqa: E402 - run as a script, it first has to find what the tests share

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "matching"), str(Path(__file__).parent)]

from cases import make
from check import complaints


def main() -> int:
    """Try the cases and print what was found as JSON; 1 when a loss was claimed that none was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--less", action="store_true", help="without SCTP and ICMP errors, as the first runs were"
    )
    arguments = parser.parse_args()
    begun, frames, lost, found, wrong = time.monotonic(), 0, 0, Counter[str](), []
    for seed in range(arguments.first, arguments.first + arguments.cases):
        case = make(seed, more=not arguments.less)
        frames += sum(map(len, case.frames))
        lost += len(case.network.lost)
        for complaint in complaints(case):
            silent = " where a capture missed packets silently" if "missed" in case.hostile else ""
            found[complaint.kind + silent] += 1
            if complaint.kind == "false loss" and not silent:
                wrong.append([seed, *complaint.hop, complaint.frame, complaint.what])
    seconds = round(time.monotonic() - begun, 1)
    result = {
        "cases": arguments.cases,
        "first": arguments.first,
        "frames": frames,
        "lost": lost,
        "seconds": seconds,
    }
    print(json.dumps(result | {"complaints": dict(found), "wrong": wrong}, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
