"""Tables of packets that lie in files without a name: what does not fit into memory while packets are matched.

Matching looks at the packets of a connection at all points at once, and which connections belong together is known
only when all were seen. So its tables cannot be cut into parts as those of connections are (`spill`). They are mapped
instead: the system keeps of them in memory what is in use while there is room, and they are plain arrays to all code.
"""

import math
import mmap
import os
import tempfile
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["mapped", "needed_bytes"]

OWN_BYTES: Final = 250_000_000
"""What the program needs without any packet: code, flows, the rows it prints."""
BYTES_MATCHING: Final = 35
"""Own memory a packet takes while it is matched: its connection, its place among them, its partner, its fate, its
delay, and the connections' rows (measured, see `bench`)."""


def mapped(shape: tuple[int, ...], kind: type[np.generic]) -> npt.NDArray[Any]:
    """An array in a file of TMPDIR that is gone with the array.

    Raises MemoryError when the disk is full: a file that only seems to have room would end the program later.
    """
    size = math.prod(shape) * np.dtype(kind).itemsize
    if not size:
        return np.empty(shape, kind)
    try:
        with tempfile.TemporaryFile(prefix="lastseen-packets-") as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.ndarray(shape, kind, mmap.mmap(file.fileno(), size))
    except OSError as error:
        raise MemoryError(
            f"packets cannot be kept in {tempfile.gettempdir()} ({error.strerror}); set TMPDIR to a larger one"
        ) from error


def needed_bytes(packets: int) -> int:
    """How much memory matching takes whose tables of packets are `mapped`."""
    return OWN_BYTES + BYTES_MATCHING * packets
