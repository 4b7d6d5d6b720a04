"""Have LLVM link an object in this run: where `linking` does not know the machine, or what the compiler made.

It takes 0.1 s of a run, most of it to import LLVM's bindings.
"""

from functools import cache
from threading import Lock
from typing import Any, Final

import llvmlite.binding as llvm  # type: ignore[import-untyped]

from lastseen.compiled.symbols import ALLOCATORS, allocator

__all__ = ["cpu", "load"]

_LOADER: Final = Lock()
"""One thread at a time adds code."""
_LOADED: Final[set[str]] = set()
"""Symbols the loader knows."""


def cpu() -> str:
    """The processor as LLVM sees it: what it may make use of in code for this machine."""
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


@cache
def _engine() -> Any:
    """LLVM's loader; one for all, as each costs as much as ten kernels."""
    for name, address in allocator().items():
        llvm.add_symbol(f"{ALLOCATORS}{name}", address)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def load(content: bytes, function: str) -> int:
    """Link an object into this process; the address of its function."""
    with _LOADER:
        if function not in _LOADED:
            _engine().add_object_file(llvm.object_file.ObjectFileRef.from_data(content))
            _engine().finalize_object()
            _LOADED.add(function)
        return int(_engine().get_function_address(function))
