"""Where machine code is kept between runs, and which of it is still true.

Beside the sources, else in the user's cache; where neither can be written, in a folder of this process's own in the
temporary directory, which is removed at exit. NUMBA_CACHE_DIR names another place. A file's name tells which sources,
Numba, settings and kinds of arguments it is of.

Reading all sources to know their digest took 20 ms of every run, so that digests are kept as well, with the sizes and
times of the files they were made of.
"""

import atexit
import fcntl
import glob
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import get_ident
from typing import Any, Final

__all__ = ["IS_OFF", "compile_once", "is_cold", "kept", "numba_folder", "outdated", "write_whole"]

_SOURCE: Final = Path(__file__).parents[1]

_IMPORTS: Final = rb"^from (lastseen[\w.]*) import ([^(\n]+|\([^)]*\))"

IS_OFF: Final = os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"
"""Whether kernels are plain Python functions in this run."""
_SUFFIX: Final = ".kernel"
_VERSIONS: Final = "versions.json"
_COMPILED: Final = "compiled.json"
"""Of each module with kernels the version they were compiled from, when all were."""
_LOCK: Final = "lock"
"""Held by the process that compiles."""


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
    known = _known_versions().get(module, {})
    if known and known["settings"] == _settings() and _stamps(known["files"]) == known["files"]:
        return str(known["digest"])
    made_of = [str(numba_folder() / "_version.py")]
    from hashlib import blake2b  # noqa: PLC0415 - loads OpenSSL, 3 ms, and is needed when sources change

    digest = blake2b(Path(made_of[0]).read_bytes(), digest_size=8)
    digest.update(_settings().encode())
    needed, wanted = set[str](), [module, "lastseen.compiled.compiler"]
    while wanted:
        name = wanted.pop()
        if name not in needed and (text := _source(name)):
            needed.add(name)
            wanted += _imported(name)
            digest.update(text)
    made_of += [str(_path(name)) for name in sorted(needed)]
    _known_versions()[module] = {
        "digest": digest.hexdigest(), "settings": _settings(), "files": _stamps(made_of),
    }  # fmt: skip
    with suppress(OSError):  # the next run reads the sources again
        write_whole(_folder() / _VERSIONS, json.dumps(dict(_known_versions())).encode())
    return digest.hexdigest()


def _settings() -> str:
    settings = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
    settings.pop("NUMBA_CACHE_DIR", None)
    return repr(sorted(settings.items()))


@cache
def _known_versions() -> dict[str, Any]:
    """Of each module the digest, and the files it was made of, as an earlier run left them; empty where damaged."""
    try:
        told = json.loads((_folder() / _VERSIONS).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _stamps(files: Iterable[str]) -> dict[str, list[int] | None]:
    """Of each file when it was changed last and its size; None: it is not there."""
    return {file: _stamp(file) for file in files}


@cache
def _stamp(file: str) -> list[int] | None:
    try:
        told = os.stat(file)  # noqa: PTH116 - of some hundred files in every run
    except OSError:
        return None
    return [told.st_mtime_ns, told.st_size]


def write_whole(place: Path, content: bytes) -> None:
    """Write a file whole or not at all: others may be reading."""
    partial = place.with_suffix(f".{os.getpid()}-{get_ident()}")
    partial.write_bytes(content)
    partial.replace(place)


@cache
def _source(module: str) -> bytes:
    """The text of a module; nothing of a package or of what is no module."""
    path = _path(module)
    return path.read_bytes() if path.is_file() else b""


def _path(module: str) -> Path:
    return _SOURCE.joinpath(*module.split(".")[1:]).with_suffix(".py")


@cache
def _imported(module: str) -> tuple[str, ...]:
    """Names that may be modules among what a module imports, in its order."""
    found = re.findall(_IMPORTS, _source(module), re.MULTILINE)
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


def compile_once(compile_all: Callable[[], None], *, waiting: Callable[[], None]) -> None:
    """Compile all kernels, unless that was done from these sources (on this machine, by this user).

    Of several processes that come to that at once one compiles, and the others wait for it, having called `waiting`:
    each for itself, seven of them took minutes. Code that was left half compiled is completed.
    """
    if not is_cold():
        return
    with suppress(OSError), (_folder() / _LOCK).open("wb") as held:
        # Where files cannot be locked each process compiles for itself, kernel by kernel.
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(held, fcntl.LOCK_EX)
        if not _all_compiled():
            compile_all()
            versions = {module: _version_of(module) for module in _compiled_modules()}
            write_whole(_folder() / _COMPILED, json.dumps(versions).encode())


def is_cold() -> bool:
    """Whether some kernel may have to be compiled yet."""
    return not IS_OFF and not _all_compiled()


def _all_compiled() -> bool:
    """Whether the kernels of every module were compiled from its sources as they are."""
    try:
        told = json.loads((_folder() / _COMPILED).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and all(_version_of(module) == version for module, version in told.items())


def _compiled_modules() -> list[str]:
    """The modules that have kernels compiled from their sources as they are."""
    names = (path.name.removesuffix(_SUFFIX).split("~") for path in _folder().glob(f"*{_SUFFIX}"))
    return sorted({name[0] for name in names if name[-1] == _version_of(name[0])})


def kept(module: str, function: str, kinds: str) -> Path:
    """The file of one kernel's machine code."""
    return _folder() / f"{module}~{function}~{kinds}~{_version_of(module)}{_SUFFIX}"


def outdated(place: Path) -> list[Path]:
    """The files of the same kernel made from other sources."""
    others = place.parent.glob(f"{glob.escape(place.name.rpartition('~')[0])}~*{_SUFFIX}")
    return [other for other in others if other != place]
