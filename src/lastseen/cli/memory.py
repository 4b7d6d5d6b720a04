"""The option `--memory`: how much memory of its own a command may take, by keeping packets in files."""

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastseen.evidence.case import Case
    from lastseen.scale.spill import Spill
    from lastseen.tables.packets import Room

__all__ = ["MemoryOption", "check_within", "room_within", "size_bytes", "spill_within"]

MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Take about so much memory at the most (2GiB, 500M), however large the captures are: packets"
        " are kept in files in TMPDIR meanwhile.",
    ),
]

_SIZE: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kmgt]?)(?P<binary>i?)b?", re.IGNORECASE)
LEAST_BYTES: Final = 512 << 20
"""Less is not enough for the program itself and one batch of packets."""


def size_bytes(text: str) -> int:
    """Bytes of "2GiB", "2G", "500 MB": units with i are powers of 1024, the others of 1000.

    Raises LastseenError when it is no size, or one that is too small.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise LastseenError(f"--memory {text}: expected a size like 2GiB or 500M")
    unit = 1024 if found["binary"] else 1000
    size = int(float(found["number"]) * unit ** (" kmgt".index(found["unit"].lower() or " ")))
    if size < LEAST_BYTES:
        raise LastseenError(f"--memory {text}: too small, give at least {LEAST_BYTES >> 20}MiB")
    return size


@contextmanager
def spill_within(memory: str | None) -> "Iterator[Spill | None]":
    """Where packets are kept that do not fit into so much memory; None: there is no bound."""
    if memory is None:
        yield None
        return
    size = size_bytes(memory)
    from lastseen.scale.spill import Spill

    with Spill(size) as spill:
        yield spill


def room_within(memory: str | None) -> "Room":
    """What makes the tables of packets that matching looks at again and again; None: there is no bound."""
    from lastseen.cli.arrays import np

    if memory is None:
        return np.empty
    size_bytes(memory)
    from lastseen.scale.mapped import mapped

    return mapped


def check_within(memory: str | None, case: "Case") -> None:
    """Raise LastseenError where what matching keeps of each packet does not fit into so much memory."""
    if memory is None:
        return
    from lastseen.scale.mapped import needed_bytes

    packets = sum(len(read.capture.packets) for read in case.captures)
    needed = needed_bytes(packets)
    if needed > size_bytes(memory):
        raise LastseenError(
            f"--memory {memory}: matching {packets:,} packets takes {needed / 1e9:.1f} GB; allow that much, or give"
            " captures of a shorter time"
        )
