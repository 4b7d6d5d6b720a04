"""Where machine code is kept between runs: a folder whose name tells which sources, Numba and CPU it is of.

Beside the sources, else in the user's cache; where neither can be written, a folder of this process's own in the
temporary directory, which is removed at exit. NUMBA_CACHE_DIR names another place.
"""

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["folder", "is_cold", "kept", "numba_folder"]

_SOURCE: Final = Path(__file__).parents[1]

_KERNELS_IN: Final = re.compile(rb"^from lastseen\.compiled import .*kernel", re.MULTILINE)

_SUFFIX: Final = ".kernel"


def _writable(place: Path) -> bool:
    """Whether a file can be made there; asked by making one, as permissions alone do not tell (root, mounts)."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _roots() -> tuple[Path, Path]:
    """Where machine code may be kept: beside the sources, else in the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - no error without HOME
    return _SOURCE / "__pycache__", Path(root) / "lastseen"


def numba_folder() -> Path:
    """Where Numba lies, found without importing it: that takes 0.2 s."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("numba")
    return Path(spec.origin).parent


def _version() -> str:
    """A digest of all that machine code depends on but the CPU: sources, Numba's version and its settings."""
    digest = hashlib.blake2b(digest_size=8)
    for path in _sources():
        digest.update(path.read_bytes())
    digest.update((numba_folder() / "_version.py").read_bytes())
    settings = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
    settings.pop("NUMBA_CACHE_DIR", None)
    digest.update(repr(sorted(settings.items())).encode())
    return digest.hexdigest()


def _sources() -> list[Path]:
    """Every module that kernels are made of: those that import `kernel`, and all they import.

    Numba looks only at the file a kernel stands in; a kernel compiled into another file's loop, or with another
    file's constant in it, would go stale there. What no kernel is made of may change without a new compilation.
    """
    texts = {path: path.read_bytes() for path in _SOURCE.rglob("*.py")}
    by_name = {_module_name(path): path for path in texts}
    wanted = [path for path, text in texts.items() if b"kernel" in text and _KERNELS_IN.search(text)]
    wanted += Path(__file__).parent.glob("*.py")
    needed: set[Path] = set()
    while wanted:
        path = wanted.pop()
        if path not in needed and path.name != "__init__.py":
            needed.add(path)
            wanted += [by_name[name] for name in _imported(texts[path]) if name in by_name]
    return sorted(needed)


def _imported(text: bytes) -> list[bytes]:
    return re.findall(rb"^from (lastseen\.[\w.]+) import", text, re.MULTILINE)


def _module_name(path: Path) -> bytes:
    return ".".join(("lastseen", *path.relative_to(_SOURCE).with_suffix("").parts)).encode()


@cache
def folder() -> Path:
    """The folder of this version's machine code; it can be written."""
    version = f"kernels-{_version()}"
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named and _writable(Path(named) / version):
        return Path(named) / version
    root = next((root for root in _roots() if _writable(root / version)), None)
    if root is not None:
        _forget_others(root, version)
        chosen = root / version
    else:
        chosen = Path(tempfile.mkdtemp(prefix="lastseen-kernels-"))
        atexit.register(shutil.rmtree, chosen, ignore_errors=True)
    _take_over(version, chosen)
    return chosen


def _take_over(version: str, chosen: Path) -> None:
    """Copy code that whoever installed lastseen compiled, where only they can write: new code is written beside it."""
    if any(chosen.iterdir()):
        return
    for ready in (root / version for root in _roots()):
        if ready != chosen and ready.is_dir():
            shutil.copytree(ready, chosen, dirs_exist_ok=True)
            return


def _forget_others(root: Path, version: str) -> None:
    """Remove the code of former versions, so that the cache does not grow with every update."""
    for other in root.glob("kernels-*"):
        if other.name != version:
            shutil.rmtree(other, ignore_errors=True)


def is_cold() -> bool:
    """Whether no kernel of this version has been compiled yet (on this machine, by this user)."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return False
    return not any(folder().glob(f"*{_SUFFIX}"))


def kept(name: str) -> Path:
    """The file of one kernel's machine code."""
    return folder() / f"{name}{_SUFFIX}"
