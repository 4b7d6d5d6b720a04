"""Damage a valid capture the way disks, drivers and enemies do: bits, lengths, cuts, repeats, foreign pieces.

Half of the damage is aimed at packets' headers and at record headers, where a decoder decides; the rest falls
anywhere. What a mutation does depends on the generator's seed alone, so that a number is enough to repeat it.
"""

import random
import struct
from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["mutated"]

MOST_STEPS: Final = 6
AIMED_RATIO: Final = 0.6
HEADER_REACH: Final = 110
"""Bytes of a packet in which its headers stand, two tunnels included."""
RECORD_REACH: Final = 28
"""Bytes before a packet's data in which its record header stands (pcapng: 28, pcap: 16)."""
LARGEST_BYTES: Final = 20_000
"""Repeats stop here, so that a case stays quick."""
ODD_VALUES: Final = (
    *(0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 19, 20, 27, 28, 32, 39, 40, 60, 63, 64, 127, 128, 255, 256),
    *(1499, 1500, 1501, 4095, 4096, 8191, 16383, 32767, 32768, 65534, 65535, 65536, 1 << 20, (1 << 20) + 1),
    *((1 << 24) - 1, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1),
)
"""Where lengths, counts and comparisons of 8, 16, 24 and 32 bits turn over, and headers' own sizes."""
ETHERTYPES_AND_PORTS: Final = (
    *(0x0800, 0x86DD, 0x8100, 0x88A8, 0x8847, 0x8864, 0x88E7, 0x6558, 0x88BE, 0x22EB, 0x0281),
    *(6081, 4789, 4790, 8472, 2152),
)
PROTOCOLS: Final = (0, 1, 4, 6, 17, 41, 43, 44, 47, 51, 58, 60, 132, 135)

Step = Callable[[bytearray, int, random.Random], None]


def mutated(
    data: bytes, packets: Sequence[int], rng: random.Random, *, other: bytes
) -> bytes:  # fmt: skip
    """A damaged copy of `data`. `packets`: where its packets' data begin; `other`: a capture to take pieces from."""
    result = bytearray(data)
    for _ in range(rng.randint(1, MOST_STEPS)):
        if not result:
            break
        at = min(_place(len(result), packets, rng), len(result) - 1)
        if rng.random() < 0.04:
            _splice(result, at, rng, other)
        else:
            rng.choice(STEPS)(result, at, rng)
    return bytes(result[:LARGEST_BYTES])


def _place(size: int, packets: Sequence[int], rng: random.Random) -> int:
    if not packets or rng.random() > AIMED_RATIO:
        return rng.randrange(size)
    start = rng.choice(packets)
    if rng.random() < 0.2:
        return max(start - rng.randint(1, RECORD_REACH), 0)
    return start + rng.randrange(HEADER_REACH)


# ---- steps: each changes `data` at `at` ----


def _bit(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] = rng.randrange(256)


def _odd_number(data: bytearray, at: int, rng: random.Random) -> None:
    """A number at which something turns over, in 1, 2 or 4 bytes of either order."""
    _write(data, at, rng.choice(ODD_VALUES), rng)


def _little_off(data: bytearray, at: int, rng: random.Random) -> None:
    """The number that stands there, a little larger or smaller."""
    size, order = rng.choice((1, 2, 4)), rng.choice((">", "<"))
    piece = bytes(data[at : at + size])
    if len(piece) == size:
        code = order + {1: "B", 2: "H", 4: "I"}[size]
        (value,) = struct.unpack(code, piece)
        data[at : at + size] = struct.pack(code, (value + rng.randint(-35, 35)) % (1 << 8 * size))


def _kind(data: bytearray, at: int, rng: random.Random) -> None:
    """Another protocol: an Ethertype or port, or an IP protocol number."""
    if rng.random() < 0.5:
        data[at : at + 2] = rng.choice(ETHERTYPES_AND_PORTS).to_bytes(2)
    else:
        data[at] = rng.choice(PROTOCOLS)


def _write(data: bytearray, at: int, value: int, rng: random.Random) -> None:
    size, order = rng.choice((1, 2, 4)), rng.choice(("big", "little"))
    data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, order)


def _delete(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at : at + rng.choice((1, 2, 4, 16, 100))]


def _insert(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16, 100)))


def _zeros(data: bytearray, at: int, rng: random.Random) -> None:
    size = min(rng.choice((1, 4, 16, 60, 400)), len(data) - at)
    data[at : at + size] = bytes((rng.choice((0, 0, 255)),)) * size


def _copy_elsewhere(data: bytearray, at: int, rng: random.Random) -> None:
    """A piece written over another place of the file."""
    size, target = rng.choice((1, 4, 20, 60)), rng.randrange(len(data))
    piece = data[at : at + size]
    data[target : target + len(piece)] = piece


def _repeat(data: bytearray, at: int, rng: random.Random) -> None:
    """A stretch two or more times in a row."""
    piece = bytes(data[at : at + rng.choice((4, 16, 80, 400))])
    data[at:at] = piece * rng.choice((1, 1, 1, 2, 20))


def _cut(data: bytearray, at: int, rng: random.Random) -> None:
    """The end of the file, seldom: nothing behind it is left to decode."""
    if rng.random() < 0.3:
        del data[at:]


def _splice(data: bytearray, at: int, rng: random.Random, other: bytes) -> None:
    """A piece of another capture, written over or put between."""
    start, size = rng.randrange(len(other)), rng.choice((16, 64, 300, 3000))
    piece = other[start : start + size]
    data[at : at + (len(piece) if rng.random() < 0.5 else 0)] = piece


STEPS: Final[tuple[Step, ...]] = (
    _bit, _bit, _byte, _odd_number, _odd_number, _little_off, _little_off, _kind,
    _delete, _insert, _zeros, _copy_elsewhere, _repeat, _cut,
)  # fmt: skip
