"""Compile all kernels at once, in three processes: a first run waits for the longest of them, or half of all.

Numba compiles one kernel at a time in a process. Reading, connection tracking and matching take about as long as each
other, need nothing of each other to be compiled, and write into the same cache. As a program (`make setup`) it does so
unless it was done.
"""

import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from lastseen.compiled import compile_once
from lastseen.tables.connections import CONNECTION
from lastseen.tables.packets import (
    FLAGS,
    FLOW_COLUMNS,
    FLOW_PACKETS,
    FLOW_PORTS,
    FLOW_PROTO,
    ID_WINDOW,
    INFO_IP_ID,
    LENGTH_FLAGS,
    MISC,
    PACKET_COLUMNS,
    SEQ,
    TIME_LOW,
    Capture,
)
from lastseen.tables.points import Point

__all__ = ["compile_all"]

TCP: Final = 6
PORTS: Final = 443, 50_000
PACKETS: Final = 3
"""A SYN and two packets of data from the same sender: every kernel sees its argument types."""
PAYLOAD: Final = 100
PARTS: Final = ("reading", "tracking", "matching")


def compile_all() -> None:
    """Compile what reading, matching and proofs need: the last part here, the others beside it."""
    beside = [
        subprocess.Popen(
            [sys.executable, "-m", "lastseen.cli.warm", part],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for part in PARTS[:-1]
    ]
    try:
        _compile(PARTS[-1])
    finally:
        for process in beside:
            process.wait()


def _compile(part: str) -> None:
    """Call the kernels of one part with the kinds of arguments they get."""
    if part == "reading":
        _read()
    elif part == "tracking":
        from lastseen.connections.tracking import connections

        connections(_packets()[:1], _flows())
    else:
        _match()


# ---- reading ----


def _read() -> None:
    from lastseen.evidence.captures import open_bytes, read_capture
    from lastseen.evidence.captures.details import read_details

    with tempfile.TemporaryDirectory(prefix="lastseen-") as folder:
        path = Path(folder) / "one.pcap"
        path.write_bytes(_file())
        with open_bytes(path) as source:
            capture, _ = read_capture(source, path.name, halves=True)
            read_details(source, capture, np.zeros(1, np.int64))


def _file() -> bytes:
    """A pcap of the packets."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    return header + b"".join(_record(number) for number in range(PACKETS))


def _record(number: int) -> bytes:
    flags, size = (0x02, 0) if number == 0 else (0x18, PAYLOAD)
    tcp = struct.pack(">HHIIBBHHH", *PORTS, PAYLOAD * number, 0, 0x50, flags, 512, 0, 0)
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 40 + size, 2 - number, 0x4000, 64, TCP, 0, b"\n\0\0\1", b"\n\0\0\2"
    )
    frame = bytes(12) + b"\x08\x00" + ip + tcp + bytes(size)
    return struct.pack("<IIII", 1, number, len(frame), len(frame)) + frame


# ---- tracking, matching: the tables that reading the same packets makes ----


def _packets() -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    table = np.zeros((PACKETS, PACKET_COLUMNS), np.uint32)
    number = np.arange(PACKETS, dtype=np.uint32)
    table[:, TIME_LOW] = 1000 * number
    table[:, SEQ] = PAYLOAD * number
    table[:, LENGTH_FLAGS] = PAYLOAD << 8 | FLAGS["P"] | FLAGS["A"]
    table[0, LENGTH_FLAGS] = FLAGS["S"]
    table[:, ID_WINDOW] = (PACKETS - 1 - number) << 16 | 512
    table[:, MISC] = INFO_IP_ID << 24
    return table


def _flows() -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    table = np.zeros((1, FLOW_COLUMNS), np.uint32)
    table[:, FLOW_PROTO] = 4 << 8 | TCP
    table[:, FLOW_PORTS] = PORTS[0] << 16 | PORTS[1]
    table[:, FLOW_PACKETS] = PACKETS
    return table


def _match() -> None:
    from lastseen.contrasts.tracked_window import tracked_windows
    from lastseen.matching import match
    from lastseen.matching.related import exchanges
    from lastseen.matching.sightings import first_and_last

    match([_point(3), _point(2)])
    tracked_windows(_point(3), np.zeros(1, np.int64))
    packets = _packets()
    first_and_last(packets)
    exchanges(packets, np.zeros(1, np.int64), np.array([0, 1]), np.zeros(1, np.int64))


def _point(packets: int) -> Point:
    """A point that saw the first packets of one connection, made without tracking it."""
    table = np.zeros(1, CONNECTION)
    table["originator_known"] = 1
    return Point(
        name=str(packets),
        file=str(packets),
        node="",
        interface="",
        capture=Capture(
            file=str(packets),
            format="pcap",
            interfaces=(),
            packets=_packets()[:packets],
            flows=_flows(),
            offsets=np.zeros(packets, np.int64),
            lengths=np.zeros((packets, 2), np.uint32),
        ),
        connections=table,
        group_of=np.zeros(packets, np.int32),
        flow_groups=np.zeros(0, np.uint32),
        packets=packets,
        first_ns=0,
        last_ns=1 << 62,
    )


if __name__ == "__main__":
    # Ctrl-C reaches it, too, and is answered by the one that waits for it: a traceback here would only hide that answer
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:]:
        _compile(sys.argv[1])
    else:
        compile_once(compile_all, waiting=lambda: None)
