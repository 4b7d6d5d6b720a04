"""A kernel's machine code as it lies in memory, but for the addresses that only a run knows.

`linking` makes it once, when the kernel is compiled. So a run needs no linker: importing LLVM's bindings and having its
loader link thirty kernels took 0.1 s of every run.
"""

import ctypes
import mmap
import struct
from functools import cache
from typing import Any, Final, NamedTuple

from lastseen.compiled.symbols import address_of

__all__ = ["Image", "place"]

_WORD: Final = struct.Struct("<Q")
_PLACED: Final[list[mmap.mmap]] = []
"""The memory of all code, kept for as long as the process lives."""


class Image(NamedTuple):
    """Code and constants, where the function begins in them, and which words lack an address.

    `inner`: offsets of 64-bit words to which the image's own address is added; `outer`: of each symbol outside, the
    offsets of words to which its address is added.
    """

    content: bytes
    entry: int
    inner: list[int]
    outer: dict[str, list[int]]


def place(image: Image) -> int:
    """Put the code into memory; the address of its function. It may be run and no longer be written to."""
    memory = mmap.mmap(-1, len(image.content), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = image.content
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    _add(memory, image.inner, base)
    for symbol, offsets in image.outer.items():
        _add(memory, offsets, address_of(symbol))
    _make_executable(base, len(memory))
    _PLACED.append(memory)
    return base + image.entry


def _add(memory: mmap.mmap, offsets: list[int], address: int) -> None:
    for offset in offsets:
        (value,) = _WORD.unpack_from(memory, offset)
        _WORD.pack_into(memory, offset, (value + address) % (1 << 64))


def _make_executable(address: int, size: int) -> None:
    """mprotect(2). Raises OSError where the system does not allow it."""
    if _mprotect()(address, size, mmap.PROT_READ | mmap.PROT_EXEC):
        error = ctypes.get_errno()
        raise OSError(error, f"machine code cannot be made executable (mprotect: errno {error})")


@cache
def _mprotect() -> Any:
    function = ctypes.CDLL(None, use_errno=True).mprotect
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return function
