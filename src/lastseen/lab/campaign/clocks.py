"""A node whose clock is off: the times of its captures, its log and its traces, moved by one and the same offset.

Everything a node stamps carries its own clock: its captures, its log, the traces of its programs, and the moment at
which it was asked for a snapshot.
"""

import re
import struct
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

__all__ = ["shift_capture", "shift_log", "shift_moment", "shift_trace"]

_NS: Final = 1_000_000_000
_US: Final = 1_000_000
_HEADER_BYTES: Final = 24
_RECORD_BYTES: Final = 16
_UNITS: Final = {0xA1B2C3D4: _US, 0xA1B23C4D: _NS}
"""pcap's magic numbers and how many of its fractions a second has (pcap-savefile(5))."""
_TRACE_TIME: Final = re.compile(
    r"^(?P<before>(?:\d+ +)?)(?P<seconds>\d{9,})\.(?P<fraction>\d{6}) ", re.MULTILINE
)
"""`strace -f -ttt`: process, seconds since the epoch with six digits (strace(1))."""
_MOMENT: Final = re.compile(r"^epoch (?P<seconds>\d+)\.(?P<fraction>\d{9})$", re.MULTILINE)
_LOG_TIME: Final = re.compile(r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?= )", re.MULTILINE)
"""The time of ulogd's LOGEMU, without a year, as in RFC 3164."""
_LOG_FORM: Final = "%b %d %H:%M:%S"
_LEAP_YEAR: Final = 2000
"""Any year that has every day a log may name."""


def shift_capture(file: Path, offset_ns: int) -> None:
    """Move the time of every packet of a pcap; what is no pcap, or ends within a packet, stays from there on."""
    data = bytearray(file.read_bytes())
    order = next((o for o in "<>" if len(data) >= _HEADER_BYTES and _magic(data, o) in _UNITS), None)
    if order is None:
        return
    per_second = _UNITS[_magic(data, order)]
    at, stamp = _HEADER_BYTES, struct.Struct(f"{order}IIII")
    while at + _RECORD_BYTES <= len(data):
        seconds, fraction, held, length = stamp.unpack_from(data, at)
        moved = seconds * per_second + fraction + offset_ns * per_second // _NS
        stamp.pack_into(data, at, *divmod(moved, per_second), held, length)
        at += _RECORD_BYTES + held
    file.write_bytes(data)


def _magic(data: bytearray, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", data)[0])


def shift_trace(text: str, offset_ns: int) -> str:
    """A trace by `strace -ttt` with all its times moved.

    >>> shift_trace("7 1000000000.999999 read(3) = 0 <0.000001>", 2000)
    '7 1000000001.000001 read(3) = 0 <0.000001>'
    """

    def moved(found: re.Match[str]) -> str:
        at_us = int(found["seconds"]) * _US + int(found["fraction"]) + offset_ns * _US // _NS
        return f"{found['before']}{at_us // _US}.{at_us % _US:06d} "

    return _TRACE_TIME.sub(moved, text)


def shift_moment(text: str, offset_ns: int) -> str:
    """The moment of a snapshot, moved.

    >>> shift_moment("epoch 1000000000.000000001", -2)
    'epoch 999999999.999999999'
    """

    def moved(found: re.Match[str]) -> str:
        at_ns = int(found["seconds"]) * _NS + int(found["fraction"]) + offset_ns
        return f"epoch {at_ns // _NS}.{at_ns % _NS:09d}"

    return _MOMENT.sub(moved, text)


def shift_log(text: str, offset_ns: int) -> str:
    """A log with the times of its lines moved by whole seconds, as it shows no more.

    >>> shift_log("Jan  1 00:00:00 compute drop", -1_000_000_000)
    'Dec 31 23:59:59 compute drop'
    """
    offset = timedelta(seconds=round(offset_ns / _NS))

    def moved(found: re.Match[str]) -> str:
        at = datetime.strptime(f"{_LEAP_YEAR} {found[0]}", f"%Y {_LOG_FORM}") + offset  # noqa: DTZ007 - it shows no zone
        return f"{at:%b} {at.day:2d} {at:%H:%M:%S}"

    return _LOG_TIME.sub(moved, text)
