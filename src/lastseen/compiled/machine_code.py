"""Machine code kept in files, and called through its C interface.

What is kept is a kernel's image, which only has to be put into memory (`images`); of what could not be linked it is
the compiler's object, which LLVM links (`objects`).

Values are named tuples here and in `images`: every run waits for these modules, and a dataclass takes 0.5 ms to make.
"""

import ctypes
import json
import math
import os
import weakref
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from lastseen.compiled.cache import kept, outdated, write_whole
from lastseen.compiled.images import Image, place
from lastseen.compiled.kernels import Kernel
from lastseen.compiled.symbols import allocator

__all__ = ["Code", "Native", "Result", "keep", "kept_code", "native"]

Result: TypeAlias = Any
"""What a kernel returns: None; a dtype's text ("<i8"); [dtype, dimensions] of an array; a list of these, a tuple."""

_FINE: Final = (0, -2)
"""Return codes of compiled code: a value, and None (numba.core.callconv, RETCODE_OK and RETCODE_NONE)."""
_NUMBERS: Final = {
    "|b1": ctypes.c_bool, "|u1": ctypes.c_uint8, "<u4": ctypes.c_uint32, "<u8": ctypes.c_uint64,
    "|i1": ctypes.c_int8, "<i4": ctypes.c_int32, "<i8": ctypes.c_int64,
}  # fmt: skip
_PROCESSOR: Final = Path("/sys/devices/system/cpu/modalias")
"""Its family, model and every feature in use, in a line (Linux 3.7 and later, drivers/base/cpu.c)."""


class Code(NamedTuple):
    """The machine code of a kernel for one kind of arguments.

    An image's content; without an `image` a relocatable object with the function `symbol` in it.
    """

    symbol: str
    result: Result
    machine_code: bytes
    image: Image | None = None


# ---- kept in files ----


@cache
def _cpu() -> str:
    """What machine code may depend on."""
    try:
        return f"{os.uname().machine} {_PROCESSOR.read_text('ascii', 'replace')}"
    except OSError:
        from lastseen.compiled.objects import cpu  # noqa: PLC0415 - imports LLVM, 0.05 s

        return cpu()


def _meant_for(kinds: tuple[Any, ...]) -> str:
    """The arguments and the processor that code is for."""
    return f"{[kind and (kind[0].descr, *kind[1:]) for kind in kinds]} {_cpu()}"


def _file(kernel: Kernel, meant_for: str) -> Path:
    function = kernel.function
    return kept(function.__module__, function.__qualname__, f"{zlib.crc32(meant_for.encode()):08x}")


def kept_code(kernel: Kernel, kinds: tuple[Any, ...]) -> Code | None:
    """The kernel's code from an earlier run; None: there is none, or it is damaged."""
    meant_for = _meant_for(kinds)
    try:
        head, _, machine_code = _file(kernel, meant_for).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    try:
        told = json.loads(head)
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("meant_for") != meant_for:
        return None
    if told["checksum"] != zlib.crc32(machine_code):
        return None
    image = told["image"] and Image(content=machine_code, **told["image"])
    return Code(symbol=told["symbol"], result=told["result"], machine_code=machine_code, image=image)


def keep(kernel: Kernel, kinds: tuple[Any, ...], code: Code) -> None:
    """Write the code into its file, whole or not at all: others may be reading."""
    meant_for, image = _meant_for(kinds), code.image
    told = {
        "meant_for": meant_for,
        "symbol": code.symbol,
        "result": code.result,
        "image": image and {"entry": image.entry, "inner": image.inner, "outer": image.outer},
        "checksum": zlib.crc32(code.machine_code),
    }
    path = _file(kernel, meant_for)
    write_whole(path, json.dumps(told).encode() + b"\n" + code.machine_code)
    for other in outdated(path):
        other.unlink(missing_ok=True)


# ---- loaded ----


def native(code: Code, kinds: tuple[Any, ...]) -> "Native":
    """The code, loaded and ready to be called."""
    words: list[Any] = [ctypes.c_void_p, ctypes.c_void_p]
    for kind in kinds:
        words += [ctypes.c_int64] if kind is None else _words_of_array(kind[1])
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *words)(_address(code))
    result, take = _layout(code.result)
    return Native(name=code.symbol, function=function, result=result, take=take)


def _address(code: Code) -> int:
    if code.image is not None:
        return place(code.image)
    from lastseen.compiled.objects import load  # noqa: PLC0415 - imports LLVM, 0.05 s

    return load(code.machine_code, code.symbol)


def _words_of_array(dimensions: int) -> list[Any]:
    """Owner, parent, elements, their size, address, then lengths and strides (numba.core.datamodel, ArrayModel)."""
    word, address = ctypes.c_int64, ctypes.c_void_p
    return [address, address, word, word, address, *[word] * (2 * dimensions)]


class Native(NamedTuple):
    """Loaded machine code."""

    name: str
    function: Callable[..., int]
    result: Any
    take: Callable[[Any], Any]

    def __call__(self, arguments: tuple[Any, ...]) -> Any:
        """Call it without the GIL. Raises RuntimeError where the Python function would have raised anything."""
        result, exception = self.result(), ctypes.c_void_p()
        status = self.function(ctypes.addressof(result), ctypes.addressof(exception), *_flat(arguments))
        if status not in _FINE:
            raise RuntimeError(f"kernel {self.name} failed ({status})")
        return self.take(result)


def _flat(arguments: tuple[Any, ...]) -> Iterator[Any]:
    for argument in arguments:
        if hasattr(argument, "ndim") and argument.ndim:
            yield from (None, None, argument.size, argument.itemsize)
            yield argument.__array_interface__["data"][0]
            yield from argument.shape
            yield from argument.strides
        else:
            yield int(argument)


def _layout(result: Result) -> tuple[Any, Callable[[Any], Any]]:
    """(the ctypes structure a result is written into, the function that takes it from there)."""
    if result is None:
        return ctypes.c_void_p, lambda _: None
    if isinstance(result, str):
        return _NUMBERS[result], lambda raw: raw.value
    if len(result) == 2 and isinstance(result[1], int):  # noqa: PLR2004 - dtype and dimensions
        return _array_layout(np.dtype(result[0]), result[1])
    parts = [_layout(part) for part in result]
    names = [f"part{number}" for number in range(len(parts))]

    class Tuple(ctypes.Structure):
        _fields_ = [(name, kind) for name, (kind, _) in zip(names, parts, strict=True)]

    def take(raw: Any) -> tuple[Any, ...]:
        address = ctypes.addressof(raw)
        return tuple(
            part_take(kind.from_address(address + getattr(Tuple, name).offset))
            for name, (kind, part_take) in zip(names, parts, strict=True)
        )

    return Tuple, take


def _array_layout(dtype: np.dtype[Any], dimensions: int) -> tuple[Any, Callable[[Any], Any]]:
    words = [(f"word{number}", word) for number, word in enumerate(_words_of_array(dimensions))]

    class Array(ctypes.Structure):
        _fields_ = words

    release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(allocator()["MemInfo_release"])

    def take(raw: Any) -> np.ndarray[Any, Any]:
        """The array, whose memory is given back with it."""
        owner, _, count, _, data, *lengths = [getattr(raw, name) for name, _ in words]
        shape, strides = lengths[:dimensions], lengths[dimensions:]
        assert count == math.prod(shape)  # noqa: S101 - or the layout is not what this module takes it for
        if not count:
            release(owner)
            return np.empty(shape, dtype)
        assert strides == list(np.empty(shape, dtype).strides)  # noqa: S101 - kernels return what is contiguous
        memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(data)
        weakref.finalize(memory, release, owner).atexit = False
        return np.ndarray(shape, dtype, memory)

    return Array, take
