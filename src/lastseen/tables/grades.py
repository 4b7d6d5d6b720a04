"""How sure a verdict is."""

from typing import Literal

__all__ = ["Grade"]

Grade = Literal["confirmed", "probable", "possible", "unattributed", "healthy", "blind"]
