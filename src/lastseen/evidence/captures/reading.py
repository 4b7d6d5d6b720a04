"""Read one capture file, pcap or pcapng, whole or still being written, into a `Capture`.

The loops over packets are kernels (`scan`); here is what happens once a file: headers, interfaces, growing
tables. Damage ends the reading at that place with a `Weird`; everything before it is kept.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from lastseen.evidence.captures import scan
from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.evidence.captures.headers import LINK_TYPES, PLACES
from lastseen.evidence.captures.rows import EMPTY, KEY_WORDS, rehash
from lastseen.tables.packets import FLOW_COLUMNS, PACKET_COLUMNS, Capture, CaptureInterface
from lastseen.tables.sources import Weird

__all__ = ["is_capture", "read_capture"]

BUFFER_BYTES: Final = 4 << 20
"""One buffer for all of a file: large enough for any packet and any block that is needed."""
FIRST_ROWS: Final = 4096
FIRST_FLOWS: Final = 1024
MOST_COMMENTS: Final = 1024
"""Packets whose comments are kept; people write a few, programs that comment every packet say nothing by it."""
MAX_COMMENT_BYTES: Final = 2000
FULL_RATIO: Final = 0.5
"""The hash table is kept at most half full, so that a probe stays short."""

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
class _Tables:
    """The growing arrays of one capture, and the scan's position in them."""

    packets: npt.NDArray[np.uint32] = field(
        default_factory=lambda: np.empty((FIRST_ROWS, PACKET_COLUMNS), np.uint32)
    )
    offsets: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(FIRST_ROWS, np.int64))
    lengths: npt.NDArray[np.uint32] = field(default_factory=lambda: np.empty((FIRST_ROWS, 2), np.uint32))
    flows: npt.NDArray[np.uint32] = field(
        default_factory=lambda: np.empty((FIRST_FLOWS, FLOW_COLUMNS), np.uint32)
    )
    keys: npt.NDArray[np.uint32] = field(
        default_factory=lambda: np.empty((FIRST_FLOWS, KEY_WORDS), np.uint32)
    )
    places: npt.NDArray[np.int32] = field(default_factory=lambda: np.full(2 * FIRST_FLOWS, EMPTY, np.int32))
    state: npt.NDArray[np.int64] = field(default_factory=lambda: np.array([0, -1, 0, 0, 0], np.int64))
    noted: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty((MOST_COMMENTS, 4), np.int64))
    comments: list[tuple[int | None, str]] = field(default_factory=list)
    scratch: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, PLACES), np.int64))
    key: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(KEY_WORDS, np.uint32))

    def grow(self, expected_rows: int) -> None:
        """Make room: for packets about as many as the file will hold, for flows twice as many."""
        if self.state[scan.ROWS] >= len(self.packets):
            rows = max(2 * len(self.packets), expected_rows)
            self.packets = _longer(self.packets, rows)
            self.offsets, self.lengths = _longer(self.offsets, rows), _longer(self.lengths, rows)
        count = int(self.state[scan.FLOWS])
        if count >= len(self.keys):
            self.keys, self.flows = _longer(self.keys, 4 * count), _longer(self.flows, 4 * count)
            self.places = np.full(8 * count, EMPTY, np.int32)
            rehash(self.keys, count, self.places)


Scalar = TypeVar("Scalar", bound=np.generic)


def _longer(array: npt.NDArray[Scalar], rows: int) -> npt.NDArray[Scalar]:
    """A copy with room for `rows` rows."""
    larger = np.empty((rows, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


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


def read_capture(source: ByteSource, file: str) -> tuple[Capture, list[Weird]]:
    """Decode every packet of a capture.

    `file` is the name the case knows it by. Bytes that cannot be read are weirds, never an exception; link types
    that are not known are named, their packets keep their rows without a flow.
    """
    weirds: list[Weird] = [Weird(file=file, reason=source.note)] if source.note else []
    window = _Window(source, np.empty(BUFFER_BYTES, np.uint8))
    window.advance(0)
    magic = window.buffer[:4].tobytes() if window.end >= 4 else b""
    tables = _Tables()
    if magic in _PCAP_MAGICS:
        form, interfaces = _read_pcap(window, tables, file, weirds)
    elif magic == _PCAPNG_MAGIC:
        form, interfaces = _read_pcapng(window, tables, file, weirds)
    else:
        form, interfaces = "unknown", ()
        weirds.append(Weird(file=file, reason="neither pcap nor pcapng", offset=0))
    return _capture(file, form, interfaces, tables), _with_link_types(interfaces, file, weirds)


def _capture(file: str, form: str, interfaces: tuple[CaptureInterface, ...], tables: _Tables) -> Capture:
    rows, flows = int(tables.state[scan.ROWS]), int(tables.state[scan.FLOWS])
    return Capture(
        file=file,
        format=form,
        interfaces=interfaces,
        packets=tables.packets[:rows],
        flows=tables.flows[:flows],
        offsets=tables.offsets[:rows],
        lengths=tables.lengths[:rows],
        comments=tuple(tables.comments),
    )


def _with_link_types(interfaces: tuple[CaptureInterface, ...], file: str, weirds: list[Weird]) -> list[Weird]:
    unknown = [face for face in interfaces if face.link_type not in LINK_TYPES]
    return weirds + [
        Weird(file=file, reason=f"interface {face.name or '0'}: link type {face.link_type} is not read")
        for face in unknown
    ]


def _expected_rows(window: _Window, tables: _Tables) -> int:
    """How many packets the whole file will have, from the part read so far (and a tenth more)."""
    done = window.base + int(tables.state[scan.POSITION])
    return int(1.1 * int(tables.state[scan.ROWS]) * window.source.size / max(done, 1)) + FIRST_ROWS


def _ended(reason: int, window: _Window, tables: _Tables, file: str) -> Weird | None:
    """Why the reading ends at this place, as a weird; None when the file simply ends there."""
    at = window.base + int(tables.state[scan.POSITION])
    left = window.source.size - at
    if left <= 0:
        return None
    text = {
        scan.MORE: f"ends inside a record: the last {left} bytes are not a whole packet",
        scan.BLOCK: f"ends inside a block or the block is damaged: {left} bytes from here on not read",
        scan.ZEROS: f"zero-filled from here: {left} bytes not read",
    }.get(reason, f"damaged record: {left} bytes from here on not read")
    return Weird(file=file, reason=text, offset=at)


def _read_pcap(
    window: _Window, tables: _Tables, file: str, weirds: list[Weird]
) -> tuple[str, tuple[CaptureInterface, ...]]:
    header = window.buffer[: min(_PCAP_HEADER, window.end)].tobytes()
    swapped, unit_ns = _PCAP_MAGICS[header[:4]]
    if len(header) < _PCAP_HEADER:
        weirds.append(Weird(file=file, reason="ends inside the file header", offset=0))
        return "pcap", ()
    snap_length, link = struct.unpack((">" if swapped else "<") + "16xII", header)
    link_type = link & 0xFFFF
    tables.state[scan.POSITION] = _PCAP_HEADER
    reason = _pump(window, tables, _PcapStep(swapped=swapped, unit_ns=unit_ns, link_type=link_type))
    if weird := _ended(reason, window, tables, file):
        weirds.append(weird)
    return "pcap", (CaptureInterface(name="", link_type=link_type, snap_length=snap_length),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PcapStep:
    """One call of the pcap kernel on what the buffer holds."""

    swapped: bool
    unit_ns: int
    link_type: int

    def __call__(self, window: _Window, tables: _Tables) -> int:
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

    def __call__(self, window: _Window, tables: _Tables) -> int:
        t = tables
        reason: int = scan.scan_pcapng(
            window.buffer, window.end, window.base, self.swapped, self.faces[: self.count],
            t.packets, t.offsets, t.lengths, t.flows, t.keys, t.places, t.state, t.scratch, t.key, t.noted,
        )  # fmt: skip
        return reason

    def add(self, face: tuple[int, int, int, int, int]) -> None:
        """One more interface of this section."""
        if self.count == len(self.faces):
            self.faces = _longer(self.faces, 2 * self.count)
        self.faces[self.count] = face
        self.count += 1


def _pump(window: _Window, tables: _Tables, step: "_PcapStep | _PcapngStep") -> int:
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


def _read_pcapng(
    window: _Window, tables: _Tables, file: str, weirds: list[Weird]
) -> tuple[str, tuple[CaptureInterface, ...]]:
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
    for row, offset, length, swapped in tables.noted[: int(tables.state[scan.NOTED])].tolist():
        tables.comments += _comments(window.source.piece(offset, length), bool(swapped), row + 1)
    if weird := _ended(reason, window, tables, file):
        weirds.append(weird)
    return "pcapng", tuple(interfaces)


def _integer(data: bytes, swapped: bool) -> int:
    return int.from_bytes(data, "big" if swapped else "little")


def _block(window: _Window, tables: _Tables, step: _PcapngStep) -> tuple[int, bytes] | None:
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
