"""The long fuzzing run, with bounds checks in the compiled kernels; what it finds is kept for the tests to replay.

    nice -n 19 python tests/fuzz/run_long.py --mutations 1000000 --seed 1 --jobs 2

Failing inputs are written to tests/fuzz/corpus/, one of each kind, for the tests to replay.
"""
# ruff: noqa: E402 - run as a script, it first has to find the packet writers at the root of the tests

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from fuzzing import Outcome, Run, fuzz
from seeds import seeds
from tries import case

__all__ = ["CORPUS"]

CORPUS: Final = Path(__file__).parent / "corpus"


def _parts(run: Run, jobs: int) -> list[Run]:
    """The run divided among `jobs` processes."""
    share = -(-run.mutations // jobs)
    starts = range(run.first, run.first + run.mutations, share)
    end = run.first + run.mutations
    return [
        Run(seed=run.seed, first=start, mutations=min(share, end - start), seconds=run.seconds)
        for start in starts
    ]


def _added(outcomes: list[Outcome]) -> Outcome:
    return Outcome(
        mutations=sum(outcome.mutations for outcome in outcomes),
        decoded=sum(outcome.decoded for outcome in outcomes),
        peak_bytes=max(outcome.peak_bytes for outcome in outcomes),
        seconds=max(outcome.seconds for outcome in outcomes),
        findings=[finding for outcome in outcomes for finding in outcome.findings],
    )


def _keep(outcome: Outcome, seed: int) -> None:
    """Write the inputs of the findings, one of each kind, into the corpus."""
    origins, kinds = seeds(), set[str]()
    CORPUS.mkdir(exist_ok=True)
    for finding in outcome.findings:
        if finding.what not in kinds:
            kinds.add(finding.what)
            _, data = case(seed, finding.index, origins)
            (CORPUS / f"seed{seed}-{finding.index}.bin").write_bytes(data)


def main() -> int:
    """Run, print the outcome as JSON, keep the findings; 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="index of the first mutation")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-bounds", action="store_true", help="kernels as users run them")
    arguments = parser.parse_args()
    run = Run(
        seed=arguments.seed, first=arguments.first, mutations=arguments.mutations, seconds=arguments.seconds
    )
    with tempfile.TemporaryDirectory(prefix="lastseen-bounds-") as folder:
        if not arguments.no_bounds:  # code with checks must not get into the cache that users run from
            os.environ |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": folder}
        with ThreadPoolExecutor(arguments.jobs) as pool:
            outcome = _added(list(pool.map(fuzz, _parts(run, arguments.jobs))))
    print(json.dumps(asdict(outcome), indent=1))
    _keep(outcome, arguments.seed)
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())
