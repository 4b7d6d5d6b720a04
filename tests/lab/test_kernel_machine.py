"""The case study on a real kernel with the bug put back: only with `-m machine`, as it takes minutes, disk and memory."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from installed import LASTSEEN, lastseen

from lastseen.lab.kernel.network import HOP
from lastseen.lab.kernel.runs import RUNS

pytestmark = pytest.mark.machine

LONGEST_S = 2700
"""Fetching, compiling and two boots take ten minutes on two idle processors."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of all runs, and what the command said of each."""
    folder = tmp_path_factory.mktemp("machine") / "kernel"
    command = [str(LASTSEEN), "lab", "kernel", "--out", str(folder), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LONGEST_S, check=False)
    return folder, {row["name"]: row for row in json.loads(done.stdout)["runs"]}


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
def test_the_client_does_as_foretold(run: Any, recorded: tuple[Path, dict[str, Any]]) -> None:
    assert recorded[1][run.name]["as_foretold"], recorded[1][run.name]


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
def test_the_verdict_is_the_truth(run: Any, recorded: tuple[Path, dict[str, Any]]) -> None:
    verdict = lastseen("diagnose", recorded[0] / run.name, "--json").said["verdict"]
    if run.scene.truth.healthy:
        assert (verdict["grade"], verdict["fault"]) == ("healthy", None)
    else:
        assert (verdict["grade"], verdict["fault"]) == ("confirmed", run.scene.truth.fault)
        assert (verdict["last_seen"], verdict["missing_at"]) == HOP
