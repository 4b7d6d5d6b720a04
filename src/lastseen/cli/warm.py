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
import numpy.typing as npt

from lastseen.compiled import compile_once
from lastseen.tables.connections import CONNECTION
from lastseen.tables.packets import (
    FLAGS,
    FLOW,
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
    FlowRows,
    PacketRows,
)
from lastseen.tables.points import Point

__all__ = ["compile_all"]

TCP, UDP = 6, 17
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
        disordered = _packets()
        disordered[0, TIME_LOW] = 1 << 20
        connections(disordered, _flows())
    else:
        _match()


# ---- reading ----


def _read() -> None:
    from lastseen.evidence.captures import open_bytes, read_capture
    from lastseen.evidence.captures.details import read_details
    from lastseen.evidence.captures.row_tables import FIRST_FLOWS, Tables

    with tempfile.TemporaryDirectory(prefix="lastseen-") as folder:
        path = Path(folder) / "some"
        for data in (_pcapng(), _pcap()):
            path.write_bytes(data)
            with open_bytes(path) as source:
                capture, _ = read_capture(source, path.name, halves=True)
                read_details(source, capture, np.zeros(1, np.int64))
    Tables().reserve_flows(FIRST_FLOWS + 1)


def _pcap() -> bytes:
    """The packets as a pcap."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    frames = map(_frame, range(PACKETS))
    return header + b"".join(struct.pack("<IIII", 1, 0, len(data), len(data)) + data for data in frames)


def _pcapng() -> bytes:
    """The packets as a pcapng: a section, an interface, simple packet blocks."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    interface = struct.pack("<HHI", 1, 0, 262_144)
    frames = map(_frame, range(PACKETS))
    packets = ((3, struct.pack("<I", len(data)) + data + bytes(-len(data) % 4)) for data in frames)
    return b"".join(
        struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
        for kind, body in ((0x0A0D0D0A, section), (1, interface), *packets)
    )


def _frame(number: int) -> bytes:
    flags, size = (0x02, 0) if number == 0 else (0x18, PAYLOAD)
    tcp = struct.pack(">HHIIBBHHH", *PORTS, PAYLOAD * number, 0, 0x50, flags, 512, 0, 0)
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 40 + size, 2 - number, 0x4000, 64, TCP, 0, b"\n\0\0\1", b"\n\0\0\2"
    )
    return bytes(12) + b"\x08\x00" + ip + tcp + bytes(size)


# ---- tracking, matching: the tables that reading the same packets makes ----


def _packets() -> PacketRows:
    table = np.zeros((PACKETS, PACKET_COLUMNS), np.uint32)
    number = np.arange(PACKETS, dtype=np.uint32)
    table[:, TIME_LOW] = 1000 * number
    table[:, SEQ] = PAYLOAD * number
    table[:, LENGTH_FLAGS] = PAYLOAD << 8 | FLAGS["P"] | FLAGS["A"]
    table[0, LENGTH_FLAGS] = FLAGS["S"]
    table[:, ID_WINDOW] = (PACKETS - 1 - number) << 16 | 512
    table[:, MISC] = INFO_IP_ID << 24
    return table


def _flows() -> FlowRows:
    table = np.zeros((1, FLOW_COLUMNS), np.uint32)
    table[:, FLOW_PROTO] = 4 << 8 | TCP
    table[:, FLOW_PORTS] = PORTS[0] << 16 | PORTS[1]
    table[:, FLOW_PACKETS] = PACKETS
    return table


def _match() -> None:
    from lastseen.contrasts.tracked_window import tracked_windows
    from lastseen.matching import match
    from lastseen.matching.copies import rows_with
    from lastseen.matching.related import exchanges
    from lastseen.matching.sightings import first_and_last

    match([_point(3), _point(2)])
    match([_busier_point(0), _busier_point(1)])
    tracked_windows(_point(3), np.zeros(1, np.int64))
    packets = _packets()
    first_and_last(packets)
    rows_with(packets, np.zeros(PACKETS, np.int32), np.ones(1, np.bool_))
    exchanges(packets, np.zeros(1, np.int64), np.array([0, 1]), np.zeros(1, np.int64))


def _point(packets: int) -> Point:
    """A point that saw the first packets of one connection, made without tracking it."""
    return _seen(str(packets), _packets()[:packets], _flows(), groups=np.zeros(packets, np.int32))


def _busier_point(number: int) -> Point:
    """A point of two that saw other packets each: of a connection, of one renumbered in between, of datagrams."""
    table, flows = np.tile(_packets(), (3, 1)), np.repeat(_flows(), 3, axis=0)
    group = np.repeat(np.arange(3, dtype=np.int32), PACKETS)
    table[:, FLOW] = group << 1
    table[1, FLOW] |= 1  # an answer
    table[PACKETS - 1 :: PACKETS, SEQ] += 50_000 * number
    table[group == 1, SEQ] += 1_000_000 * number
    flows[:, FLOW_PORTS] += np.arange(3, dtype=np.uint32)
    flows[1, FLOW_PORTS] += 10 * number
    flows[2, FLOW_PROTO] = 4 << 8 | UDP
    return _seen(f"busy {number}", table, flows, groups=group)


def _seen(name: str, packets: PacketRows, flows: FlowRows, *, groups: npt.NDArray[np.int32]) -> Point:
    """A point whose flows are its groups, TCP connections first."""
    tcp = (flows[:, FLOW_PROTO] & 0xFF) == TCP
    table = np.zeros(int(tcp.sum()), CONNECTION)
    table["flow"], table["originator_known"] = np.flatnonzero(tcp), 1
    return Point(
        name=name,
        file=name,
        node="",
        interface="",
        capture=Capture(
            file=name,
            format="pcap",
            interfaces=(),
            packets=packets,
            flows=flows,
            offsets=np.zeros(len(packets), np.int64),
            lengths=np.zeros((len(packets), 2), np.uint32),
        ),
        connections=table,
        group_of=groups,
        flow_groups=np.flatnonzero(~tcp).astype(np.uint32),
        packets=len(packets),
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
