"""Where in memory lies what kernels call: Numba's allocator, the C library, the interpreter (to raise exceptions).

The allocator is a small extension module, found without importing the package it lies in: that takes 0.2 s.
"""

import ctypes
import sys
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from typing import Final

from lastseen.compiled.cache import numba_folder

__all__ = ["ALLOCATORS", "address_of", "allocator"]

_MODULE: Final = "numba.core.runtime._nrt_python"
ALLOCATORS: Final = "NRT_"
"""How the names of the allocator's functions begin in machine code (numba.core.runtime.nrtopt)."""


@cache
def allocator() -> dict[str, int]:
    """Addresses of the functions of Numba's allocator."""
    module = sys.modules.get(_MODULE)
    if module is None:
        place = numba_folder().joinpath(*_MODULE.split(".")[1:])
        path = next(
            path for end in EXTENSION_SUFFIXES if (path := place.parent / f"{place.name}{end}").exists()
        )
        spec = spec_from_file_location(_MODULE, path)
        assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - the file exists
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[_MODULE] = module  # Numba, should it be imported later, uses the same one
    addresses: dict[str, int] = module.c_helpers
    return addresses


@cache
def address_of(symbol: str) -> int:
    """The address of a function or variable of this process. Raises KeyError or ValueError where there is none."""
    if symbol.startswith(ALLOCATORS):
        return allocator()[symbol.removeprefix(ALLOCATORS)]
    return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, symbol))
