"""Every scene of the lab, really recorded and diagnosed through the command line: the verdict is the truth it declares.

A share of them, another one each time, is recorded once more and has to get the same verdict: a scene that does so now
and then only is a broken scene.
"""

import functools
import json
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from installed import Run, lastseen

from lastseen.lab.scene import scene_of, scenes

pytestmark = pytest.mark.lab

AT_ONCE = 4
"""Recordings side by side: most of a scene is waiting."""
TOGETHER = [name for name, scene in scenes().items() if not scene.exclusive]
ALONE = [name for name, scene in scenes().items() if scene.exclusive]


Recordings = dict[str, tuple[Path, Future[Run]]]


def _recorded(names: Iterable[str], folder: Path) -> Recordings:
    """Each scene's case folder and the run that recorded it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {
            name: (folder / name, pool.submit(lastseen, "lab", "run", name, "--out", folder / name))
            for name in names
        }


def _wanted(request: pytest.FixtureRequest, *parameters: str) -> list[str]:
    """Scenes that the tests to be run ask for by one of these parameters."""
    asked = {
        item.callspec.params.get(parameter)
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.path == request.path
        for parameter in parameters
    }
    return [name for name in TOGETHER if name in asked]


@pytest.fixture(scope="module")
def recordings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """All scenes, or those that were selected."""
    return _recorded(_wanted(request, "name", "again"), tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="module")
def second_recordings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """Those that are drawn to be recorded again."""
    return _recorded(_wanted(request, "again"), tmp_path_factory.mktemp("again"))


@functools.cache
def _verdict(case: Path) -> dict[str, Any]:
    said: dict[str, Any] = lastseen("diagnose", case, "--json").said["verdict"]
    return said


@pytest.mark.parametrize("name", TOGETHER)
def test_the_verdict_is_the_truth(name: str, recordings: Recordings) -> None:
    case, recording = recordings[name]
    _is_true(case, recording.result())


@pytest.mark.parametrize("name", ALONE)
def test_the_verdict_is_the_truth_of_a_scene_that_changes_the_machine(
    name: str,
    tmp_path: Path,
    recordings: Recordings,
    second_recordings: Recordings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once no other lab runs; nothing without consent; everything set back."""
    for _, recording in (*recordings.values(), *second_recordings.values()):
        recording.result()
    monkeypatch.setenv("LASTSEEN_STATE", str(tmp_path / "state"))
    settings = {key: Path("/proc/sys", *key.split(".")) for key in scene_of(name).machine}
    before = {key: file.read_text() for key, file in settings.items()}
    refused = lastseen("lab", "run", name, "--out", tmp_path / "case")
    assert (refused.status, "nothing is done without consent" in refused.err) == (2, True)
    assert all(f"set {key} = " in refused.err for key in settings)
    assert not (tmp_path / "case").exists()
    _is_true(tmp_path / "case", lastseen("lab", "run", name, "--out", tmp_path / "case", "--yes"))
    assert {key: file.read_text() for key, file in settings.items()} == before
    assert lastseen("restore", "--json").said["changes"] == []


def _is_true(case: Path, recorded: Run) -> None:
    assert recorded.status == 0, recorded.err
    truth: dict[str, Any] = json.loads((case / "truth.json").read_text())
    verdict = _verdict(case)
    if truth["healthy"]:
        assert (verdict["grade"], verdict["fault"]) == ("healthy", None)
        return
    assert verdict["fault"] in (truth["fault"], *truth["accept"])
    if truth["hop"] and (verdict["last_seen"] or verdict["grade"] == "confirmed"):
        assert _place(verdict, truth) == truth["hop"]


def _place(verdict: dict[str, Any], truth: dict[str, Any]) -> list[str | None]:
    """Where the loss is; a hop that loses packets both ways may be told in either direction, and is one place."""
    told = [verdict["last_seen"], verdict["missing_at"]]
    return told[::-1] if truth["both_ways"] and told[::-1] == truth["hop"] else told


def test_the_same_again(again: str, recordings: Recordings, second_recordings: Recordings) -> None:
    """The scene shows the same fault at the same place, told with the same grade."""
    both = []
    for case, recording in (recordings[again], second_recordings[again]):
        assert recording.result().status == 0, recording.result().err
        verdict, truth = _verdict(case), json.loads((case / "truth.json").read_text())
        both.append([verdict["fault"], verdict["grade"], *_place(verdict, truth)])
    assert both[0] == both[1]


def test_nothing_is_left_behind(recordings: Recordings) -> None:
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
