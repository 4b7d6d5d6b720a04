"""A cable in user space: what comes in at one interface goes out at the other, and not always unharmed.

veth never pads a frame and never loses one. A relay of two packet sockets (packet(7)) does both, needs no root
inside a user namespace, and leaves no trace in the hosts beside it, as a bad cable would.

Chances are ratios from 0 to 1. `--direction ab` harms only what comes in at the first interface.
"""

import argparse
import heapq
import itertools
import random
import select
import socket
import time

__all__ = ["main"]

ETH_P_ALL = 0x0003
SHORTEST_FRAME = 60
"""IEEE 802.3: 64 bytes with the checksum, which a capture never shows."""
LARGEST = 65_600
IP_OFFSET = 14
TCP, ACK = 6, 0x10
_OUTGOING = 4  # include/uapi/linux/if_packet.h: PACKET_OUTGOING


def main() -> None:
    """Relay until killed."""
    options = _options()
    draw = random.Random(options.seed)  # noqa: S311 - repeatable on purpose
    ends = [_opened(options.a), _opened(options.b)]
    waiting: list[tuple[float, int, int, bytes]] = []
    counted = [0, 0]
    serial = itertools.count()
    print("ready", flush=True)
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select(ends, [], [], pause)[0]:
            frame, packet_type = _received(end)
            if not frame or packet_type == _OUTGOING:
                continue
            side = ends.index(end)
            counted[side] += 1
            harmed = options.direction in ("both", "ab" if side == 0 else "ba")
            if options.renumber:
                frame = _renumbered(frame, int(options.renumber), from_first=side == 0)
            for due, copy in _fates(frame, options, draw, counted[side]) if harmed else [(0.0, frame)]:
                heapq.heappush(waiting, (time.monotonic() + due, next(serial), 1 - side, copy))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, to, frame = heapq.heappop(waiting)
            _send(ends[to], _padded(frame) if options.pad else frame)


def _fates(
    frame: bytes, options: argparse.Namespace, draw: random.Random, number: int
) -> list[tuple[float, bytes]]:
    """What becomes of a frame: (delay in s, bytes) for each copy that goes on."""
    if not _concerned(frame, options.only):
        return [(options.delay, frame)]
    if draw.random() < options.lose or (options.lose_after and number > options.lose_after):
        return []
    delay = options.delay
    if options.reorder and draw.random() < options.reorder:
        delay += options.reorder_by
    if draw.random() < options.corrupt:
        frame = _corrupted(frame)
    if draw.random() < options.duplicate:
        return [(delay, frame), (delay, frame)]
    return [(delay, frame)]


def _concerned(frame: bytes, only: str) -> bool:
    """Whether a frame is of the kind that is harmed: all IP, or IP with TCP payload."""
    if frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
        return False
    return only == "ip" or len(frame) > 120  # noqa: PLR2004 - longer than headers alone


def _corrupted(frame: bytes) -> bytes:
    """One bit of the last byte of the IP packet turned."""
    length = int.from_bytes(frame[16:18]) if frame[12:14] == b"\x08\x00" else len(frame) - IP_OFFSET
    at = min(len(frame), IP_OFFSET + length) - 1
    return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]


def _renumbered(frame: bytes, by: int, *, from_first: bool) -> bytes:
    """A TCP segment whose sender at the first interface seems to have begun `by` later; SACK blocks stay as they are.

    That is what firewalls did which randomise initial sequence numbers and know no SACK. The checksum is mended (RFC
    1624, equation 3).
    """
    tcp = IP_OFFSET + (frame[IP_OFFSET] & 15) * 4
    if frame[12:14] != b"\x08\x00" or frame[IP_OFFSET + 9] != TCP:
        return frame
    at, moved = (tcp + 4, by) if from_first else (tcp + 8, -by)
    if not from_first and not frame[tcp + 13] & ACK:
        return frame
    new = ((int.from_bytes(frame[at : at + 4]) + moved) % (1 << 32)).to_bytes(4)
    total = 0xFFFF ^ int.from_bytes(frame[tcp + 16 : tcp + 18])
    for part in (0, 2):
        total += 0xFFFF ^ int.from_bytes(frame[at + part : at + part + 2])
        total += int.from_bytes(new[part : part + 2])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    changed = bytearray(frame)
    changed[at : at + 4] = new
    changed[tcp + 16 : tcp + 18] = (0xFFFF ^ total).to_bytes(2)
    return bytes(changed)


def _padded(frame: bytes) -> bytes:
    return frame.ljust(SHORTEST_FRAME, b"\0")


def _opened(interface: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.bind((interface, ETH_P_ALL))
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return end


def _received(end: socket.socket) -> tuple[bytes, int]:
    """A frame and how it came; none where the interface went down."""
    try:
        frame, address = end.recvfrom(LARGEST)
    except OSError:
        return b"", 0
    return frame, address[2]


def _send(end: socket.socket, frame: bytes) -> None:
    try:
        end.send(frame)
    except OSError:  # the interface is down, or the frame larger than its MTU: a cable says nothing
        return


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--pad", action="store_true")
    parser.add_argument("--direction", choices=("both", "ab", "ba"), default="both")
    parser.add_argument("--only", choices=("ip", "data"), default="ip")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lose-after", type=int, default=0)
    parser.add_argument("--renumber", type=float, default=0.0)
    for name in ("lose", "corrupt", "duplicate", "delay", "reorder", "reorder-by"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
