"""truth.json: what is right about a recorded run, for whoever scores a verdict on it.

It lies in the case folder; lastseen reads no JSON, so it cannot help the diagnosis.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene

__all__ = ["SCHEMA", "TRUTH_FILE", "read_truth", "write_truth"]

SCHEMA = "lastseen.truth/1"
TRUTH_FILE = "truth.json"


def write_truth(
    folder: Path, name: str, scene: Scene, parameters: Parameters, *, second: Mapping[str, Scene]
) -> None:
    """Write it. `second`: the scene whose fault is there too, if there is one, by name."""
    told = {
        "schema": SCHEMA,
        "scene": name,
        **asdict(scene.truth),
        "mechanism": scene.mechanism,
        "symptom": scene.symptom,
        "parameters": asdict(parameters),
    }
    for other, shown in second.items():
        told["second"] = {"scene": other, **asdict(shown.truth)}
    (folder / TRUTH_FILE).write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def read_truth(folder: Path) -> Any:
    """The truth of a recorded case, as written."""
    return json.loads((folder / TRUTH_FILE).read_text("utf-8"))
