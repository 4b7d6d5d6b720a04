"""Endpoints of flow rows as values, for comparing with what texts name (see `flow_text` for showing them)."""

import ipaddress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lastseen.tables.flow_text import name_text
from lastseen.tables.packets import (
    FLOW,
    FLOW_A,
    FLOW_A_IS_NAME,
    FLOW_B,
    FLOW_B_IS_NAME,
    FLOW_PORTS,
    FLOW_PROTO,
    Capture,
)

__all__ = ["Endpoint", "endpoints_of", "ends_at", "ends_of"]

_IPV6 = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address (text, canonical as `ipaddress` prints it) and a port (0: none)."""

    address: str
    port: int = 0


def endpoints_of(flow: npt.NDArray[np.uint32], sender: int) -> tuple[Endpoint, Endpoint]:
    """(source, destination) of packets that the flow's `a` (sender 0) or `b` (sender 1) sent."""
    ports = int(flow[FLOW_PORTS])
    kind = int(flow[FLOW_PROTO])
    a = Endpoint(address=_address(flow[FLOW_A : FLOW_A + 4], kind, FLOW_A_IS_NAME), port=ports >> 16)
    b = Endpoint(address=_address(flow[FLOW_B : FLOW_B + 4], kind, FLOW_B_IS_NAME), port=ports & 0xFFFF)
    return (b, a) if sender else (a, b)


def ends_at(capture: Capture, row: int) -> tuple[Endpoint, Endpoint]:
    """(source, destination) of a packet; both without an address where it belongs to no flow."""
    word = int(capture.packets[row][FLOW])
    if word >> 1 >= len(capture.flows):
        return Endpoint(address=""), Endpoint(address="")
    return endpoints_of(capture.flows[word >> 1], word & 1)


def ends_of(capture: Capture, rows: npt.NDArray[np.int64]) -> list[tuple[Endpoint, Endpoint]]:
    """(source, destination) of packets, once for each flow and direction."""
    _, first = np.unique(capture.packets[rows, FLOW], return_index=True)
    return [ends_at(capture, row) for row in rows[first].tolist()]


def _address(words: npt.NDArray[np.uint32], kind: int, name_bit: int) -> str:
    raw = words.astype(">u4").tobytes()
    if kind & name_bit:
        return name_text(raw)
    is_v6 = kind >> 8 & 0xF == _IPV6
    return str(ipaddress.IPv6Address(raw) if is_v6 else ipaddress.IPv4Address(raw[12:]))
