"""Where machine code is kept between runs, and which of it is still true.

Beside the sources, else in the user's cache; where neither can be written, in a folder of this process's own in the
temporary directory, which is removed at exit. NUMBA_CACHE_DIR names another place. A file's name tells which sources,
Numba, settings and kinds of arguments it is of.
"""

import atexit
import glob
import hashlib
import os
import re
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["is_cold", "kept", "numba_folder", "outdated"]

_SOURCE: Final = Path(__file__).parents[1]

_IMPORTS: Final = re.compile(rb"^from (lastseen[\w.]*) import ([^(\n]+|\([^)]*\))", re.MULTILINE)

_SUFFIX: Final = ".kernel"


def _writable(place: Path) -> bool:
    """Whether a file can be made there; asked by making one, as permissions alone do not tell (root, mounts)."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _places() -> tuple[Path, Path]:
    """Where machine code may be kept: beside the sources, else in the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - no error without HOME
    return _SOURCE / "__pycache__/kernels", Path(root) / "lastseen/kernels"


def numba_folder() -> Path:
    """Where Numba lies, found without importing it: that takes 0.2 s."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("numba")
    return Path(spec.origin).parent


@cache
def _version_of(module: str) -> str:
    """A digest of what the machine code of a module's kernels depends on but the CPU.

    That is Numba, its settings, how kernels are made, and every module that this one imports, directly or through
    others: a kernel compiled into another file's loop, or with another file's constant in it, would go stale there.
    """
    digest = hashlib.blake2b((numba_folder() / "_version.py").read_bytes(), digest_size=8)
    settings = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
    settings.pop("NUMBA_CACHE_DIR", None)
    digest.update(repr(sorted(settings.items())).encode())
    needed, wanted = set[str](), [module, "lastseen.compiled.compiler"]
    while wanted:
        name = wanted.pop()
        if name not in needed and (text := _source(name)):
            needed.add(name)
            wanted += _imported(name)
            digest.update(text)
    return digest.hexdigest()


@cache
def _source(module: str) -> bytes:
    """The text of a module; nothing of a package or of what is no module."""
    path = _SOURCE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return path.read_bytes() if path.is_file() else b""


@cache
def _imported(module: str) -> tuple[str, ...]:
    """Names that may be modules among what a module imports, in its order."""
    found = _IMPORTS.findall(_source(module))
    pairs = [(package.decode(), re.findall(r"\w+", names.decode())) for package, names in found]
    return tuple(name for package, names in pairs for name in (package, *(f"{package}.{n}" for n in names)))


@cache
def _folder() -> Path:
    """The folder of kept machine code; it can be written."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named and _writable(Path(named)):
        return Path(named)
    chosen = next((place for place in _places() if _writable(place)), None)
    if chosen is None:
        chosen = Path(tempfile.mkdtemp(prefix="lastseen-kernels-"))
        atexit.register(shutil.rmtree, chosen, ignore_errors=True)
    _take_over(chosen)
    return chosen


def _take_over(chosen: Path) -> None:
    """Copy code that whoever installed lastseen compiled, where only they can write: new code is written beside it."""
    if any(chosen.iterdir()):
        return
    for ready in _places():
        if ready != chosen and ready.is_dir():
            shutil.copytree(ready, chosen, dirs_exist_ok=True)
            return


def is_cold() -> bool:
    """Whether no kernel of these sources has been compiled yet (on this machine, by this user)."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return False
    names = [path.name.removesuffix(_SUFFIX).split("~") for path in _folder().glob(f"*{_SUFFIX}")]
    return not any(name[-1] == _version_of(name[0]) for name in names)


def kept(module: str, function: str, kinds: str) -> Path:
    """The file of one kernel's machine code."""
    return _folder() / f"{module}~{function}~{kinds}~{_version_of(module)}{_SUFFIX}"


def outdated(place: Path) -> list[Path]:
    """The files of the same kernel made from other sources."""
    others = place.parent.glob(f"{glob.escape(place.name.rpartition('~')[0])}~*{_SUFFIX}")
    return [other for other in others if other != place]
