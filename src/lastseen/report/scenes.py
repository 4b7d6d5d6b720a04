"""JSON forms of the lab: its scenes and what was recorded."""

from typing import Any

import msgspec

__all__ = ["RecordedJson", "SceneJson", "ScenesJson"]


class SceneJson(msgspec.Struct):
    """One scene: whose truth it is, and what it needs."""

    name: str
    title: str
    truth: str | None
    healthy: bool
    topology: str
    root: bool
    exclusive: bool
    mechanism: str
    symptom: str


class ScenesJson(msgspec.Struct):
    """`lastseen lab list --json`."""

    scenes: list[SceneJson]
    schema: str = "lastseen.scenes/1"


class RecordedJson(msgspec.Struct):
    """`lastseen lab run --json`."""

    folder: str
    truth: Any
    schema: str = "lastseen.recorded/1"
