"""Run through a buffer of capture records: find each packet's bytes and time, and decode it.

The loops are resumable: they stop before an incomplete record, a full table or a block only Python understands,
and say why, so that a capture of any size goes through one small buffer.

Formats: pcap (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html) and pcapng
(https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html).
"""

from typing import Final

import numpy as np

from lastseen.compiled import packet_kernel, step_kernel
from lastseen.evidence.captures.headers import u32
from lastseen.evidence.captures.kernels import Bytes, Integer, Numbers, Places, Words
from lastseen.evidence.captures.rows import decode

__all__ = ["scan_pcap", "scan_pcapng"]

# why a scan stopped
MORE: Final = 0
"""The record at the position is not whole in the buffer."""
FULL: Final = 1
"""The packet or flow tables are full."""
BLOCK: Final = 2
"""A pcapng block that Python has to read or step over."""
BROKEN: Final = 3
"""A record header that cannot be true."""
ZEROS: Final = 4
"""A record of zeros: the file was zero-filled from here."""

MAX_PACKET_BYTES: Final = 1 << 20
"""No link carries larger packets (libpcap's own bound is 262144, BIG TCP's 524280): a larger length is damage."""

MAX_BLOCK_BYTES: Final = MAX_PACKET_BYTES + 65536
"""A packet block: the packet and its options. Other blocks (secrets, names) may be larger and are stepped over."""
EARLIEST_NS: Final = -(1 << 60)
LATEST_NS: Final = 1 << 62
"""The years 1933 to 2116: pcap's 32 bits of seconds fit, and no difference or sum of two times overflows 64 bits."""
_EXACT_BITS: Final = np.uint64(34)
"""Below this a fraction of a second times 10^9 fits 64 bits; 2^-34 s is finer than a nanosecond."""

STOPPED: Final = 5
"""The next record begins at or behind `state[STOP]`."""

# what the numbers of `state` are
FLOWS: Final = 0
LAST_FLOW: Final = 1
ROWS: Final = 2
POSITION: Final = 3
NOTED: Final = 4
BEGIN: Final = 5
"""Packets before this file offset are others' to read: of a pcapng they are passed over, a pcap is read from here."""
STOP: Final = 6
STATE_WIDTH: Final = 7


@packet_kernel
def _le32(buf: Bytes, p: Integer, swapped: Integer) -> Integer:
    """32 bits at `p`, little-endian, or big-endian when `swapped`."""
    value = u32(buf, p)
    if swapped:
        return value
    return (value >> 24) | ((value >> 8) & 0xFF00) | ((value & 0xFF00) << 8) | ((value & 0xFF) << 24)


@packet_kernel
def _put_time(packet: Words, time_ns: Integer) -> None:
    """The time into the row's first two words, low half first."""
    packet[0] = np.uint32(time_ns & 0xFFFFFFFF)
    packet[1] = np.uint32((time_ns >> 32) & 0xFFFFFFFF)


@step_kernel
def scan_pcap(
    buf: Bytes,
    end: Integer,
    base: Integer,
    swapped: Integer,
    unit_ns: Integer,
    link_type: Integer,
    packets: Words,
    offsets: Numbers,
    lengths: Words,
    flows: Words,
    keys: Words,
    places: Places,
    state: Numbers,
    scratch: Numbers,
    key: Words,
) -> Integer:
    """Decode pcap records of `buf[state[POSITION] : end]`; returns why it stopped.

    `base` is the file offset of `buf[0]`; `unit_ns` is 1000 or 1 (the fraction's unit). Rows are appended at
    `state[ROWS]`.
    """
    p, row, stop = state[POSITION], state[ROWS], state[STOP] - base
    reason = MORE
    while p + 16 <= end:
        if p >= stop:
            reason = STOPPED
            break
        seconds, fraction = _le32(buf, p, swapped), _le32(buf, p + 4, swapped)
        captured, wire = _le32(buf, p + 8, swapped), _le32(buf, p + 12, swapped)
        if captured > MAX_PACKET_BYTES or fraction * unit_ns >= 2_000_000_000:
            reason = BROKEN
            break
        if seconds == 0 and fraction == 0 and captured == 0 and wire == 0:
            reason = ZEROS
            break
        if p + 16 + captured > end:
            break
        if row >= packets.shape[0] or state[FLOWS] >= keys.shape[0]:
            reason = FULL
            break
        packet = packets[row]
        _put_time(packet, seconds * 1_000_000_000 + fraction * unit_ns)
        offsets[row] = base + p + 16
        lengths[row, 0], lengths[row, 1] = captured, wire
        decode(
            buf, p + 16, captured, max(wire, captured), link_type, 0, row,
            packet, flows, keys, places, scratch, key, state,
        )  # fmt: skip
        row += 1
        p += 16 + captured
    state[POSITION], state[ROWS] = p, row
    return reason


@packet_kernel
def _time_ns(high: Integer, low: Integer, resolution: Integer, offset_s: Integer) -> Integer:
    """A pcapng time stamp, ns since the epoch, kept in bounds (EARLIEST_NS); `resolution` is if_tsresol's byte."""
    ticks = np.uint64((high << 32) | low)
    nanos = np.int64(LATEST_NS)
    if resolution & 0x80:
        bits = np.uint64(resolution & 0x7F)
        whole = ticks >> bits
        part = ticks & ((np.uint64(1) << bits) - np.uint64(1))
        if bits > _EXACT_BITS:
            part, bits = part >> (bits - _EXACT_BITS), _EXACT_BITS
        below = (part * np.uint64(1_000_000_000)) >> bits
        if whole < np.uint64(LATEST_NS // 1_000_000_000):
            nanos = np.int64(whole) * 1_000_000_000 + np.int64(below)
    else:
        scale = np.uint64(1)
        for _ in range(abs(9 - resolution)):
            scale *= np.uint64(10)
        if resolution > 9:
            nanos = np.int64(min(ticks // scale, np.uint64(LATEST_NS)))
        elif ticks < np.uint64(LATEST_NS) // scale:
            nanos = np.int64(ticks * scale)
    return min(max(nanos + offset_s * 1_000_000_000, EARLIEST_NS), LATEST_NS)


@packet_kernel
def _note(
    noted: Numbers, state: Numbers, row: Integer, offset: Integer, length: Integer, swapped: Integer
) -> None:
    """Remember where a packet's options lie, while there is room."""
    note = state[NOTED]
    if note < noted.shape[0]:
        noted[note, 0], noted[note, 1], noted[note, 2] = row, offset, length
        noted[note, 3] = 1 if swapped else 0
        state[NOTED] += 1


@packet_kernel
def _extent(buf: Bytes, p: Integer, size: Integer, swapped: Integer, interfaces: Numbers) -> Integer:
    """(interface, captured length, length on the wire) of a packet block: simple (3), obsolete (2) or enhanced."""
    kind = _le32(buf, p, swapped)
    if kind == 3:
        wire = _le32(buf, p + 8, swapped)
        limit = interfaces[0, 1] if interfaces.shape[0] else 0
        captured = min(wire, size - 16)
        return np.int64(0), min(captured, limit) if limit else captured, wire
    number = _le32(buf, p + 8, swapped)
    if kind == 2:
        number = (number >> 16) if swapped else (number & 0xFFFF)
    return number, _le32(buf, p + 20, swapped), _le32(buf, p + 24, swapped)


@step_kernel
def scan_pcapng(
    buf: Bytes, end: Integer, base: Integer, swapped: Integer, interfaces: Numbers, packets: Words,
    offsets: Numbers, lengths: Words, flows: Words, keys: Words, places: Places, state: Numbers,
    scratch: Numbers, key: Words, noted: Numbers,
) -> Integer:  # fmt: skip
    """Decode pcapng packet blocks of `buf[state[POSITION] : end]`; returns why it stopped.

    `interfaces` is int64[k, 5]: link type, snap length, if_tsresol, if_tsoffset and the number over all sections
    of each interface of the current section. Stops at section, interface and statistics blocks. `noted` is
    int64[k, 4]: row, file offset and length of the options of the first k packets that have any, and whether they
    are big-endian.
    """
    p, row, begin, stop = state[POSITION], state[ROWS], state[BEGIN] - base, state[STOP] - base
    reason = MORE
    while p + 12 <= end:
        if p >= stop:
            reason = STOPPED
            break
        kind, size = _le32(buf, p, swapped), _le32(buf, p + 4, swapped)
        if kind == 0x0A0D0D0A or kind == 1 or kind == 5:
            reason = BLOCK
            break
        is_packet = kind == 6 or kind == 3 or kind == 2
        if size < 12 or size & 3:
            reason = ZEROS if kind == 0 and size == 0 else BROKEN
            break
        if size > MAX_BLOCK_BYTES:
            reason = BROKEN if is_packet else BLOCK
            break
        if p + size > end:
            break
        if is_packet and p >= begin:
            if row >= packets.shape[0] or state[FLOWS] >= keys.shape[0]:
                reason = FULL
                break
            body = 12 if kind == 3 else 28
            if size < body + 4:
                reason = BROKEN
                break
            number, captured, wire = _extent(buf, p, size, swapped, interfaces)
            if number >= interfaces.shape[0] or captured > size - body - 4:
                reason = BROKEN
                break
            face, time_ns, start = interfaces[number], np.int64(0), p + body
            if kind != 3:
                time_ns = _time_ns(_le32(buf, p + 12, swapped), _le32(buf, p + 16, swapped), face[2], face[3])
            packet = packets[row]
            _put_time(packet, time_ns)
            offsets[row] = base + start
            lengths[row, 0], lengths[row, 1] = captured, wire
            decode(
                buf, start, captured, max(wire, captured), face[0], face[4], row,
                packet, flows, keys, places, scratch, key, state,
            )  # fmt: skip
            options = body + (captured + 3) // 4 * 4
            if kind == 6 and size > options + 8:
                _note(noted, state, row, base + p + options, size - options - 4, swapped)
            row += 1
        p += size
    state[POSITION], state[ROWS] = p, row
    return reason
