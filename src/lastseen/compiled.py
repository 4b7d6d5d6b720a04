"""Numba set up once: what a kernel is, where its machine code is kept, and who hears that it compiles.

Every kernel of lastseen is made by `kernel`, so that caching and the released GIL are decided in one place.
Numba keeps compiled code beside the source file or in the user's cache folder; where neither can be written it
refuses to cache at all, which would cost half a minute at every start or stop the program: then a folder of
this process's own in the temporary directory is used, and removed at exit.
"""

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = ["is_cold", "kernel", "on_first_compile", "packet_kernel", "step_kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])

_SOURCE: Final = Path(__file__).parent

_KERNELS_IN: Final = re.compile(rb"^from lastseen\.compiled import .*kernel", re.MULTILINE)


def _writable(folder: Path) -> bool:
    """Whether a file can be made there; asked by making one, as permissions alone do not tell (root, mounts)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _roots() -> tuple[Path, Path]:
    """Where compiled code may be kept: beside the sources, else in the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - no error without HOME
    return _SOURCE / "__pycache__", Path(root) / "lastseen"


def _version_of_sources() -> str:
    """A digest of every module that kernels are made of: those that import `kernel`, and all they import.

    Numba looks only at the file a kernel stands in; a kernel compiled into another file's loop, or with another
    file's constant in it, would go stale there. What no kernel is made of may change without a new compilation.
    """
    digest = hashlib.blake2b(digest_size=8)
    texts = {path: path.read_bytes() for path in sorted(_SOURCE.rglob("*.py"))}
    imports = {path: _imported(text) for path, text in texts.items()}
    wanted = [path for path, text in texts.items() if _KERNELS_IN.search(text)]
    by_name = {_module_name(path): path for path in texts}
    needed: set[Path] = set()
    while wanted:
        path = wanted.pop()
        if path not in needed and path.name != "__init__.py":
            needed.add(path)
            wanted += [by_name[name] for name in imports[path] if name in by_name]
    for path in sorted(needed):
        digest.update(texts[path])
    return digest.hexdigest()


def _imported(text: bytes) -> list[bytes]:
    return re.findall(rb"^from (lastseen\.[\w.]+) import", text, re.MULTILINE)


def _module_name(path: Path) -> bytes:
    return ".".join(("lastseen", *path.relative_to(_SOURCE).with_suffix("").parts)).encode()


def _choose_cache() -> None:
    """Point Numba at a folder of this version's own that can be written, unless the user named such a one."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named and _writable(Path(named)):
        return
    version = f"kernels-{_version_of_sources()}"
    root = next((root for root in _roots() if _writable(root / version)), None)
    if root is not None:
        _forget_others(root, version)
        folder = root / version
    else:
        folder = Path(tempfile.mkdtemp(prefix="lastseen-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _take_over(version, folder)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)


def _take_over(version: str, folder: Path) -> None:
    """Copy code that whoever installed lastseen compiled, where only they can write: Numba wants to write there."""
    if any(folder.iterdir()):
        return
    for ready in (root / version for root in _roots()):
        if ready != folder and ready.is_dir():
            shutil.copytree(ready, folder, dirs_exist_ok=True)
            return


def _forget_others(root: Path, version: str) -> None:
    """Remove the code of former versions, so that the cache does not grow with every update."""
    for other in root.glob("kernels-*"):
        if other.name != version:
            shutil.rmtree(other, ignore_errors=True)


_choose_cache()

from numba import njit  # noqa: E402 - the cache must be chosen before Numba reads its environment
from numba.core import event  # noqa: E402


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, without the GIL, keeping the machine code for the next run."""
    compiled: Any = njit(cache=True, nogil=True)(function)
    result: Function = compiled
    return result


def step_kernel(function: Function) -> Function:
    """Compile like `kernel`, for a function that only borrows its arrays: none is allocated, returned or kept.

    By default Numba counts references to every array handed on, with locked instructions: decoding two million
    packets took 1.26 s, without the counting 0.31 s.
    """
    compiled: Any = kernel(function)
    if hasattr(compiled, "targetoptions"):  # plain Python when Numba is switched off
        compiled.targetoptions["_nrt"] = False
    result: Function = compiled
    return result


def packet_kernel(function: Function) -> Function:
    """Compile like `step_kernel`, into every caller: for what every packet passes.

    A call hands over seven words an array; compiled into one loop, decoding took 0.17 s instead of 0.31 s.
    """
    compiled: Any = step_kernel(function)
    if hasattr(compiled, "targetoptions"):
        compiled.targetoptions["forceinline"] = True
    result: Function = compiled
    return result


def is_cold() -> bool:
    """Whether no kernel of this version has been compiled yet (on this machine, by this user)."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return False
    return not any(Path(os.environ["NUMBA_CACHE_DIR"]).glob("*/*.nbi"))


class _Once(event.Listener):
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
