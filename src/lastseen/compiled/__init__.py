"""The loops over packets as machine code: made by Numba once, called without it ever after."""

from lastseen.compiled.cache import compile_once, is_cold
from lastseen.compiled.kernels import interpret, kernel, on_first_compile, packet_kernel, step_kernel

__all__ = [
    "compile_once",
    "interpret",
    "is_cold",
    "kernel",
    "on_first_compile",
    "packet_kernel",
    "step_kernel",
]
