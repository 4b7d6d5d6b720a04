"""A scene run from outside its sandbox: one whole case folder, or none and a line that says why."""

import os
import shutil
import subprocess
from pathlib import Path
from threading import Event

from lastseen.errors import LastseenError
from lastseen.lab.machine import machine_changed
from lastseen.lab.sandbox import ROOT, in_sandbox
from lastseen.lab.scene import scene_of
from lastseen.lab.topologies import name_of

__all__ = ["record_case"]

LONGEST_RUN_S = 180.0
"""A scene takes 15 s at most on an idle machine; several beside each other take longer."""


def record_case(
    name: str,
    folder: Path,
    *,
    seed: int | None = None,
    second: str | None = None,
    as_user: bool | None = None,
    stopping: Event | None = None,
) -> Path:
    """Run the scene and return `folder`, which must not exist yet. Raises LastseenError when the run fails.

    `second`: another scene of that network, whose fault is put in too. `stopping` ends the run from another thread.
    What is half written is beside `folder` under another name, and removed.
    """
    if second is not None and name_of(scene_of(second).topology) != name_of(scene_of(name).topology):
        raise LastseenError(f"lab: {second} is on another network than {name}, so they cannot be one run")
    if scene_of(name).root and os.geteuid() != ROOT:
        raise LastseenError(f"lab: the scene {name} needs root; 'lastseen lab list' shows which do not")
    if folder.exists():
        raise LastseenError(f"{folder} exists; name another folder with --out, or remove it")
    unfinished = folder.resolve().with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    arguments = [name, str(unfinished), "" if seed is None else str(seed), second or ""]
    try:
        with machine_changed(scene_of(shown) for shown in (name, second) if shown):
            done = in_sandbox(
                "lastseen.lab.run", arguments, timeout=LONGEST_RUN_S, as_user=as_user, stopping=stopping
            )
        if done.returncode:
            raise LastseenError(_last_line(done.stderr) or f"lab: {name} ended with status {done.returncode}")
        unfinished.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise LastseenError(f"lab: {name} did not end within {LONGEST_RUN_S:g} s") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
