"""One segment far ahead of its connection, sent beside the real ones: what a confused stack or a retry of old sends.

Waits at an interface until a connection has sent so many segments with data, then sends the next one once more with
another sequence number and identification, checksums put right (packet(7), RFC 1624). The host it runs on knows
nothing of it.
"""

import argparse
import socket

__all__ = ["main"]

ETH_P_ALL = 0x0003
IP = 14
LARGEST = 65_600
_OUTGOING = 4  # include/uapi/linux/if_packet.h: PACKET_OUTGOING
_IPV4 = b"\x08\x00"
_TCP = 6


def main() -> None:
    """Send one such segment, and end."""
    options = _options()
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.bind((options.interface, ETH_P_ALL))
    print("ready", flush=True)
    seen = 0
    while True:
        frame, address = end.recvfrom(LARGEST)
        if address[2] == _OUTGOING and _has_data(frame):
            seen += 1
            if seen > options.after:
                end.send(_moved(frame, options.ahead))
                return


def _has_data(frame: bytes) -> bool:
    if frame[12:14] != _IPV4 or frame[IP + 9] != _TCP:
        return False
    tcp = IP + (frame[IP] & 15) * 4
    return IP + _word(frame, IP + 2) > tcp + (frame[tcp + 12] >> 4) * 4


def _moved(frame: bytes, ahead: int) -> bytes:
    """The same segment `ahead` bytes later in the stream, as another IP packet."""
    copy = bytearray(frame)
    tcp = IP + (frame[IP] & 15) * 4
    seq = (int.from_bytes(frame[tcp + 4 : tcp + 8]) + ahead) % (1 << 32)
    _replace(copy, IP + 4, (_word(frame, IP + 4) ^ 0x8000).to_bytes(2), checksum=IP + 10)
    _replace(copy, tcp + 4, seq.to_bytes(4), checksum=tcp + 16)
    return bytes(copy)


def _replace(frame: bytearray, at: int, new: bytes, *, checksum: int) -> None:
    """Put `new` there and mend the checksum (RFC 1624, equation 3)."""
    total = 0xFFFF ^ _word(frame, checksum)
    for offset in range(0, len(new), 2):
        total += (0xFFFF ^ _word(frame, at + offset)) + _word(new, offset)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    frame[at : at + len(new)] = new
    frame[checksum : checksum + 2] = (0xFFFF ^ total).to_bytes(2)


def _word(frame: bytes | bytearray, at: int) -> int:
    return int.from_bytes(frame[at : at + 2])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("interface")
    parser.add_argument("--after", type=int, default=20)
    parser.add_argument("--ahead", type=int, default=1 << 24)
    return parser.parse_args()


if __name__ == "__main__":
    main()
