"""A scene left up, with a shell to look around: `on NODE COMMAND` runs a command on a node.

    python -m lastseen.lab.play FD SCENE

The shell is the user's own; when it ends, so does the lab.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import draw
from lastseen.lab.run import FAILED, build
from lastseen.lab.sandbox import die_with_parent
from lastseen.lab.scene import readme, scene_of

__all__ = ["main"]

ON = """#!/bin/sh
# on NODE COMMAND...: run a command inside a node of this lab
tid=$(cat "$(dirname "$0")/../nodes/$1") || exit 2
shift
exec nsenter --target "$tid" --net --mount --uts -- "$@"
"""
EXECUTABLE = 0o755


def main() -> int:
    """Build the scene, show its page, run a shell, end."""
    descriptor, name = sys.argv[1:]
    scene = scene_of(name)
    with tempfile.TemporaryDirectory(prefix="lastseen-lab-") as folder:
        die_with_parent(int(descriptor), Path(folder))
        try:
            lab = build(scene, Path(folder), Path(folder), draw(scene.ranges, None))
        except LastseenError as error:
            sys.stderr.write(f"{error}\n")
            return FAILED
        _write_commands(lab, Path(folder))
        points = ", ".join(f"{point.node} {point.interface}" for point in lab.points)
        sys.stdout.write(
            f"{readme(name)}\nPoints of the path, remote end first: {points}\nLeave with Ctrl-D.\n\n"
        )
        sys.stdout.flush()
        surroundings = dict(os.environ) | {
            "PATH": f"{folder}/bin:{os.environ.get('PATH', '')}",
            "PS1": f"{name}$ ",
        }
        return subprocess.run([os.environ.get("SHELL") or "sh"], env=surroundings, check=False).returncode


def _write_commands(lab: Lab, folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin/on").write_text(ON)
    (folder / "bin/on").chmod(EXECUTABLE)
    (folder / "nodes").mkdir()
    for name, node in lab.nodes.items():
        (folder / "nodes" / name).write_text(f"{node.tid}\n")


if __name__ == "__main__":
    sys.exit(main())
