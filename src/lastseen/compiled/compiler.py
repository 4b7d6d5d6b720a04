"""Numba: a kernel's Python to machine code. Imported only where something has to be compiled.

Numba compiles a function that is called from compiled code as `int32 f(result*, exception**, arguments...)`, an array
as seven words and more (numba.core.callconv, CPUCallConv; numba.core.datamodel, ArrayModel). That is a plain C
function, and all that is kept of it; the wrappers that would let Python call it, and which need Numba at run time, are
left out.
"""

import re
from functools import cache
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import from_dtype, njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from lastseen.compiled.kernels import Kernel, fetch_ahead
from lastseen.compiled.linking import linked
from lastseen.compiled.machine_code import Code, Result, keep

__all__ = ["compile_kernel", "dispatcher"]

_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

_NEEDED: Final = re.compile(r"^declare .*@(?!llvm\.)([\w.$]+)\(", re.MULTILINE)
"""A function that the code calls and does not bring."""
_THERE: Final = re.compile(r"NRT_\w+|mem(?:cpy|set|move)|_?Py[A-Z]\w+")
"""What `symbols`, the C library and the interpreter (on the way to an exception) provide."""


@cache
def dispatcher(kernel: Kernel) -> Any:
    """Numba's view of a kernel, with its options."""
    made: Any = njit(**_OPTIONS)(kernel.function)
    if not kernel.counts:
        made.targetoptions["_nrt"] = False
    if kernel.inline:
        made.targetoptions["forceinline"] = True
    return made


def compile_kernel(kernel: Kernel, kinds: tuple[Any, ...]) -> Code:
    """The machine code of a kernel for these kinds of arguments, kept for the next run."""
    signature = tuple(_type_of(kind) for kind in kinds)
    made = dispatcher(kernel)
    made.compile(signature)
    compiled = made.overloads[signature]
    needed = {name for name in _NEEDED.findall(compiled.library.get_llvm_str()) if not _THERE.fullmatch(name)}
    if needed:
        raise RuntimeError(f"{kernel.function.__qualname__} needs {', '.join(sorted(needed))} at run time")
    symbol = compiled.fndesc.llvm_func_name
    made_object = compiled.library._get_compiled_object()  # noqa: SLF001 - what Numba's own cache keeps, too
    image = linked(made_object, symbol)
    code = Code(
        symbol=symbol,
        result=_result_of(compiled.signature.return_type),
        machine_code=made_object if image is None else image.content,
        image=image,
    )
    keep(kernel, kinds, code)
    return code


@overload(fetch_ahead, inline="always", strict=False)
def _fetch_ahead(table: Any, row: Any) -> Any:  # noqa: ARG001 - Numba calls it with their types
    fetch: Any = _prefetch
    return lambda table, row: fetch(table, row)  # noqa: PLW0108 - Numba compiles a function, no intrinsic


@intrinsic
def _prefetch(_typing: Any, table: Any, row: Any) -> Any:
    """LLVM's prefetch (Language Reference, "llvm.prefetch"): to be read, kept in all caches, data."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, arguments[0])
        first = [context.cast(builder, arguments[1], signature.args[1], types.intp)]
        first += [context.get_constant(types.intp, 0)] * (kind.ndim - 1)
        address = builder.bitcast(
            cgutils.get_item_pointer(context, builder, kind, array, first, wraparound=False),
            cgutils.voidptr_t,
        )
        number = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch",
            (cgutils.voidptr_t,),
            ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *[number] * 3]),
        )
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.none(table, row), generate


def _type_of(kind: Any) -> Any:
    if kind is None:
        return types.int64
    dtype, dimensions, is_contiguous = kind
    return types.Array(from_dtype(dtype), dimensions, "C" if is_contiguous else "A")


def _result_of(kind: Any) -> Result:
    """How the result is laid out, as `machine_code.Result` says it."""
    if isinstance(kind, types.NoneType):
        return None
    if isinstance(kind, types.BaseTuple):
        parts: Any = kind
        return [_result_of(part) for part in parts]
    if isinstance(kind, types.Array):
        return [np.dtype(str(kind.dtype)).str, kind.ndim]
    plain = types.unliteral(kind)
    return np.dtype("bool" if plain == types.boolean else str(plain)).str
