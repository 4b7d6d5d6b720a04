"""Compile all kernels at once, in two processes: half the wait of a first run.

Numba compiles one kernel at a time in a process, and those of connection tracking take as long as all others. So a
second process compiles them while this one does the rest; both write into the same cache.
"""

import struct
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from lastseen.connections.tracking import connections
from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.details import read_details
from lastseen.matching import match
from lastseen.matching.related import exchanges
from lastseen.matching.sightings import first_and_last
from lastseen.tables.connections import CONNECTION
from lastseen.tables.packets import FLOW_COLUMNS, FLOW_PROTO, PACKET_COLUMNS, Capture
from lastseen.tables.points import Point

__all__ = ["compile_all"]

TCP: Final = 6


def _one_capture() -> bytes:
    """A pcap of a SYN and two packets of data from the same sender: every kernel sees its argument types."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    return header + b"".join(_record(number) for number in range(3))


def _record(number: int) -> bytes:
    flags, size = (0x02, 0) if number == 0 else (0x18, 100)
    tcp = struct.pack(
        ">HHIIBBHHH", 443, 50_000, 0x11223344 + 100 * number, 0x55667788, 0x50, flags, 512, 0, 0
    )
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 40 + size, 2 - number, 0x4000, 64, 6, 0, b"\n\0\0\1", b"\n\0\0\2"
    )
    frame = bytes(12) + b"\x08\x00" + ip + tcp + bytes(size)
    return struct.pack("<IIII", 1, number, len(frame), len(frame)) + frame


def compile_all() -> None:
    """Compile what reading, matching and proofs need here, connection tracking beside it."""
    beside = subprocess.Popen(
        [sys.executable, "-m", "lastseen.cli.warm"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        with tempfile.TemporaryDirectory(prefix="lastseen-") as folder:
            path = Path(folder) / "one.pcap"
            path.write_bytes(_one_capture())
            with open_bytes(path) as source:
                capture, _ = read_capture(source, path.name, halves=True)
                read_details(source, capture, np.zeros(1, np.int64))
        match([_point(capture, 3), _point(capture, 2)])
        first_and_last(capture.packets)
        exchanges(capture.packets, np.zeros(1, np.int64), np.array([0, 1]), np.zeros(1, np.int64))
    finally:
        beside.wait()


def _point(capture: Capture, packets: int) -> Point:
    """A point that saw the first packets of one connection, made without tracking it."""
    table = np.zeros(1, CONNECTION)
    table["originator_known"] = 1
    return Point(
        name=str(packets),
        file=str(packets),
        node="",
        interface="",
        capture=replace(
            capture,
            packets=capture.packets[:packets],
            offsets=capture.offsets[:packets],
            lengths=capture.lengths[:packets],
        ),
        connections=table,
        group_of=np.zeros(packets, np.int32),
        flow_groups=np.zeros(0, np.uint32),
        packets=packets,
        first_ns=0,
        last_ns=1 << 62,
    )


if __name__ == "__main__":
    flows = np.zeros((1, FLOW_COLUMNS), np.uint32)
    flows[0, FLOW_PROTO] = TCP
    connections(np.zeros((1, PACKET_COLUMNS), np.uint32), flows)
