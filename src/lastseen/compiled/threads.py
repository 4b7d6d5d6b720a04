"""The same work on several tables, by as many threads as are worth their start."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["side_by_side"]

Result = TypeVar("Result")

WORTH_ROWS: Final = 20_000
"""Threads take a few tenths of a millisecond to start, in which a kernel is done with so many packets."""


def side_by_side(
    work: Callable[..., Result], *arguments: Iterable[object], rows: int, threads: int | None = None
) -> list[Result]:
    """What `work` returns for each of the arguments, in their order; NumPy and kernels work without the GIL.

    `rows`: how many packets it is about in all. `threads`: at most, None: as many as there are cores and a few.
    """
    if rows < WORTH_ROWS:
        return list(map(work, *arguments))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, *arguments))
