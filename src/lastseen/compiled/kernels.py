"""What a kernel is: a function over arrays and whole numbers that runs as machine code, without the GIL.

Numba compiles it, once for a machine; the machine code is kept and from then on called as it is. Numba's own cache
gives the same code, but only to Numba, whose import, set-up and bookkeeping took 0.6 s of every run: more than
comparing two captures of a million packets. So Numba is imported only where something has to be compiled.

With NUMBA_DISABLE_JIT=1 a kernel is its plain Python function, which is how branch coverage sees inside; after
`interpret` it runs that function, too: a few hundred packets are not worth the wait for the compiler.
"""

import functools
from collections.abc import Callable
from threading import Event, Lock, local
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lastseen.compiled.cache import IS_OFF

if TYPE_CHECKING:
    from lastseen.compiled.machine_code import Native

__all__ = [
    "FETCHED_AHEAD",
    "Kernel",
    "fetch_ahead",
    "interpret",
    "kernel",
    "on_first_compile",
    "packet_kernel",
    "step_kernel",
]

Function = TypeVar("Function", bound=Callable[..., Any])

_LOADING: Final = Lock()
"""One at a time: two threads may want the same kernel, and Numba compiles in one thread only."""
_TO_TELL: Final[list[Callable[[], None]]] = []
_INTERPRETED: Final = Event()
_INSIDE: Final = local()
"""Whether this thread is in a kernel: what that one calls keeps its numbers as wide as they are."""


class Kernel:
    """A function and its machine code for the kinds of arguments it has met so far."""

    def __init__(self, function: Callable[..., Any], *, counts: bool, inline: bool) -> None:
        self.function = function
        self.counts = counts
        """Whether references to its arrays are counted."""
        self.inline = inline
        self._loaded: dict[tuple[object, ...], Native] = {}
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """The function's result, with the GIL released meanwhile."""
        if _INTERPRETED.is_set():
            return _interpreted(self.function, arguments)
        kinds = tuple([kind_of(argument) for argument in arguments])
        native = self._loaded.get(kinds)
        if native is None:
            native = self._load(kinds)
        return native(arguments)

    def _load(self, kinds: tuple[object, ...]) -> "Native":
        from lastseen.compiled.machine_code import kept_code, native  # noqa: PLC0415 - needs NumPy

        with _LOADING:
            if kinds not in self._loaded:
                code = kept_code(self, kinds)
                if code is None:
                    from lastseen.compiled.compiler import compile_kernel  # noqa: PLC0415 - imports Numba, 0.2 s

                    while _TO_TELL:
                        _TO_TELL.pop()()
                    code = compile_kernel(self, kinds)
                self._loaded[kinds] = native(code, kinds)
            return self._loaded[kinds]

    @property
    def _numba_type_(self) -> Any:
        """How Numba sees it when another kernel calls it."""
        from lastseen.compiled.compiler import dispatcher  # noqa: PLC0415 - imports Numba, 0.2 s

        return dispatcher(self)._numba_type_


def kind_of(argument: Any) -> object:
    """What machine code depends on: of an array its element type, dimensions and whether it is contiguous.

    Everything else is an int64.
    """
    if hasattr(argument, "ndim") and argument.ndim:
        return argument.dtype, argument.ndim, argument.flags.c_contiguous
    return None


def _interpreted(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The function's own result, of what machine code takes and gives: arrays, and Python's whole numbers."""
    if getattr(_INSIDE, "a_kernel", False):
        return function(*arguments)
    import numpy as np  # noqa: PLC0415 - a kernel can be made without it

    _INSIDE.a_kernel = True
    try:
        with np.errstate(over="ignore", divide="raise"):  # digests overflow on purpose
            taken = [argument if kind_of(argument) else int(argument) for argument in arguments]
            return _python_s(function(*taken))
    finally:
        _INSIDE.a_kernel = False


def _python_s(result: Any) -> Any:
    """A kernel's result without NumPy's own numbers."""
    if isinstance(result, tuple):
        return tuple(map(_python_s, result))
    return result.item() if hasattr(result, "item") and not result.ndim else result


def _made(function: Function, *, counts: bool, inline: bool) -> Function:
    made: Any = function if IS_OFF else Kernel(function, counts=counts, inline=inline)
    result: Function = made
    return result


def kernel(function: Function) -> Function:
    """Make machine code of `function` at its first call; it may make arrays and return them."""
    return _made(function, counts=True, inline=False)


def step_kernel(function: Function) -> Function:
    """Like `kernel`, for a function that only borrows its arrays: none is allocated, returned or kept.

    By default Numba counts references to every array handed on, with locked instructions: decoding two million
    packets took 1.26 s, without the counting 0.31 s.
    """
    return _made(function, counts=False, inline=False)


def packet_kernel(function: Function) -> Function:
    """Like `step_kernel`, compiled into every caller: for what every packet passes.

    A call hands over seven words an array; compiled into one loop, decoding took 0.17 s instead of 0.31 s.
    """
    return _made(function, counts=False, inline=True)


FETCHED_AHEAD: Final = 16
"""Packets from the one in hand to the one fetched: measured, less is too late and more gains nothing."""


def fetch_ahead(table: Any, row: Any) -> None:
    """Have the processor fetch a row of a table, which will be needed soon. `row` may be any number: none is read.

    Compiled it is one instruction (`compiler`), as a Python function nothing. What takes packets in the order of their
    connections, as tracking and matching do, jumps through a table larger than the caches and waited for memory half
    of its time: there is too much to do with a packet for the processor to begin the next one's load by itself.
    """


def on_first_compile(tell: Callable[[], None]) -> None:
    """Call `tell` once, when a kernel has to be compiled because no code of it is kept that fits this CPU."""
    _TO_TELL.append(tell)


def interpret(*, wanted: bool) -> None:
    """From now on Python itself runs every kernel of this process; or, not `wanted`, machine code does, as ever."""
    if wanted:
        _INTERPRETED.set()
    else:
        _INTERPRETED.clear()
