"""Write two captures of the same traffic: a Geneve underlay and the tap behind it, which misses some packets.

The traffic is what a virtual switch sees: many HTTP-like connections interleaved in bursts. The underlay keeps
192 bytes a packet, the tap 128. Bare segments of the server arrive padded to the 60 bytes of the smallest
Ethernet frame, and a chosen share of its bare acknowledgments never reaches the tap: later ones say the same, so that
nothing the client does contradicts the loss. What was dropped is returned, so that a
benchmark of matching can check the answer as well as the time.

    python bench/make_captures.py FOLDER --packets 2000000 --connections 2000 --lost 0.001
"""

import argparse
import json
import struct
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["Truth", "make_captures"]

UNDERLAY_SNAP: Final = 192
TAP_SNAP: Final = 128
CHUNK: Final = 100_000
"""Packets made at once: bounds memory."""
BURST: Final = 8
"""Mean packets of one connection in a row."""
ROUND_TRIP_NS: Final = 30_000
"""A packet that answers waits at least this long; more than twice DELAY_NS, so that causes precede effects at the tap."""
DELAY_NS: Final = 5_000
"""From the underlay to the tap; the client's packets pass the tap first."""
TUNNEL_BYTES: Final = 58
"""Ethernet 14, IPv4 20, UDP 8, Geneve 8 and one option of 8, as OVN sends."""
RECORD: Final = 16

# the life of a connection, one row a packet: from the server?, TCP flags, payload bytes
_ROUND: Final = (
    (0, 0x18, 420),
    (1, 0x10, 0),
    (1, 0x10, 1448),
    (1, 0x18, 900),
    (0, 0x10, 0),
    (1, 0x18, 612),
    (0, 0x10, 0),
)
SCRIPT: Final = np.array(
    ((0, 0x02, 0), (1, 0x12, 0), (0, 0x10, 0), *(_ROUND * 20), (1, 0x11, 0), (0, 0x11, 0), (1, 0x10, 0)),
    np.int64,
)

# columns of a connection's state
STEP, CLIENT_SEQ, SERVER_SEQ, CLIENT_ID, SERVER_ID, PORT, WIDTH = 0, 1, 2, 3, 4, 5, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the two captures hold: packets in each, packets lost between them, and in how many connections."""

    underlay: str
    tap: str
    underlay_packets: int
    tap_packets: int
    lost: int
    connections: int
    connections_with_loss: int


def _tunnel() -> npt.NDArray[np.uint8]:
    """The outer headers with lengths left 0."""
    ethernet = bytes.fromhex("fa163e0000010a00000000ff0800")
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0x4000, 64, 17, 0, bytes((10, 9, 0, 1)), bytes((10, 9, 0, 2))
    )
    udp = struct.pack(">HHHH", 50000, 6081, 0, 0)
    geneve = bytes.fromhex("0240655800002a000102800100020003")
    return np.frombuffer(ethernet + ip + udp + geneve, np.uint8).copy()


@njit(cache=True)
def _put16(out: Any, p: Any, value: Any) -> None:
    out[p] = (value >> 8) & 0xFF
    out[p + 1] = value & 0xFF


@njit(cache=True)
def _put32(out: Any, p: Any, value: Any) -> None:
    _put16(out, p, value >> 16)
    _put16(out, p + 2, value)


@njit(cache=True)
def _checksum(out: Any, p: Any, size: Any, start: Any) -> Any:
    """RFC 1071 over `size` bytes (even), beginning with the sum `start`."""
    total = start
    for i in range(p, p + size, 2):
        total += (np.int64(out[i]) << 8) | np.int64(out[i + 1])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@njit(cache=True)
def _record(out: Any, p: Any, time_ns: Any, captured: Any, wire: Any) -> None:
    """A record header of a little-endian pcap in nanoseconds."""
    values = (time_ns // 1_000_000_000, time_ns % 1_000_000_000, captured, wire)
    for i in range(4):
        for k in range(4):
            out[p + 4 * i + k] = (values[i] >> (8 * k)) & 0xFF


@njit(cache=True)
def _tcp_frame(out: Any, p: Any, server: Any, flags: Any, length: Any, number: Any, conn: Any) -> Any:
    """The Ethernet frame of one segment at `p`; its payload is zeros. Returns the bytes on the wire before padding."""
    header = 24 if flags & 2 else 20
    for i in range(14 + 20 + header):
        out[p + i] = 0
    out[p], out[p + 6], out[p + 5], out[p + 11] = 2, 2, 1 + server, 2 - server
    out[p + 12], ip, tcp = 8, p + 14, p + 34
    out[ip], out[ip + 6], out[ip + 8], out[ip + 9] = 0x45, 0x40, 63, 6
    _put16(out, ip + 2, 20 + header + length)
    _put16(out, ip + 4, conn[SERVER_ID] if server else conn[CLIENT_ID])
    client, remote = 0x0A140000 + number, 0xC6336401
    _put32(out, ip + 12, remote if server else client)
    _put32(out, ip + 16, client if server else remote)
    _put16(out, ip + 10, _checksum(out, ip, 20, np.int64(0)))
    _put16(out, tcp, 443 if server else conn[PORT])
    _put16(out, tcp + 2, conn[PORT] if server else 443)
    _put32(out, tcp + 4, conn[SERVER_SEQ] if server else conn[CLIENT_SEQ])
    if flags & 0x10:
        _put32(out, tcp + 8, conn[CLIENT_SEQ] if server else conn[SERVER_SEQ])
    out[tcp + 12], out[tcp + 13] = (header // 4) << 4, flags
    _put16(out, tcp + 14, 502)
    if flags & 2:
        out[tcp + 20], out[tcp + 21] = 2, 4
        _put16(out, tcp + 22, 1460)
    pseudo = np.int64(6 + header + length)
    for i in range(ip + 12, ip + 20, 2):
        pseudo += (np.int64(out[i]) << 8) | np.int64(out[i + 1])
    _put16(out, tcp + 16, _checksum(out, tcp, header, pseudo))
    return 34 + header + length


@njit(cache=True)
def _advance(conn: Any, server: Any, flags: Any, length: Any, steps: Any) -> None:
    """Move a connection behind the packet just written; after its last one a new connection takes its place."""
    used = length + (1 if flags & 3 else 0)
    if server:
        conn[SERVER_SEQ] = (conn[SERVER_SEQ] + used) & 0xFFFFFFFF
        conn[SERVER_ID] = (conn[SERVER_ID] + 1) & 0xFFFF
    else:
        conn[CLIENT_SEQ] = (conn[CLIENT_SEQ] + used) & 0xFFFFFFFF
        conn[CLIENT_ID] = (conn[CLIENT_ID] + 1) & 0xFFFF
    conn[STEP] += 1
    if conn[STEP] == steps:
        conn[STEP] = 0
        conn[PORT] = 32768 + (conn[PORT] - 32768 + 1) % 28000
        conn[CLIENT_SEQ] = np.random.randint(0, 1 << 32)
        conn[SERVER_SEQ] = np.random.randint(0, 1 << 32)


@njit(cache=True)
def _fill(
    conns: Any, script: Any, tunnel: Any, lost_ratio: Any, first_ns: Any, under: Any, tap: Any, damaged: Any
) -> Any:
    """Write up to CHUNK packets; returns (bytes of the underlay, bytes of the tap, lost, connections begun, last time)."""
    u = t = lost = begun = 0
    number, left, now, before = 0, 0, first_ns, 0
    for _ in range(CHUNK):
        if left == 0:
            number, left = np.random.randint(0, conns.shape[0]), np.random.randint(1, 2 * BURST)
        left -= 1
        conn = conns[number]
        server, flags, length = script[conn[STEP], 0], script[conn[STEP], 1], script[conn[STEP], 2]
        begun += 1 if conn[STEP] == 0 else 0
        now += 1 + np.random.randint(0, 4000) + (ROUND_TRIP_NS if server != before else 0)
        before = server
        inner = u + RECORD + TUNNEL_BYTES
        under[inner : inner + UNDERLAY_SNAP] = 0
        size = _tcp_frame(under, inner, server, flags, length, number, conn)
        padded = max(size, 60) if server else size
        wire = TUNNEL_BYTES + padded
        under[u + RECORD : inner] = tunnel
        _put16(under, u + RECORD + 16, wire - 14)
        _put16(under, u + RECORD + 24, _checksum(under, u + RECORD + 14, 20, np.int64(0)))
        _put16(under, u + RECORD + 38, wire - 34)
        captured = min(wire, UNDERLAY_SNAP)
        _record(under, u, now, captured, wire)
        u += RECORD + captured
        is_lost = server == 1 and length == 0 and not flags & 3 and np.random.random() < lost_ratio
        if is_lost:
            lost += 1
            damaged[number] += 1
        else:
            captured = min(padded, TAP_SNAP)
            _record(tap, t, now + DELAY_NS if server else now - DELAY_NS, captured, padded)
            tap[t + RECORD : t + RECORD + captured] = under[inner : inner + captured]
            t += RECORD + captured
        _advance(conn, server, flags, length, script.shape[0])
    return u, t, lost, begun, now


@njit(cache=True)
def _seed(seed: Any) -> None:
    """Numba has a generator of its own."""
    np.random.seed(seed)


def _connections(count: int, seed: int) -> npt.NDArray[np.int64]:
    """Connections that have not begun: int64[count, WIDTH]."""
    random = np.random.default_rng(seed)
    conns = np.zeros((count, WIDTH), np.int64)
    conns[:, CLIENT_SEQ:PORT] = random.integers(0, 1 << 32, (count, 4))
    conns[:, CLIENT_ID : SERVER_ID + 1] &= 0xFFFF
    conns[:, PORT] = random.integers(32768, 60000, count)
    return conns


def _begin(path: Path, snap_length: int) -> BinaryIO:
    stream = path.open("wb")
    stream.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap_length, 1))
    return stream


def make_captures(
    folder: Path, packets: int, *, connections: int = 2000, lost: float = 0.001, seed: int = 1
) -> Truth:
    """Write `underlay.pcap` and `tap.pcap` into `folder`; returns what is true of them.

    `packets` in the underlay is rounded up to whole chunks of 100,000. `lost` is the share of the server's bare
    acknowledgments that the tap never sees.
    """
    _seed(seed)
    conns, tunnel, damaged = _connections(connections, seed), _tunnel(), np.zeros(connections, np.int64)
    room = CHUNK * (RECORD + TUNNEL_BYTES + UNDERLAY_SNAP) + 2048
    under, tap = np.empty(room, np.uint8), np.empty(room, np.uint8)
    now, chunks, total_lost, begun = 1_700_000_000_000_000_000, -(-packets // CHUNK), 0, 0
    paths = folder / "underlay.pcap", folder / "tap.pcap"
    with _begin(paths[0], UNDERLAY_SNAP) as first, _begin(paths[1], TAP_SNAP) as second:
        for _ in range(chunks):
            u, t, gone, new, now = _fill(conns, SCRIPT, tunnel, lost, now, under, tap, damaged)
            first.write(under[:u].data)
            second.write(tap[:t].data)
            total_lost, begun = total_lost + gone, begun + new
    return Truth(
        underlay=str(paths[0]),
        tap=str(paths[1]),
        underlay_packets=chunks * CHUNK,
        tap_packets=chunks * CHUNK - total_lost,
        lost=total_lost,
        connections=begun,
        connections_with_loss=int((damaged > 0).sum()),
    )


def main() -> None:
    """Make the captures the arguments ask for and print the truth as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the two captures are written")
    parser.add_argument("--packets", type=int, default=2_000_000)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument(
        "--lost", type=float, default=0.001, help="share of the server's bare acknowledgments"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    truth = make_captures(
        arguments.folder,
        arguments.packets,
        connections=arguments.connections,
        lost=arguments.lost,
        seed=arguments.seed,
    )
    print(json.dumps(asdict(truth) | {"seconds": round(time.perf_counter() - begun, 2)}))


if __name__ == "__main__":
    main()
