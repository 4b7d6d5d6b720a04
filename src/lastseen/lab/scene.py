"""What a scene is: a network, what breaks in it, what somebody does there, and the truth about it.

A scene's folder holds `scene.py` with a `SCENE`, and a README for people. `mechanism` and `symptom` say which of the
two the kernel (or a real program) does by itself, and which the lab only stands in for.
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import files
from typing import Literal

from lastseen.errors import LastseenError
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters, Range

__all__ = [
    "Arm",
    "Scene",
    "Serve",
    "Showed",
    "Topology",
    "Truth",
    "Work",
    "names",
    "readme",
    "scene_of",
    "scenes",
    "shown_faults",
]

Topology = Callable[[Lab, Parameters], None]
"""Builds nodes, links and rules, and names the points."""
Arm = Callable[[Lab, Parameters], None]
"""Puts the fault in, after the network works and before anything is captured."""
Serve = Callable[[Lab, Parameters], None]
"""Starts what answers, and returns when it listens."""
Showed = Callable[[Lab], bool]
"""Whether the fault really happened in this run, asked at its end."""
Work = Callable[[Lab, Parameters], subprocess.Popen[bytes] | None]
"""Starts what the user does, and returns it while it runs (None: it is already over)."""
Whose = Literal["kernel", "stand-in"]
Hits = Literal["everything", "some packets", "its service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is right about a scene."""

    fault: str | None
    """The cause's slug; None: nothing is wrong, or no cause can be seen from inside (`accept` tells which)."""
    accept: tuple[str | None, ...] = ()
    """Further right verdicts; None is 'unattributed' with the right hop."""
    hop: tuple[str, str] | None = None
    """Where packets were last seen and where they were missed, in their direction: point names."""
    both_ways: bool = False
    """Packets are lost there in the other direction, too."""
    healthy: bool = False
    seems: tuple[str, ...] = ()
    """What else is right to say where evidence does not suffice: what the rest of it shows, and is true."""
    needs: tuple[str, ...] = ()
    """Texts, by a part of their name, without which the captures of the hop do not tell the cause, or the place."""

    def accepted(self, known: frozenset[str]) -> tuple[str | None, ...]:
        """The verdicts to accept while only these faults have rules."""
        right = (self.fault, *self.accept) if self.fault else self.accept
        return right if self.fault is None or self.fault in known else (*right, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One scene. Its name is its folder's."""

    title: str
    topology: Topology
    truth: Truth
    work: Work
    serve: Serve
    arm: Arm = lambda _lab, _parameters: None
    beside: str = "get"
    """What the healthy connections beside it do, where a run has some: a mode of the lab's client; "": none."""
    beside_at: Callable[[Parameters], str] = lambda parameters: parameters.remote
    """The address they ask."""
    ranges: Mapping[str, Range] = field(default_factory=dict)
    mechanism: Whose = "kernel"
    symptom: Whose = "kernel"
    showed: Showed = lambda _lab: True
    """A fault that needs a coincidence says whether it came; a run in which it did not has no truth and fails."""
    hits: Hits = "everything"
    """What of the network's traffic suffers. Beside a fault that hits its own service only, another can show."""
    root: bool = False
    exclusive: bool = False
    """Whether no other lab may run beside it."""
    machine: Mapping[str, str] = field(default_factory=dict)
    """Sysctls that the machine has once for all its namespaces, set for as long as the run lasts: `exclusive`, then."""


def names() -> tuple[str, ...]:
    """All scenes, in alphabetical order."""
    folder = files("lastseen.lab.scenes")
    return tuple(sorted(entry.name for entry in folder.iterdir() if (entry / "scene.py").is_file()))


def scene_of(name: str) -> Scene:
    """The scene of that name. Raises LastseenError for one that does not exist."""
    if name not in names():
        raise LastseenError(f"no scene is called {name}; 'lastseen lab list' shows all")
    scene = import_module(f"lastseen.lab.scenes.{name}.scene").SCENE
    assert isinstance(scene, Scene)  # noqa: S101 - what the folder promises
    return scene


def scenes() -> dict[str, Scene]:
    """All scenes by name."""
    return {name: scene_of(name) for name in names()}


def shown_faults() -> frozenset[str]:
    """The faults that some scene shows and whose verdict has to name them."""
    truths = [scene.truth for scene in scenes().values()]
    return frozenset(truth.fault for truth in truths if truth.fault and None not in truth.accept)


def readme(name: str) -> str:
    """A scene's page for people."""
    return (files("lastseen.lab.scenes") / name / "README.md").read_text("utf-8")
