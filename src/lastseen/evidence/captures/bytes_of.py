"""A capture's bytes, wherever they are: a file, a compressed file, a pipe or standard input.

Decoding reads forward once, and a few chosen packets are read again later. A plain file is read where it lies;
what cannot be read twice (a pipe, gzip, zstd) is spooled into an unnamed temporary file.
"""

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self

import zstandard

from lastseen.errors import LastseenError

__all__ = ["ByteSource", "open_bytes"]

GZIP_MAGIC: Final = b"\x1f\x8b"
"""RFC 1952, 2.3.1."""
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""RFC 8878, 3.1.1."""
SPOOL_FREE_BYTES: Final = 2 << 30
SPOOL_RATIO: Final = 100
"""A compressed capture may grow to SPOOL_FREE_BYTES + SPOOL_RATIO x its size; headers of real traffic pack
about 3 to 20 times, so more is a decompression bomb."""
_PIECE: Final = 1 << 20
_ZSTD_PIECE: Final = 2048
"""Compressed bytes given to zstd at once: a block of 4 bytes may stand for 128 KiB, so that one piece unpacks to
at most 64 MiB."""


class ByteSource:
    """Bytes with a known size that can be read at any place. Close it, or use it in a `with`."""

    def __init__(self, stream: BinaryIO, *, note: str = "") -> None:
        """Take over `stream`, a file that can be sought; its size is what it is now."""
        self._stream = stream
        self.size = os.fstat(stream.fileno()).st_size
        self.note = note
        """What went wrong while unpacking ('' when nothing did); what was unpacked is kept."""

    def read_at(self, offset: int, target: memoryview) -> int:
        """Fill `target` from `offset`; the number of bytes read, less than asked only at the end."""
        done = 0
        while done < len(target):
            got = os.preadv(self._stream.fileno(), [target[done:]], offset + done)
            if not got:
                break
            done += got
        return done

    def piece(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        return os.pread(self._stream.fileno(), length, offset)

    def close(self) -> None:
        """Give the file (and the spool) back."""
        self._stream.close()

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def open_bytes(path: Path | None) -> ByteSource:
    """Open a capture for reading; None is standard input. Compressed bytes are unpacked.

    Raises LastseenError when the file cannot be opened, or when the temporary folder has no room to unpack it.
    """
    stream = _seekable(path)
    magic = stream.read(4)
    stream.seek(0)
    if magic.startswith(GZIP_MAGIC):
        unpacked = _gzip_pieces(stream)
    elif magic == ZSTD_MAGIC:
        unpacked = _zstd_pieces(stream)
    else:
        return ByteSource(stream)
    with stream:
        return _spooled(unpacked, limit=SPOOL_FREE_BYTES + SPOOL_RATIO * os.fstat(stream.fileno()).st_size)


def _seekable(path: Path | None) -> BinaryIO:
    """The file itself; of a pipe and of standard input a copy."""
    try:
        stream: BinaryIO = os.fdopen(os.dup(0), "rb") if path is None else path.open("rb")
    except OSError as error:
        name = "standard input" if path is None else path
        message = f"{name}: cannot be read ({error.strerror}); check the path and its permissions"
        raise LastseenError(message) from error
    if path is not None and stream.seekable():
        return stream
    with stream:
        return _spool(iter(lambda: stream.read(_PIECE), b""))


def _spool(pieces: Iterator[bytes]) -> BinaryIO:
    """All pieces in an unnamed file, at its beginning."""
    spool = tempfile.TemporaryFile(prefix="lastseen-")  # noqa: SIM115 - handed to the caller, who closes it
    try:
        for piece in pieces:
            spool.write(piece)
        spool.seek(0)
    except OSError as error:
        spool.close()
        message = (
            f"cannot be copied to {tempfile.gettempdir()} ({error.strerror}); make room there or set TMPDIR"
        )
        raise LastseenError(message) from error
    return spool


def _spooled(pieces: Iterator[bytes], *, limit: int) -> ByteSource:
    """What a compressed stream unpacks to; of a broken or endless one what came before, with a note."""
    notes: list[str] = []
    spool = _spool(_bounded(pieces, limit, notes))
    return ByteSource(spool, note="".join(notes))


def _bounded(pieces: Iterator[bytes], limit: int, notes: list[str]) -> Iterator[bytes]:
    """The pieces until they break or exceed `limit` bytes; then `notes` says so."""
    size = 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > limit:
                notes.append(f"unpacks to more than {limit} bytes: only the beginning was read")
                return
            yield piece
    except (gzip.BadGzipFile, EOFError, zlib.error, zstandard.ZstdError) as error:
        notes.append(f"compressed data ends or breaks: {error}")


def _gzip_pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Unpacked gzip, as much as one step gives: a larger read would lose what precedes the damage."""
    with gzip.open(stream) as reader:
        while piece := reader.read1(_PIECE):
            yield piece


def _zstd_pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Unpacked zstd, all frames; raises EOFError inside an unfinished one, as gzip does."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    while packed := stream.read(_ZSTD_PIECE):
        while packed:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(packed)
            packed = frame.unused_data
    if not frame.eof:
        message = "the last zstd frame is not finished"
        raise EOFError(message)
