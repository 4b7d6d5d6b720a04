"""Read one capture file, pcap or pcapng, whole or still being written, into a `Capture`.

The loops over packets are kernels (`scan`); here is what happens once a file: headers, interfaces, growing
tables. Damage ends the reading at that place with a `Weird`; everything before it is kept.
"""

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.evidence.captures import scan
from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.evidence.captures.headers import LINK_TYPES
from lastseen.evidence.captures.not_read import not_read
from lastseen.evidence.captures.other_links import name_of
from lastseen.evidence.captures.record_near import record_near
from lastseen.evidence.captures.row_tables import FIRST_ROWS, RowSink, Tables, longer
from lastseen.tables.counted import counted
from lastseen.tables.packets import Capture, CaptureInterface, Room
from lastseen.tables.sources import Weird

__all__ = ["RowSink", "is_capture", "read_capture"]

BUFFER_BYTES: Final = 4 << 20
"""One buffer for all of a file: large enough for any packet and any block that is needed."""
PCAP_PART_RATIO: Final = 0.51
PCAPNG_PART_RATIO: Final = 0.55
"""How much of a file the first of two threads decodes: what both found is joined, and of a pcapng the other one has to
step over that part."""
MAX_COMMENT_BYTES: Final = 2000
_PCAP_MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": (False, 1000),
    b"\xa1\xb2\xc3\xd4": (True, 1000),
    b"\x4d\x3c\xb2\xa1": (False, 1),
    b"\xa1\xb2\x3c\x4d": (True, 1),
}
"""First four bytes -> (big-endian, nanoseconds per fraction unit)."""
_PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _STATISTICS = 0x0A0D0D0A, 1, 5
_OPTIONS_AT: Final = {_SECTION: 16, _INTERFACE: 8, _STATISTICS: 12}
"""Where the options begin in the body of each block."""
MAX_INTERFACES: Final = 0xFFFF
"""A flow's key has 16 bits for its interface."""
_BYTE_ORDER: Final = {b"\x4d\x3c\x2b\x1a": False, b"\x1a\x2b\x3c\x4d": True}
_PCAP_HEADER: Final = 24


def is_capture(first: bytes) -> bool:
    """Whether a file that begins with these bytes (at least 4) is a pcap or pcapng capture."""
    return first[:4] in _PCAP_MAGICS or first[:4] == _PCAPNG_MAGIC


@dataclass(slots=True, eq=False)
class _Window:
    """The part of the file that is in the buffer: bytes [base, base + end) stand at buffer[0:end]."""

    source: ByteSource
    buffer: npt.NDArray[np.uint8]
    base: int = 0
    end: int = 0

    def advance(self, consumed: int) -> bool:
        """Drop `consumed` bytes, keep the rest and read on; False when nothing more came."""
        rest = self.end - consumed
        self.buffer[:rest] = self.buffer[consumed : self.end].copy()
        self.base += consumed
        got = self.source.read_at(self.base + rest, self.buffer.data[rest:])
        self.end = rest + got
        return got > 0

    def skip(self, consumed: int) -> None:
        """Go on `consumed` bytes behind the beginning of the buffer, which may be beyond its end."""
        beyond = max(consumed - self.end, 0)
        self.base += beyond
        self.advance(consumed - beyond)


def read_capture(
    source: ByteSource,
    file: str,
    *,
    sink: RowSink | None = None,
    room: Room = np.empty,
    halves: bool = False,
) -> tuple[Capture, list[Weird]]:
    """Decode every packet of a capture.

    `file` is the name the case knows it by. Bytes that cannot be read are weirds, never an exception; link types
    that are not known are named, their packets keep their rows without a flow. `sink` takes the rows of a large
    capture, whose table of packets is then empty; `room` makes the tables otherwise. `halves`: two threads read a half
    each.
    """
    read = _in_halves(source, file, room) if halves and sink is None else None
    if read is None:
        read = _read(source, Tables(file=file, sink=sink, room=room))
        read.tables.give()
    return _capture(read, source), _weirds(read, source)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What was read of a file, or of a part of it."""

    tables: Tables
    form: str
    interfaces: tuple[CaptureInterface, ...]
    weirds: list[Weird]
    reason: int
    end: int = 0
    """File offset of the first byte that was not read."""


def _read(source: ByteSource, tables: Tables) -> _Read:
    """Read the part of the file that `tables` are for."""
    window = _Window(source, np.empty(BUFFER_BYTES, np.uint8))
    window.advance(0)
    magic = window.buffer[:4].tobytes() if window.end >= 4 else b""
    if magic in _PCAP_MAGICS:
        return _read_pcap(window, tables)
    if magic == _PCAPNG_MAGIC:
        return _read_pcapng(window, tables)
    weird = Weird(file=tables.file, reason="neither pcap nor pcapng", offset=0)
    return _Read(tables, "unknown", (), [weird], scan.BROKEN)


def _in_halves(source: ByteSource, file: str, room: Room) -> _Read | None:
    """Read a capture with two threads, a part each; where the first one meets damage, the file ends.

    The second one finds its first record in two ways. Of a pcap it guesses, and the guess is right when the first
    one comes to that very place; None where it does not: one has to read all. Of a pcapng, whose interfaces are
    told all over the file, it steps over the records of the first one and reads every block but packets.
    """
    begin = _second_part(source)
    if begin is None:
        return None
    first, second = Tables(file=file, room=room), Tables(file=file, room=room)
    first.state[scan.STOP] = second.state[scan.BEGIN] = begin
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(_read, source, second)
        read = _read(source, first)
        rest_read = rest.result()
    if read.reason != scan.STOPPED:
        return read
    if read.form == "pcap" and read.end != begin:
        return None
    first.append(second)
    return replace(rest_read, tables=first)


def _second_part(source: ByteSource) -> int | None:
    """File offset from which on a second thread may read; None: it had better not."""
    magic = source.piece(0, 4)
    if magic not in _PCAP_MAGICS:
        return int(source.size * PCAPNG_PART_RATIO)
    swapped, unit_ns = _PCAP_MAGICS[magic]
    near = max(int(source.size * PCAP_PART_RATIO), _PCAP_HEADER)
    return record_near(source, near, swapped=swapped, unit_ns=unit_ns)


def _capture(read: _Read, source: ByteSource) -> Capture:
    tables = read.tables
    comments = list(tables.comments)
    for row, offset, length, swapped in tables.noted[: int(tables.state[scan.NOTED])].tolist():
        comments += _comments(source.piece(offset, length), bool(swapped), row + 1)
    return Capture(
        file=tables.file,
        format=read.form,
        interfaces=read.interfaces,
        packets=tables.packets[: tables.rows],
        flows=tables.flows[: tables.flow_count],
        offsets=tables.offsets[: tables.rows],
        lengths=tables.lengths[: tables.rows],
        comments=tuple(comments),
    )


def _weirds(read: _Read, source: ByteSource) -> list[Weird]:
    file = read.tables.file
    noted = [Weird(file=file, reason=source.note)] if source.note else []
    return (
        noted
        + read.weirds
        + [
            Weird(
                file=file,
                reason=f"interface {face.name or '0'}: link type {name_of(face.link_type)} is not read",
            )
            for face in read.interfaces
            if face.link_type not in LINK_TYPES
        ]
        + not_read(file, read.tables.flows[: read.tables.flow_count])
    )


def _expected_rows(window: _Window, tables: Tables) -> int:
    """How many packets the whole file will have, from the part read so far (and a tenth more)."""
    begin = int(tables.state[scan.BEGIN])
    done = window.base + int(tables.state[scan.POSITION]) - begin
    return int(1.1 * tables.rows * (window.source.size - begin) / max(done, 1)) + FIRST_ROWS


def _ended(reason: int, window: _Window, tables: Tables) -> list[Weird]:
    """Why the reading ends at this place, as a weird; none when the file or the part simply ends there."""
    at = window.base + int(tables.state[scan.POSITION])
    left = window.source.size - at
    if left <= 0 or reason == scan.STOPPED:
        return []
    text = {
        scan.MORE: f"ends inside a record: the last {counted(left, 'byte', 'are')} no whole packet",
        scan.BLOCK: f"ends inside a block or the block is damaged: {counted(left, 'byte')} from here on not read",
        scan.ZEROS: f"zero-filled from here: {counted(left, 'byte')} not read",
    }.get(reason, f"damaged record: {counted(left, 'byte')} from here on not read")
    return [Weird(file=tables.file, reason=text, offset=at)]


def _read_pcap(window: _Window, tables: Tables) -> _Read:
    header = window.buffer[: min(_PCAP_HEADER, window.end)].tobytes()
    swapped, unit_ns = _PCAP_MAGICS[header[:4]]
    if len(header) < _PCAP_HEADER:
        weird = Weird(file=tables.file, reason="ends inside the file header", offset=0)
        return _Read(tables, "pcap", (), [weird], scan.BROKEN)
    snap_length, link = struct.unpack((">" if swapped else "<") + "16xII", header)
    link_type = link & 0xFFFF
    begin = max(int(tables.state[scan.BEGIN]), _PCAP_HEADER)
    if begin <= window.end:  # moving what is in the buffer already would be for nothing
        tables.state[scan.POSITION] = begin
    else:
        window.skip(begin)
    reason = _pump(window, tables, _PcapStep(swapped=swapped, unit_ns=unit_ns, link_type=link_type))
    face = CaptureInterface(name="", link_type=link_type, snap_length=snap_length)
    end = window.base + int(tables.state[scan.POSITION])
    return _Read(tables, "pcap", (face,), _ended(reason, window, tables), reason, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PcapStep:
    """One call of the pcap kernel on what the buffer holds."""

    swapped: bool
    unit_ns: int
    link_type: int

    def __call__(self, window: _Window, tables: Tables) -> int:
        t = tables
        reason: int = scan.scan_pcap(
            window.buffer, window.end, window.base, self.swapped, self.unit_ns, self.link_type,
            t.packets, t.offsets, t.lengths, t.flows, t.keys, t.places, t.state, t.scratch, t.key,
        )  # fmt: skip
        return reason


@dataclass(slots=True, eq=False)
class _PcapngStep:
    """One call of the pcapng kernel; `faces[:count]` are the current section's interfaces."""

    swapped: bool = False
    count: int = 0
    faces: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((8, 5), np.int64))

    def __call__(self, window: _Window, tables: Tables) -> int:
        t = tables
        reason: int = scan.scan_pcapng(
            window.buffer, window.end, window.base, self.swapped, self.faces[: self.count],
            t.packets, t.offsets, t.lengths, t.flows, t.keys, t.places, t.state, t.scratch, t.key, t.noted,
        )  # fmt: skip
        return reason

    def add(self, face: tuple[int, int, int, int, int]) -> None:
        """One more interface of this section."""
        if self.count == len(self.faces):
            self.faces = longer(self.faces, 2 * self.count)
        self.faces[self.count] = face
        self.count += 1


def _pump(window: _Window, tables: Tables, step: "_PcapStep | _PcapngStep") -> int:
    """Scan until the file ends, is damaged or a block needs reading; the reason as a number of `scan`."""
    while True:
        reason = step(window, tables)
        if reason == scan.FULL:
            tables.grow(_expected_rows(window, tables))
        elif reason == scan.MORE:
            consumed = int(tables.state[scan.POSITION])
            tables.state[scan.POSITION] = 0
            if not window.advance(consumed):
                return reason
        else:
            return reason


def _read_pcapng(window: _Window, tables: Tables) -> _Read:
    step = _PcapngStep()
    interfaces: list[CaptureInterface] = []
    while (reason := _pump(window, tables, step)) == scan.BLOCK:
        block = _block(window, tables, step)
        if block is None or len(interfaces) > MAX_INTERFACES:
            break
        kind, body = block
        tables.comments += _comments(body[_OPTIONS_AT.get(kind, len(body)) :], step.swapped, None)
        if kind == _SECTION:
            step.count = 0
        elif kind == _INTERFACE:
            interfaces.append(_interface(body, step.swapped))
            step.add(_face_row(body, step.swapped, len(interfaces) - 1))
        elif kind == _STATISTICS and len(body) >= 12:
            number = _integer(body[:4], step.swapped)
            if number < step.count:
                at = int(step.faces[number, 4])
                clock = int(step.faces[number, 2]), int(step.faces[number, 3])
                interfaces[at] = _with_statistics(interfaces[at], body, step.swapped, clock)
    return _Read(tables, "pcapng", tuple(interfaces), _ended(reason, window, tables), reason)


def _integer(data: bytes, swapped: bool) -> int:
    return int.from_bytes(data, "big" if swapped else "little")


def _block(window: _Window, tables: Tables, step: _PcapngStep) -> tuple[int, bytes] | None:
    """(type, body) of the block at the position, and the position moved behind it; None: not whole or damaged.

    The body of a block too large for the buffer is empty: it is none that is needed.
    """
    p = int(tables.state[scan.POSITION])
    head = window.buffer[p : p + 12].tobytes()
    if head[:4] == _PCAPNG_MAGIC:
        if head[8:12] not in _BYTE_ORDER:
            return None
        step.swapped = _BYTE_ORDER[head[8:12]]
    kind, size = _integer(head[:4], step.swapped), _integer(head[4:8], step.swapped)
    if size < 12 or size % 4 or window.base + p + size > window.source.size:
        return None
    if p + size > window.end:
        tables.state[scan.POSITION] = 0
        if size > scan.MAX_BLOCK_BYTES:
            window.skip(p + size)
            return kind, b""
        window.advance(p)
        p = 0
        if size > window.end:
            return None
    tables.state[scan.POSITION] = p + size
    return kind, window.buffer[p + 8 : p + size - 4].tobytes()


def _options(data: bytes, swapped: bool) -> Iterator[tuple[int, bytes]]:
    """(code, value) of the options in a block's tail."""
    p = 0
    while p + 4 <= len(data):
        code, size = _integer(data[p : p + 2], swapped), _integer(data[p + 2 : p + 4], swapped)
        if code == 0:
            return
        yield code, data[p + 4 : p + 4 + size]
        p += 4 + (size + 3) // 4 * 4


def _comments(options: bytes, swapped: bool, frame: int | None) -> list[tuple[int | None, str]]:
    """(frame, text) of the comments (opt_comment, 1) among a block's options."""
    return [
        (frame, value[:MAX_COMMENT_BYTES].decode("utf-8", "replace").rstrip("\0"))
        for code, value in _options(options, swapped)
        if code == 1
    ]


def _interface(body: bytes, swapped: bool) -> CaptureInterface:
    """An interface description block: link type, snap length, if_name (2), if_filter (11)."""
    found = dict(_options(body[8:], swapped))
    return CaptureInterface(
        name=found.get(2, b"").decode("utf-8", "replace").rstrip("\0"),
        link_type=_integer(body[:2], swapped),
        snap_length=_integer(body[4:8], swapped),
        filter=found.get(11, b"\0")[1:].decode("utf-8", "replace"),
    )


def _face_row(body: bytes, swapped: bool, number: int) -> tuple[int, int, int, int, int]:
    """What the kernel needs of an interface: link type, snap length, if_tsresol (9), if_tsoffset (14), number.

    Resolutions finer than 64 bits of ticks could hold are no real ones and are cut to what the kernel can compute.
    """
    found = dict(_options(body[8:], swapped))
    resolution = (found.get(9) or b"\x06")[0]
    exponent = min(resolution & 0x7F, 63 if resolution & 0x80 else 27)
    offset = int.from_bytes(found.get(14, b""), "big" if swapped else "little", signed=True)
    bounded = max(min(offset, 1 << 32), -(1 << 32))
    link_type, snap_length = _integer(body[:2], swapped), _integer(body[4:8], swapped)
    return link_type, snap_length, (resolution & 0x80) | exponent, bounded, number


def _with_statistics(
    face: CaptureInterface, body: bytes, swapped: bool, clock: tuple[int, int]
) -> CaptureInterface:
    """An interface statistics block: isb_starttime (2), isb_endtime (3), isb_ifdrop (5), isb_osdrop (7)."""
    found = dict(_options(body[12:], swapped))
    dropped = [_integer(found[code], swapped) for code in (5, 7) if code in found]
    start, end = (_moment(found.get(code), swapped, clock) for code in (2, 3))
    return replace(
        face,
        dropped_packets=sum(dropped) if dropped else face.dropped_packets,
        start_ns=face.start_ns if start is None else start,
        end_ns=face.end_ns if end is None else end,
    )


def _moment(value: bytes | None, swapped: bool, clock: tuple[int, int]) -> int | None:
    """A statistics time in ns; `clock` is its interface's if_tsresol and if_tsoffset."""
    if value is None or len(value) != 8:
        return None
    ticks = (_integer(value[:4], swapped) << 32) | _integer(value[4:], swapped)
    resolution, offset_s = clock
    exponent = resolution & 0x7F
    parts = int((2 if resolution & 0x80 else 10) ** exponent)
    moment = ticks * 1_000_000_000 // parts + offset_s * 1_000_000_000
    return min(max(moment, scan.EARLIEST_NS), scan.LATEST_NS)
