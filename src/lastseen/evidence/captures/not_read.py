"""What a capture's packets carry that the reader does not look into, said instead of passed over.

It is told by the flows, so it costs nothing a packet: what is encrypted is a flow of ESP (RFC 4303), and a tunnel
inside as many others as the walk over the headers follows ends as a flow of that tunnel.
"""

from typing import Final

import numpy as np

from lastseen.evidence.captures.headers import MAX_DEPTH, TUNNEL_PORTS
from lastseen.tables import packets as table
from lastseen.tables.packets import FlowRows
from lastseen.tables.sources import Weird

__all__ = ["not_read"]

_ESP, _UDP = 50, 17
_TUNNELS: Final = (4, 41, 47)
"""IP protocols that are tunnels: IPv4, IPv6, GRE."""


def not_read(file: str, flows: FlowRows) -> list[Weird]:
    """A weird for each kind of packets whose inside is not read, with their number; `flows`: those of a capture."""
    proto, ports = flows[:, table.FLOW_PROTO] & 0xFF, flows[:, table.FLOW_PORTS]
    to_tunnel = np.isin(ports >> 16, TUNNEL_PORTS) | np.isin(ports & 0xFFFF, TUNNEL_PORTS)
    is_tunnel = np.isin(proto, _TUNNELS) | ((proto == _UDP) & to_tunnel)
    kinds = {
        "ESP: encrypted, what it carries is not read": proto == _ESP,
        f"a tunnel inside {MAX_DEPTH} others: what it carries is not read": is_tunnel
        & (flows[:, table.FLOW_TUNNEL] >> 8 >= MAX_DEPTH),
    }
    counts = {reason: int(flows[of, table.FLOW_PACKETS].sum()) for reason, of in kinds.items()}
    return [Weird(file=file, reason=reason, count=count) for reason, count in counts.items() if count]
