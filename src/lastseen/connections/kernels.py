"""How the kernels of connection tracking are compiled.

They are many and small, and all work on one vector that the caller owns. Two things that Numba does by default
cost more than their work: counting references to that vector, and calls, which hand over seven words an array (two
million packets: 0.52 s; without the first 0.28 s, without both 0.17 s). So none of them counts references, and those
that every packet passes are compiled into their caller.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from lastseen.compiled import kernel

__all__ = ["packet_kernel", "step_kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])


def step_kernel(function: Function) -> Function:
    """Compile like `kernel`, for a function that only borrows its arrays: none is allocated, returned or kept."""
    compiled: Any = kernel(function)
    if hasattr(compiled, "targetoptions"):  # plain Python when Numba is switched off
        compiled.targetoptions["_nrt"] = False
    result: Function = compiled
    return result


def packet_kernel(function: Function) -> Function:
    """Compile like `step_kernel`, into every caller: for what every packet passes."""
    compiled: Any = step_kernel(function)
    if hasattr(compiled, "targetoptions"):
        compiled.targetoptions["forceinline"] = True
    result: Function = compiled
    return result
