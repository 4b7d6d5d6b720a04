"""What a capture prints, written to the case while it runs: bounded, and as a ring where the last minutes are wanted.

tcpdump's own files are not used: as root it drops to another user and may not open a second file, its time ring ends
instead of going round, and a capture on another host must leave nothing on that host's disk. Here and there it writes
to standard output. Packet records are walked by their headers only (pcap, draft-ietf-opsawg-pcap).
"""

import os
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

__all__ = ["Recording"]

READ_BYTES: Final = 256 << 10
RING_PARTS: Final = 8
"""A ring of N minutes is this many files: as much as the oldest of them holds is kept too long."""
_FILE_HEADER: Final = 24
_RECORD_HEADER: Final = 16
_LARGEST_PACKET: Final = 1 << 20
"""No link layer has longer ones; a length beyond it is no length."""
_LITTLE: Final = (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1")


@dataclass(slots=True, eq=False)
class Recording:
    """Reads a capture from a stream until it ends, in a thread of its own.

    `most_bytes`: what it keeps at most; a plain recording stops there, a ring (`ring_s`) drops its oldest part.
    """

    path: Path
    stream: IO[bytes]
    most_bytes: int
    ring_s: float | None = None
    bytes_seen: int = 0
    last_data: float = field(default_factory=time.monotonic)
    stopped_because: str = ""
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._read, name=f"recording {self.path.name}", daemon=True)
        self._thread.start()

    def finish(self, longest_s: float) -> None:
        """Wait until the stream has ended; close it."""
        if self._thread is not None:
            self._thread.join(longest_s)

    @property
    def packets_began(self) -> bool:
        """Whether at least one packet came."""
        return self.bytes_seen > _FILE_HEADER

    def files(self, folder: Path) -> list[str]:
        """What it left, by the names below a folder: one file, or the parts of a ring."""
        parts = [path for path in self.path.parent.glob(f"{self.path.name}*") if _is_part(path, self.path)]
        return sorted(str(path.relative_to(folder)) for path in parts)

    def _read(self) -> None:
        try:
            if self.ring_s is None:
                self._plain()
            else:
                self._ring(self.ring_s)
        except OSError as error:
            self.stopped_because = error.strerror or "cannot be written"
        while self._chunk():  # what comes now is not kept, but a full pipe would stop the capture's clock
            continue
        self.stream.close()

    def _chunk(self) -> bytes:
        data = os.read(self.stream.fileno(), READ_BYTES)
        if data:
            self.bytes_seen += len(data)
            self.last_data = time.monotonic()
        return data

    def _plain(self) -> None:
        written = 0
        with self.path.open("wb", buffering=0) as file:
            while data := self._chunk():
                if written + len(data) > self.most_bytes:
                    self.stopped_because = f"reached its bound of {self.most_bytes >> 10} KB"
                    return
                _write_all(file, data)
                written += len(data)

    def _ring(self, ring_s: float) -> None:
        """Parts named as `tcpdump -C` names them; each begins with the file header and a whole packet."""
        parts: deque[tuple[Path, int, float]] = deque()
        header, rest, number = b"", b"", 0
        while data := self._chunk():
            rest += data
            if not header:
                if len(rest) < _FILE_HEADER:
                    continue
                header, rest = rest[:_FILE_HEADER], rest[_FILE_HEADER:]
            whole = _whole_records(rest, header)
            now = time.monotonic()
            if (
                not parts
                or now - parts[-1][2] > ring_s / RING_PARTS
                or parts[-1][1] > self.most_bytes / RING_PARTS
            ):
                parts.append((self.path.with_name(f"{self.path.name}{number or ''}"), len(header), now))
                number += 1
                parts[-1][0].write_bytes(header)
            path, size, begun = parts[-1]
            with path.open("ab", buffering=0) as file:
                _write_all(file, rest[:whole])
            parts[-1] = path, size + whole, begun
            rest = rest[whole:]
            while len(parts) > 1 and (
                now - parts[1][2] > ring_s or sum(size for _, size, _ in parts) > self.most_bytes
            ):
                parts.popleft()[0].unlink(missing_ok=True)


def _is_part(path: Path, first: Path) -> bool:
    number = path.name.removeprefix(first.name)
    return not number or number.isdecimal()


def _write_all(file: IO[bytes], data: bytes) -> None:
    """An unbuffered file may take less than it is given: a nearly full disk does."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def _whole_records(data: bytes, header: bytes) -> int:
    """Bytes of the whole packet records at the start; what is no record is passed on as it is."""
    order = "<" if header[:4] in _LITTLE else ">"
    at = 0
    while at + _RECORD_HEADER <= len(data):
        length = struct.unpack_from(f"{order}I", data, at + 8)[0]
        if length > _LARGEST_PACKET:
            return len(data)
        if at + _RECORD_HEADER + length > len(data):
            break
        at += _RECORD_HEADER + length
    return at
