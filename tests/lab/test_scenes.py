"""Every scene of the lab, really recorded and diagnosed through the command line: the verdict is the truth it declares."""

import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from installed import Run, lastseen

from lastseen.lab.scene import scenes

pytestmark = pytest.mark.lab

AT_ONCE = 4
"""Recordings side by side: most of a scene is waiting."""
TOGETHER = [name for name, scene in scenes().items() if not scene.exclusive]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Future[Run]]]:
    """Each scene's case folder and the run that records it, all under way."""
    folder = tmp_path_factory.mktemp("scenes")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {
            name: (folder / name, pool.submit(lastseen, "lab", "run", name, "--out", folder / name))
            for name in TOGETHER
        }


@pytest.mark.parametrize("name", TOGETHER)
def test_the_verdict_is_the_truth(name: str, recordings: dict[str, tuple[Path, Future[Run]]]) -> None:
    case, recording = recordings[name]
    recorded = recording.result()
    assert recorded.status == 0, recorded.err
    truth: dict[str, Any] = json.loads((case / "truth.json").read_text())
    verdict = lastseen("diagnose", case, "--json").said["verdict"]
    if truth["healthy"]:
        assert (verdict["grade"], verdict["fault"]) == ("healthy", None)
        return
    assert verdict["fault"] in (truth["fault"], *truth["accept"])
    if truth["hop"] and (verdict["last_seen"] or verdict["grade"] == "confirmed"):
        assert [verdict["last_seen"], verdict["missing_at"]] == truth["hop"]


def test_nothing_is_left_behind(recordings: dict[str, tuple[Path, Future[Run]]]) -> None:
    """Neither processes in a sandbox nor interfaces: they ended with the recordings."""
    assert all(run.done() for _, run in recordings.values())
    mine = Path("/proc/self/ns/net").readlink()
    commands = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            elsewhere = (entry / "ns/net").readlink() != mine
        except OSError:
            continue
        if elsewhere and b"lastseen.lab" in command and int(entry.name) != os.getpid():
            commands.append(command)
    assert commands == []
