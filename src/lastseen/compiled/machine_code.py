"""Load kept machine code and call it, with LLVM's loader alone.

Numba's own allocator is loaded for the kernels that make arrays: a small extension module, found without importing the
package it lies in.
"""

import ctypes
import hashlib
import json
import math
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeAlias

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numpy as np

from lastseen.compiled.cache import kept, numba_folder, outdated, up_to_date, write_whole
from lastseen.compiled.kernels import Kernel

__all__ = ["Code", "Native", "Result", "keep", "kept_code", "load_ahead", "native"]

Result: TypeAlias = Any
"""What a kernel returns: None; a dtype's text ("<i8"); [dtype, dimensions] of an array; a list of these, a tuple."""

_FINE: Final = (0, -2)
"""Return codes of compiled code: a value, and None (numba.core.callconv, RETCODE_OK and RETCODE_NONE)."""
_ALLOCATOR: Final = "numba.core.runtime._nrt_python"
_NUMBERS: Final = {
    "|b1": ctypes.c_bool, "|u1": ctypes.c_uint8, "<u4": ctypes.c_uint32, "<u8": ctypes.c_uint64,
    "|i1": ctypes.c_int8, "<i4": ctypes.c_int32, "<i8": ctypes.c_int64,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The machine code of a kernel for one kind of arguments: a relocatable object, and the function in it."""

    symbol: str
    result: Result
    machine_code: bytes = field(repr=False)


# ---- kept in files ----


@cache
def _cpu() -> str:
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def _file(kernel: Kernel, kinds: tuple[Any, ...]) -> Path:
    function = kernel.function
    shown = [kind and (kind[0].descr, *kind[1:]) for kind in kinds]
    digest = hashlib.blake2b(f"{shown} {_cpu()}".encode(), digest_size=8).hexdigest()
    return kept(function.__module__, function.__qualname__, digest)


def kept_code(kernel: Kernel, kinds: tuple[Any, ...]) -> Code | None:
    """The kernel's code from an earlier run; None: there is none, or it is damaged."""
    place = _file(kernel, kinds)
    return _AHEAD.get(place) or _read(place)


def _read(place: Path) -> Code | None:
    try:
        head, _, machine_code = place.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    try:
        told = json.loads(head)
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("digest") != _digest(machine_code):
        return None
    return Code(symbol=told["symbol"], result=told["result"], machine_code=machine_code)


def keep(kernel: Kernel, kinds: tuple[Any, ...], code: Code) -> None:
    """Write the code into its file, whole or not at all: others may be reading."""
    told = {"symbol": code.symbol, "result": code.result, "digest": _digest(code.machine_code)}
    place = _file(kernel, kinds)
    write_whole(place, json.dumps(told).encode() + b"\n" + code.machine_code)
    for other in outdated(place):
        other.unlink(missing_ok=True)


def _digest(machine_code: bytes) -> str:
    return hashlib.blake2b(machine_code, digest_size=16).hexdigest()


# ---- loaded ----

_AHEAD: Final[dict[Path, Code]] = {}
"""What `load_ahead` has loaded."""
_LOADED: Final[set[str]] = set()
"""Symbols the loader knows."""
_LOADER: Final = Lock()
"""One thread at a time adds code."""


@cache
def _allocator() -> dict[str, int]:
    """Addresses of the functions of Numba's allocator, made known to LLVM as well."""
    module = sys.modules.get(_ALLOCATOR)
    if module is None:
        place = numba_folder().joinpath(*_ALLOCATOR.split(".")[1:])
        path = next(path for end in EXTENSION_SUFFIXES if (path := Path(f"{place}{end}")).exists())
        spec = spec_from_file_location(_ALLOCATOR, path)
        assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - the file exists
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[_ALLOCATOR] = module  # Numba, should it be imported later, uses the same one
    addresses: dict[str, int] = module.c_helpers
    for name, address in addresses.items():
        llvm.add_symbol(f"NRT_{name}", address)
    return addresses


@cache
def _engine() -> Any:
    """LLVM's loader; one for all, as each costs as much as ten kernels."""
    _allocator()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def native(code: Code, kinds: tuple[Any, ...]) -> "Native":
    """The code, loaded and ready to be called."""
    _load((code,))
    words: list[Any] = [ctypes.c_void_p, ctypes.c_void_p]
    for kind in kinds:
        words += [ctypes.c_int64] if kind is None else _words_of_array(kind[1])
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *words)(_engine().get_function_address(code.symbol))
    result, take = _layout(code.result)
    return Native(name=code.symbol, function=function, result=result, take=take)


def load_ahead() -> None:
    """Load all code that is kept, at once, while the program's other modules are still being imported.

    It takes no time there: LLVM works without the GIL. Each kernel loaded when it is first called took 2 ms.
    """
    found = {place: code for place in up_to_date() if (code := _read(place)) is not None}
    _load(found.values())
    _AHEAD.update(found)


def _load(codes: Iterable[Code]) -> None:
    with _LOADER:
        new = [code for code in codes if code.symbol not in _LOADED]
        for code in new:
            _engine().add_object_file(llvm.object_file.ObjectFileRef.from_data(code.machine_code))
            _LOADED.add(code.symbol)
        if new:
            _engine().finalize_object()


def _words_of_array(dimensions: int) -> list[Any]:
    """Owner, parent, elements, their size, address, then lengths and strides (numba.core.datamodel, ArrayModel)."""
    word, address = ctypes.c_int64, ctypes.c_void_p
    return [address, address, word, word, address, *[word] * (2 * dimensions)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
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

    release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_allocator()["MemInfo_release"])

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
