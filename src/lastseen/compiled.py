"""Numba set up once: what a kernel is, where its machine code is kept, and who hears that it compiles.

Every kernel of lastseen is made by `kernel`, so that caching and the released GIL are decided in one place.
Numba keeps compiled code beside the source file or in the user's cache folder; where neither can be written it
refuses to cache at all, which would cost half a minute at every start or stop the program: then a folder of
this process's own in the temporary directory is used, and removed at exit.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = ["kernel", "on_first_compile"]

Function = TypeVar("Function", bound=Callable[..., Any])

_SOURCE: Final = Path(__file__).parent


def _writable(folder: Path) -> bool:
    """Whether a file can be made there; asked by making one, as permissions alone do not tell (root, mounts)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _user_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - no error without HOME
    return Path(root) / "lastseen" / "kernels"


def _choose_cache() -> None:
    """Point Numba at a folder it can write, unless the user already did."""
    if os.environ.get("NUMBA_CACHE_DIR") or _writable(_SOURCE / "__pycache__"):
        return
    folder = _user_cache()
    if not _writable(folder):
        folder = Path(tempfile.mkdtemp(prefix="lastseen-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)


_choose_cache()

from numba import njit  # noqa: E402 - the cache must be chosen before Numba reads its environment
from numba.core import event  # noqa: E402


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, without the GIL, keeping the machine code for the next run."""
    compiled: Function = njit(cache=True, nogil=True)(function)
    return compiled


class _Once(event.Listener):  # type: ignore[misc]  # numba ships no types
    """Calls `tell` at the first compilation, and never again."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def on_start(self, event: object) -> None:  # noqa: ARG002 - Numba's signature
        if self._tell is not None:
            tell, self._tell = self._tell, None
            tell()

    def on_end(self, event: object) -> None:
        """Nothing: only the first start is told."""


def on_first_compile(tell: Callable[[], None]) -> None:
    """Call `tell` once, when a kernel has to be compiled because no cached code fits this CPU."""
    event.register("numba:compile", _Once(tell))
