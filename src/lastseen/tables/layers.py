"""Where something was seen that a timeline tells of."""

from typing import Final, Literal

__all__ = ["LAYERS", "Layer"]

Layer = Literal["syscall", "packet", "log", "drop", "socket", "snapshot", "command"]
LAYERS: Final[tuple[Layer, ...]] = ("command", "syscall", "packet", "log", "drop", "socket", "snapshot")
"""In the order in which events of one moment are listed."""
