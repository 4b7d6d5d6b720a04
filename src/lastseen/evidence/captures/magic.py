"""Whether a file is a capture, from its first bytes; compressed ones are looked into.

Apart from the reader, so that listing a folder of texts does not load the compiled kernels.
"""

import gzip
import zlib
from pathlib import Path
from typing import Final

import zstandard

__all__ = ["MAGICS", "is_capture_file", "is_compressed"]

MAGICS: Final = frozenset(
    bytes.fromhex(magic) for magic in ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a")
)
"""First four bytes of pcap (both byte orders, micro- and nanoseconds) and pcapng."""


_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


def is_compressed(path: Path) -> bool:
    """Whether the file is compressed in one of the two ways that are read. Raises OSError when it cannot be read."""
    with path.open("rb") as stream:
        return stream.read(4).startswith((_GZIP, _ZSTD))


def is_capture_file(path: Path) -> bool:
    """Whether the file is a pcap or pcapng, plain or compressed. Raises OSError when it cannot be read."""
    with path.open("rb") as stream:
        first = stream.read(4)
        stream.seek(0)
        try:
            if first.startswith(_GZIP):
                first = gzip.GzipFile(fileobj=stream).read(4)
            elif first == _ZSTD:
                first = zstandard.ZstdDecompressor().stream_reader(stream).read(4)
        except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile):
            return False
    return first in MAGICS
