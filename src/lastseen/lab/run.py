"""One run of one scene, inside its sandbox: build, arm, capture, work, snapshots, truth.

    python -m lastseen.lab.run FD SCENE FOLDER SEED SECOND

`FD` is the pipe that `sandbox` watches; SEED and SECOND (a scene whose fault is there too) may be empty. The
case folder is complete when the process ends with status 0.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.captures import stop_captures
from lastseen.lab.conntrack_log import collect_conntrack_log
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters, draw
from lastseen.lab.sandbox import die_with_parent
from lastseen.lab.scene import Scene, scene_of
from lastseen.lab.snapshots import take_snapshot
from lastseen.lab.truth import write_truth

__all__ = ["build", "check_that_it_showed", "main", "record"]

LONGEST_WORK_S = 40.0
FAILED = 2
SECOND = 3
"""How far the port of a second scene's service is from the one in question."""


def main() -> int:
    """Run the scene that the command line names; the status, after one line of what went wrong."""
    descriptor, name, folder, seed, second = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="lastseen-lab-") as scratch, suppress(KeyboardInterrupt):
        die_with_parent(int(descriptor), Path(scratch), Path(folder))
        try:
            record(name, Path(folder), Path(scratch), seed=int(seed) if seed else None, second=second)
        except LastseenError as error:
            sys.stderr.write(f"{error}\n")
            return FAILED
        return 0
    return FAILED


def build(scene: Scene, folder: Path, scratch: Path, parameters: Parameters) -> Lab:
    """The scene's network, working, with the fault in it and its servers listening."""
    lab = Lab(folder=folder, scratch=scratch)
    lab.snapshot = partial(take_snapshot, lab)
    scene.topology(lab, parameters)
    scene.serve(lab, parameters)
    scene.arm(lab, parameters)
    return lab


def record(name: str, folder: Path, scratch: Path, *, seed: int | None = None, second: str = "") -> None:
    """One whole run into `folder`; the fault of a second scene may be there too, on a service of its own."""
    scene = scene_of(name)
    parameters = draw(scene.ranges, seed)
    folder.mkdir(parents=True, exist_ok=True)
    lab = build(scene, folder, scratch, parameters)
    works = [partial(scene.work, lab, parameters)]
    others = {second: scene_of(second)} if second else {}
    for other in others.values():
        its = replace(parameters, port=parameters.port + SECOND, own=draw(other.ranges, seed).own)
        other.serve(lab, its)
        other.arm(lab, its)
        works.append(partial(other.work, lab, its))
    collect_conntrack_log(lab)
    lab.start_captures()
    lab.snapshot("before")
    began = time.time()
    beside = [_neighbour(lab, scene, parameters) for _ in range(parameters.others if scene.beside else 0)]
    for work in works:
        _finish(lab, work())
    for process in beside:
        _finish(lab, process)
    lab.snapshot("after")
    stop_captures(lab.captures)
    check_that_it_showed(lab, {name: scene, **others})
    (folder / "time.txt").write_text(f"start={began:.9f} end={time.time():.9f}\n", "utf-8")
    write_truth(folder, name, scene, parameters, second=others)


def check_that_it_showed(lab: Lab, shown: Mapping[str, Scene]) -> None:
    """Raises LastseenError where a fault did not come: what was recorded is then no case of it."""
    for name, scene in shown.items():
        if not scene.showed(lab):
            raise LastseenError(f"lab: the fault of {name} did not come in this run; try again")


def _finish(lab: Lab, process: subprocess.Popen[bytes] | None) -> None:
    """Wait for a client; the first time it stalls, take a snapshot."""
    if process is None:
        return
    if lab.packets_quiet(process) and not (lab.folder / "mid").exists():
        lab.snapshot("mid")
    try:
        process.wait(LONGEST_WORK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _neighbour(lab: Lab, scene: Scene, parameters: Parameters) -> subprocess.Popen[bytes]:
    return lab.program(
        "vm", "client", scene.beside, scene.beside_at(parameters), parameters.port, "--timeout", 2
    )


if __name__ == "__main__":
    sys.exit(main())
