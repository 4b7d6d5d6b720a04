"""Unpack the archives of a case.

Everything here is hostile: members keep no path of their own making, links and special files are left out, and counts
and sizes are bounded.
"""

import lzma
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from lastseen.evidence.files import MAX_FILES, CaseFile
from lastseen.evidence.report_contents import is_wanted
from lastseen.tables.sources import Weird

__all__ = ["unpacked"]

MAX_UNPACKED_BYTES: Final = 8 << 30
MAX_UNPACKED_RATIO: Final = 200
"""An archive may unpack to MAX_UNPACKED_RATIO x its size + 1 GiB, at most MAX_UNPACKED_BYTES: texts pack 5 to 20
times, so more is a decompression bomb."""
_PIECE: Final = 1 << 20
_TAR_BLOCK: Final = 512
_DAMAGES: Final = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError,
    ValueError, OverflowError,
)  # fmt: skip
"""What the standard library raises at damaged, encrypted or unknown archives."""


def unpacked(path: Path, label: str, stack: ExitStack, weirds: list[Weird]) -> list[CaseFile]:
    """Unpack an archive's regular files under harmless names and list them by the names they had."""
    target = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lastseen-")))
    files: list[CaseFile] = []
    left = Weird(file=str(path), reason="not about the network: not unpacked", count=0)
    try:
        budget = min(MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO * path.stat().st_size + (1 << 30))
        for member, size, stream in (_zip_members if zipfile.is_zipfile(path) else _tar_members)(path):
            parts = tuple(part for part in PurePosixPath(member).parts if part not in ("/", "//", "..", "."))
            if not is_wanted(parts):
                left = replace(left, count=left.count + 1)
                continue
            copy = target / str(len(files))
            shown = "/".join((label, *parts) if label else parts)
            copy.touch()
            files.append(CaseFile(path=copy, name=shown or "(no name)", parts=parts or ("",)))
            done = _copy(stream, copy, budget)  # may break off: what came before is kept
            budget -= done
            if done < size and budget > 0:
                raise EOFError(f"{shown} is cut off")
            if budget <= 0 or len(files) > MAX_FILES:
                weirds.append(
                    Weird(file=str(path), reason="unpacks to too much: only the beginning was read")
                )
                break
    except _DAMAGES as error:
        weirds.append(
            Weird(
                file=str(path), reason=f"cannot be unpacked to its end ({str(error) or type(error).__name__})"
            )
        )
    if left.count:
        weirds.append(left)
    return files


def _tar_members(path: Path) -> Iterator[tuple[str, int, BinaryIO]]:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                yield member.name, member.size, stream  # type: ignore[misc]  # IO[bytes] reads like BinaryIO
        # tarfile takes a stream that ends between two members for an archive's end, which is a block of zeros.
        if archive.fileobj.tell() < archive.offset + _TAR_BLOCK:
            raise tarfile.ReadError("unexpected end of data")


def _zip_members(path: Path) -> Iterator[tuple[str, int, BinaryIO]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
                with archive.open(member) as stream:
                    yield member.filename, member.file_size, stream  # type: ignore[misc]  # IO[bytes] reads like BinaryIO


def _copy(stream: BinaryIO, target: Path, budget: int) -> int:
    done = 0
    with target.open("wb") as copy:
        while done < budget and (piece := stream.read(min(_PIECE, budget - done))):
            copy.write(piece)
            done += len(piece)
    return done
