"""List the files of a case: folders, archives and single files, in any mixture.

Everything here is hostile: links are not followed, archive members keep no path of their own making, special
files are not opened, and counts and sizes are bounded.
"""

import gzip
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Final

from lastseen.errors import LastseenError
from lastseen.tables.sources import Weird

__all__ = ["CaseFile", "list_files"]

MAX_FILES: Final = 100_000
"""More files than any case has; an sosreport holds about ten thousand."""
_ARCHIVE_ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".txz", ".zip")
_ARCHIVE_MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06", b"\xfd7zXZ\0", b"BZh")
"""zip, empty zip, xz, bzip2. The latter two are looked for a tar in: no other evidence comes in them."""
_TAR_BLOCK: Final = 512
_PIECE: Final = 1 << 20
_MISSING: Final = "does not exist"
_SPECIAL: Final = "no regular file (a pipe, socket or device)"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """One file: where it lies, the name it is shown by, and its path parts below the case (for nodes, snapshots)."""

    path: Path
    name: str
    parts: tuple[str, ...]


def list_files(paths: Sequence[Path], stack: ExitStack) -> tuple[list[CaseFile], list[Weird]]:
    """All regular files of the given paths, in a stable order and with different names; the rest are weirds.

    Archives, pipes and standard input are copied into temporary folders that `stack` removes. A file that stands
    in a given folder and is given by itself, too, is listed once. Raises LastseenError when none of the paths exists.
    """
    weirds: list[Weird] = []
    several = len(paths) > 1
    listed = (file for path in paths for file in _files_of(path, several, stack, weirds))
    files = list(islice(listed, MAX_FILES + 1))
    if not files and len(weirds) == len(paths) and all(weird.reason == _MISSING for weird in weirds):
        missing = ", ".join(str(path) for path in paths)
        raise LastseenError(f"no such file or folder: {missing}; give a case folder, captures or text files")
    if len(files) > MAX_FILES:
        weirds.append(
            Weird(file=str(paths[0]), reason=f"more than {MAX_FILES} files: the rest was not looked at")
        )
    return _with_own_names(_without_repeats(files[:MAX_FILES])), weirds


def _files_of(path: Path, several: bool, stack: ExitStack, weirds: list[Weird]) -> Iterable[CaseFile]:
    """What one given path stands for; `several`: names need to say which path they belong to."""
    if str(path) == "-":
        return [CaseFile(path=_spooled(None, stack), name="-", parts=("stdin",))]
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        weirds.append(Weird(file=str(path), reason=_MISSING))
        return []
    except OSError as error:
        weirds.append(Weird(file=str(path), reason=f"cannot be read ({error.strerror})"))
        return []
    label = path.resolve().name if several else ""
    if stat.S_ISDIR(mode):
        return _folder(path, label, weirds)
    if stat.S_ISFIFO(mode):  # as the shell's <(command) gives one
        return [CaseFile(path=_spooled(path, stack), name=str(path), parts=(path.name,))]
    if not stat.S_ISREG(mode):
        weirds.append(Weird(file=str(path), reason=f"{_SPECIAL}: not read"))
        return []
    if _is_archive(path):
        from lastseen.evidence.archives import unpacked  # noqa: PLC0415 - formats of archives: 4 ms

        return unpacked(path, label, stack, weirds)
    return [CaseFile(path=path, name=str(path), parts=(path.name,))]


def _spooled(path: Path | None, stack: ExitStack) -> Path:
    """A copy of a pipe or of standard input (None), which could be read only once."""
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lastseen-"))) / "0"
    try:
        with (
            open(0, "rb", closefd=False) if path is None else path.open("rb") as stream,
            copy.open("wb") as target,
        ):
            shutil.copyfileobj(stream, target, _PIECE)
    except OSError as error:
        name = "standard input" if path is None else str(path)
        raise LastseenError(
            f"{name}: cannot be copied ({error.strerror}); give the evidence as a file"
        ) from error
    return copy


def _without_repeats(files: list[CaseFile]) -> list[CaseFile]:
    """Without the files given by themselves that a given folder holds, too: they would be a second point."""
    in_folders = {os.path.realpath(file.path) for file in files if len(file.parts) > 1}
    return [file for file in files if len(file.parts) > 1 or os.path.realpath(file.path) not in in_folders]


def _with_own_names(files: list[CaseFile]) -> list[CaseFile]:
    """The same files, each with a name no other has: reports and a second look go by the name."""
    taken: set[str] = set()
    named = []
    for file in files:
        names = chain([file.name], (f"{file.name} ({number})" for number in count(2)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        named.append(replace(file, name=name))
    return named


def _folder(root: Path, label: str, weirds: list[Weird]) -> Iterator[CaseFile]:
    """Regular files below a folder, sorted; links and special files are left alone and counted."""
    left: dict[str, Weird] = {}

    def refused(error: OSError) -> None:
        weirds.append(Weird(file=str(error.filename), reason=f"cannot be listed ({error.strerror})"))

    top = root.resolve().name
    for folder, subfolders, names in os.walk(root, onerror=refused, followlinks=False):
        subfolders.sort()
        inside = Path(folder).relative_to(root).parts
        links = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118 - 100,000 files
        for name in sorted([*names, *links]):
            path = Path(folder, name)
            shown = "/".join((label, *inside, name) if label else (*inside, name))
            try:
                mode = path.lstat().st_mode
            except OSError as error:
                refused(error)
                continue
            if stat.S_ISREG(mode):
                yield CaseFile(path=path, name=shown, parts=(top, *inside, name))
            else:
                kind = "a link" if stat.S_ISLNK(mode) else _SPECIAL
                seen = left.setdefault(
                    kind, Weird(file=shown, reason=f"{kind}: not followed, not read", count=0)
                )
                left[kind] = replace(seen, count=seen.count + 1)
    weirds += left.values()


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip or a (compressed) tar, from its first bytes; an old tar has only its name."""
    try:
        with path.open("rb") as stream:
            first = stream.read(_TAR_BLOCK)
            if first.startswith(b"\x1f\x8b"):
                stream.seek(0)
                first = gzip.GzipFile(fileobj=stream).read(_TAR_BLOCK)
    except (OSError, EOFError, zlib.error):
        first = b""
    by_content = first.startswith(_ARCHIVE_MAGICS) or first[257:262] == b"ustar"
    return by_content or path.name.lower().endswith(_ARCHIVE_ENDINGS)
