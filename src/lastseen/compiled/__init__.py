"""The loops over packets as machine code: made by Numba once, called without it ever after."""

from lastseen.compiled.cache import compile_once, is_cold
from lastseen.compiled.kernels import (
    FETCHED_AHEAD,
    fetch_ahead,
    interpret,
    kernel,
    on_first_compile,
    packet_kernel,
    step_kernel,
)
from lastseen.compiled.threads import side_by_side

__all__ = [
    "FETCHED_AHEAD",
    "compile_once",
    "fetch_ahead",
    "interpret",
    "is_cold",
    "kernel",
    "on_first_compile",
    "packet_kernel",
    "side_by_side",
    "step_kernel",
]
