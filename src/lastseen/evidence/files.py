"""List the files of a case: folders, archives and single files, in any mixture.

Everything here is hostile: links are not followed, archive members keep no path of their own making, special
files are not opened, and counts and sizes are bounded.
"""

import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from lastseen.errors import LastseenError
from lastseen.tables.sources import Weird

__all__ = ["CaseFile", "list_files"]

MAX_FILES: Final = 100_000
"""More files than any case has; an sosreport holds about ten thousand."""
MAX_UNPACKED_BYTES: Final = 8 << 30
MAX_UNPACKED_RATIO: Final = 200
"""An archive may unpack to MAX_UNPACKED_RATIO x its size + 1 GiB, at most MAX_UNPACKED_BYTES: texts pack 5 to 20
times, so more is a decompression bomb."""
_ARCHIVE_ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".txz", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """One file: where it lies, the name it is shown by, and its path parts below the case (for nodes, snapshots).

    `path` None: standard input.
    """

    path: Path | None
    name: str
    parts: tuple[str, ...]


def list_files(paths: Sequence[Path], stack: ExitStack) -> tuple[list[CaseFile], list[Weird]]:
    """All regular files of the given paths, in a stable order; what could not be listed is a weird.

    Archives are unpacked into a temporary folder that `stack` removes. Raises LastseenError when none of the
    paths exists.
    """
    files: list[CaseFile] = []
    weirds: list[Weird] = []
    several = len(paths) > 1
    for path in paths:
        if str(path) == "-":
            files.append(CaseFile(path=None, name="-", parts=("stdin",)))
        elif path.is_dir():
            files += _folder(path, _label(path) if several else "", weirds)
        elif path.is_file() and path.name.lower().endswith(_ARCHIVE_ENDINGS):
            files += _archive(path, _label(path) if several else "", stack, weirds)
        elif path.exists():
            files.append(CaseFile(path=path, name=str(path), parts=(path.name,)))
        else:
            weirds.append(Weird(file=str(path), reason="does not exist"))
    if not files and len(weirds) == len(paths):
        missing = ", ".join(str(path) for path in paths)
        raise LastseenError(f"no such file or folder: {missing}; give a case folder, captures or text files")
    if len(files) > MAX_FILES:
        weirds.append(Weird(file=str(paths[0]), reason=f"more than {MAX_FILES} files: the rest was not looked at"))
    return files[:MAX_FILES], weirds


def _label(path: Path) -> str:
    return path.resolve().name


def _folder(root: Path, label: str, weirds: list[Weird]) -> Iterator[CaseFile]:
    """Regular files below a folder, sorted; links and special files are left alone."""

    def refused(error: OSError) -> None:
        weirds.append(Weird(file=str(error.filename), reason=f"cannot be listed ({error.strerror})"))

    for folder, subfolders, names in os.walk(root, onerror=refused, followlinks=False):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            try:
                is_regular = stat.S_ISREG(path.lstat().st_mode)
            except OSError as error:
                refused(error)
                continue
            if is_regular:
                parts = path.relative_to(root).parts
                shown = "/".join((label, *parts) if label else parts)
                yield CaseFile(path=path, name=shown, parts=(root.resolve().name, *parts))


def _archive(path: Path, label: str, stack: ExitStack, weirds: list[Weird]) -> list[CaseFile]:
    """Unpack an archive's regular files under harmless names and list them by the names they had."""
    target = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lastseen-")))
    unpacker = _zip_members if path.name.lower().endswith(".zip") else _tar_members
    budget = min(MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO * path.stat().st_size + (1 << 30))
    files: list[CaseFile] = []
    try:
        for member, stream in unpacker(path):
            parts = tuple(part for part in PurePosixPath(member).parts if part not in ("/", "..", "."))
            if not parts or len(files) >= MAX_FILES:
                continue
            copy = target / f"{len(files)}{''.join(PurePosixPath(member).suffixes[-2:])[:20]}"
            budget -= _copy(stream, copy, budget)
            shown = "/".join((label, *parts) if label else parts)
            files.append(CaseFile(path=copy, name=shown, parts=parts))
            if budget <= 0:
                weirds.append(Weird(file=str(path), reason="unpacks to too much: only the beginning was read"))
                break
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
        weirds.append(Weird(file=str(path), reason=f"the archive breaks off: {error}"))
    return files


def _tar_members(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                yield member.name, stream  # type: ignore[misc]  # IO[bytes] reads like BinaryIO


def _zip_members(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
                with archive.open(member) as stream:
                    yield member.filename, stream  # type: ignore[misc]  # IO[bytes] reads like BinaryIO


def _copy(stream: BinaryIO, target: Path, budget: int) -> int:
    done = 0
    with target.open("wb") as copy:
        while done < budget and (piece := stream.read(1 << 20)):
            copy.write(piece)
            done += len(piece)
    return done
