"""The case study, recorded in the nested machine: one boot a module, one case folder a run."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.kernel.guest import ORDER, RESULTS, Order, Result
from lastseen.lab.kernel.runs import Run
from lastseen.lab.kernel.store import Store
from lastseen.lab.sandbox import in_sandbox

__all__ = ["as_foretold", "record_runs"]

LONGEST_BOOT_S = 1200.0
"""Both boots together take 6 minutes on two busy cores."""


def record_runs(
    store: Store, runs: Sequence[Run], out: Path, told: Callable[[str], None]
) -> list[tuple[Run, Result]]:
    """Record these runs into `out`/NAME and return what the client of each did, in order.

    None of these folders may exist yet. A run's folder is whole or not there; where this raises LastseenError, those
    of the boots before are. The machine says on standard error how far it is; `told` hears of each boot.
    """
    for run in runs:
        if (out / run.name).exists():
            raise LastseenError(f"{out / run.name} exists; name another folder with --out, or remove it")
    out.mkdir(parents=True, exist_ok=True)
    results = []
    for module, group in groupby(runs, lambda run: run.module):
        told(f"booting Linux {store.kernel.release} with the {module} module")
        results += _boot(store, list(group), out)
    return results


def as_foretold(run: Run, result: Result) -> bool:
    """Whether the client hung for its timeout at least, or for no part of it, as the run says."""
    return result.status == 0 and (result.seconds >= run.timeout_s) == run.stalls


def _boot(store: Store, runs: Sequence[Run], out: Path) -> list[tuple[Run, Result]]:
    order = Order(
        modules=str(store.modules),
        switch=str(store.switch(runs[0].module)),
        runs=tuple(run.name for run in runs),
    )
    with tempfile.TemporaryDirectory(prefix="lastseen-machine-") as place:
        first_root, share = Path(place, "first_root"), Path(place, "share")
        store.write_first_root(first_root)
        share.mkdir()
        (share / ORDER).write_text(json.dumps(asdict(order)), "utf-8")
        try:
            done = in_sandbox(
                "lastseen.lab.kernel.machine",
                [str(store.folder / "vmlinuz"), str(first_root), str(share)],
                timeout=LONGEST_BOOT_S,
                capture=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LastseenError(f"lab kernel: the machine did not end within {LONGEST_BOOT_S:g} s") from error
        if done.returncode:
            raise LastseenError("lab kernel: nothing was recorded; the line above says why")
        results = [Result(**entry) for entry in json.loads((share / RESULTS).read_text("utf-8"))]
        for run in runs:
            shutil.move(share / run.name, out / run.name)
    return list(zip(runs, results, strict=True))
