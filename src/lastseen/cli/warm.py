"""Compile all kernels at once, in two processes: half the wait of a first run.

Numba compiles one kernel at a time in a process, and those of connection tracking take as long as all others. So a
second process compiles them while this one does the rest; both write into the same cache.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from lastseen.connections.tracking import connections
from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.details import read_details
from lastseen.matching import match
from lastseen.tables.connections import CONNECTION
from lastseen.tables.packets import FLOW_COLUMNS, FLOW_PROTO, PACKET_COLUMNS, Capture
from lastseen.tables.points import Point

__all__ = ["compile_all", "is_cold"]

TCP: Final = 6

ONE_PACKET: Final = bytes.fromhex(
    "d4c3b2a1020004000000000000000000000004000100000001000000010000003600000036000000"
    "02000000000202000000000108004500002800014000400626cd0a0000010a00000201bbc35011223344556677885002"
    "01f600000000"
)
"""A pcap of one TCP packet, written out by hand: enough for every kernel to see its argument types."""


def is_cold() -> bool:
    """Whether nothing has been compiled for this version of lastseen yet (on this machine, for this user)."""
    cache = Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    return not any(cache.glob("*/*.nbi"))


def compile_all() -> None:
    """Compile what reading, matching and proofs need here, connection tracking beside it."""
    beside = subprocess.Popen(
        [sys.executable, "-m", "lastseen.cli.warm"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        with tempfile.TemporaryDirectory(prefix="lastseen-") as folder:
            path = Path(folder) / "one.pcap"
            path.write_bytes(ONE_PACKET)
            with open_bytes(path) as source:
                capture, _ = read_capture(source, path.name)
                read_details(source, capture, np.zeros(1, np.int64))
        match([_point(capture, "a"), _point(capture, "b")])
    finally:
        beside.wait()


def _point(capture: Capture, name: str) -> Point:
    """A point with its one connection, made without tracking it."""
    return Point(
        name=name,
        file=name,
        node="",
        interface="",
        capture=capture,
        connections=np.zeros(1, CONNECTION),
        group_of=np.zeros(1, np.int32),
        flow_groups=np.zeros(0, np.uint32),
        packets=1,
        first_ns=0,
        last_ns=1,
    )


if __name__ == "__main__":
    flows = np.zeros((1, FLOW_COLUMNS), np.uint32)
    flows[0, FLOW_PROTO] = TCP
    connections(np.zeros((1, PACKET_COLUMNS), np.uint32), flows)
