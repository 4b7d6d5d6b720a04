"""The types of the arrays that the capture kernels share."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Bytes", "Integer", "Numbers", "Places", "Words"]

Bytes: TypeAlias = npt.NDArray[np.uint8]
"""A packet's surroundings: the file buffer."""
Words: TypeAlias = npt.NDArray[np.uint32]
"""Packet rows, flow rows and keys."""
Numbers: TypeAlias = npt.NDArray[np.int64]
"""Offsets and counters."""
Places: TypeAlias = npt.NDArray[np.int32]
"""A hash table of flow numbers."""
Integer: TypeAlias = Any
"""An int of the caller or an int64 inside a kernel: Numba does not tell them apart, the type checker would."""
