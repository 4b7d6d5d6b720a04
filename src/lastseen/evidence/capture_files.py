"""Read the captures of a case: each by itself, large ones two at a time, and only until the time is up.

Files do not depend on each other and the kernels release the GIL, so two threads read twice as fast on two cores;
the order of the results is the order of the files all the same.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Final, cast

import numpy as np

from lastseen.errors import LastseenError
from lastseen.evidence.captures import ByteSource, RowSink, open_bytes, read_capture
from lastseen.evidence.files import CaseFile
from lastseen.tables.packets import Capture, Room
from lastseen.tables.sources import Weird

__all__ = ["CaptureRead", "read_captures"]

THREADS: Final = 2
"""More gain little: two files a second are read at the speed of memory, and laptops have few cores."""
WORTH_THREADS_BYTES: Final = 8 << 20
"""Below, all files together take less than the threads cost (measured: 8 MB decode in about 10 ms)."""
WORTH_HALVES_BYTES: Final = 16 << 20
"""A single file larger than this is read by two threads, each a part of it."""
Prepare = Callable[[Capture], object]
Decode = Callable[[ByteSource, str], tuple[Capture, list[Weird]]]
TIME_UP: Final = "not read to its end: the time was up"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaptureRead:
    """One capture, or None with a weird that says why not; `partial`: the time was up before its end.

    `prepared`: what was made of it at once, in the thread that read it.
    """

    capture: Capture | None
    weirds: list[Weird]
    partial: bool
    prepared: object = None


@dataclass(slots=True, eq=False)
class _UntilTold:
    """A capture's bytes for `read_capture`, which seem to end once the time is up."""

    source: ByteSource
    expired: Callable[[], bool]
    size: int
    note: str
    stopped: bool = False

    def read_at(self, offset: int, target: memoryview) -> int:
        """Fill `target` from `offset` as ByteSource does; 0 when the time is up."""
        self.stopped = self.stopped or self.expired()
        return 0 if self.stopped else self.source.read_at(offset, target)

    def piece(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`, whatever the time: a few options of packets already read."""
        return self.source.piece(offset, length)


def read_captures(
    files: Sequence[CaseFile],
    *,
    progress: Callable[[str], None],
    expired: Callable[[], bool],
    sink: RowSink | None = None,
    room: Room = np.empty,
    prepare: Prepare = lambda _: None,
) -> Iterator[CaptureRead]:
    """Read every file, in order. Bad files are weirds; once `expired()` the rest is left, what was read is kept.

    `sink` takes the packet rows of all files, whose tables of packets are then empty; else `room` makes them. `prepare`
    is called for each capture in the thread that read it: so no thread waits until all are read.
    """
    interrupted = Event()
    halves = len(files) == 1 and _size(files[0]) > WORTH_HALVES_BYTES
    decode = partial(read_capture, sink=sink, room=room, halves=halves)
    only = partial(_read, lambda: interrupted.is_set() or expired(), decode)

    def read(file: CaseFile) -> CaptureRead:
        found = only(file)
        return found if found.capture is None else replace(found, prepared=prepare(found.capture))

    if len(files) < THREADS or sum(map(_size, files)) <= WORTH_THREADS_BYTES:
        yield from _told(files, map(read, files), progress)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            yield from _told(files, pool.map(read, files), progress)
        finally:
            interrupted.set()


def _told(
    files: Sequence[CaseFile], results: Iterator[CaptureRead], progress: Callable[[str], None]
) -> Iterator[CaptureRead]:
    for file in files:
        progress(file.name)
        yield next(results)


def _size(file: CaseFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError:
        return 0


def _read(expired: Callable[[], bool], decode: Decode, file: CaseFile) -> CaptureRead:
    try:
        with open_bytes(file.path) as source:
            until = _UntilTold(source, expired, source.size, source.note)
            capture, weirds = decode(cast("ByteSource", until), file.name)
    except LastseenError as error:
        return CaptureRead(capture=None, weirds=[Weird(file=file.name, reason=str(error))], partial=False)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        return CaptureRead(capture=None, weirds=[Weird(file=file.name, reason=reason)], partial=False)
    if until.stopped:
        weirds = [weird for weird in weirds if weird.offset is None] + [Weird(file=file.name, reason=TIME_UP)]
    return CaptureRead(
        capture=capture if len(capture.packets) or len(capture.flows) or not until.stopped else None,
        weirds=weirds,
        partial=until.stopped,
    )
