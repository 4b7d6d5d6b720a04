"""Which header fields of a packet another point has otherwise: what devices on the way rewrote."""

from typing import Any, Final

import numpy as np

from lastseen.compiled import packet_kernel
from lastseen.tables.packets import (
    FLOW,
    FLOW_PORTS,
    FLOW_PROTO,
    ID_WINDOW,
    INFO_LISTED,
    LENGTH_FLAGS,
    MISC,
    SEQ,
)

__all__ = ["FIELDS", "changes_of", "count_changes", "flow_changes_of"]

FIELDS: Final = ("ip.dsfield", "tcp.window_size_value", "ip.addr", "port", "tcp.seq", "ip.len")
"""What is compared. TTL is left out: every router lowers it."""
_TCP: Final = 6


@packet_kernel
def _same_end(flow: Any, at: Any, other: Any, other_at: Any) -> Any:
    """Whether two flows have the same address at these columns."""
    same = True
    for k in range(4):
        same &= flow[at + k] == other[other_at + k]
    return same


@packet_kernel
def _ports(flow: Any, backward: Any) -> Any:
    """The ports, the sender's in the high half."""
    ports = np.int64(flow[FLOW_PORTS])
    return ((ports & 0xFFFF) << 16) | (ports >> 16) if backward else ports


@packet_kernel
def flow_changes_of(one: Any, flow: Any, other: Any, other_flow: Any) -> Any:
    """What every packet of two flows' directions shares: 1, other addresses; 2, other ports; 4, TCP."""
    back, other_back = one[FLOW] & 1, other[FLOW] & 1
    at, other_at = (4 if back else 0), (4 if other_back else 0)
    changes = 0
    if not _same_end(flow, at, other_flow, other_at) or not _same_end(flow, 4 - at, other_flow, 4 - other_at):
        changes |= 1
    if _ports(flow, back) != _ports(other_flow, other_back):
        changes |= 2
    return changes | (4 if (flow[FLOW_PROTO] & 0xFF) == _TCP else 0)


@packet_kernel
def changes_of(one: Any, other: Any, flow_changes: Any) -> Any:
    """What differs between two sightings: bit n stands for the nth of FIELDS."""
    changes = (flow_changes & 3) << 2
    if not ((one[MISC] | other[MISC]) >> 24) & INFO_LISTED:  # a listing leaves out what it likes
        changes |= 1 if ((one[MISC] ^ other[MISC]) >> 16) & 0xFF else 0
        changes |= 2 if (one[ID_WINDOW] ^ other[ID_WINDOW]) & 0xFFFF else 0
    changes |= 16 if flow_changes & 4 and one[SEQ] != other[SEQ] else 0
    changes |= 32 if one[LENGTH_FLAGS] >> 8 != other[LENGTH_FLAGS] >> 8 else 0
    return changes


@packet_kernel
def count_changes(changes: Any, changed: Any) -> None:
    """Count each change into `changed`, in the order of FIELDS; the last: anything."""
    for bit in range(len(FIELDS)):
        changed[bit] += (changes >> bit) & 1
    changed[len(FIELDS)] += 1
