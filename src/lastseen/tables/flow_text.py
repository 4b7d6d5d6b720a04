"""Addresses, connections and tunnels of flow rows as text.

Here and not in `report`, because symptoms, judgements and notes name connections too, and one connection must
read the same wherever it is named: "10.20.0.15:50184 > 203.0.113.80:443", v6 in brackets.
"""

import socket  # inet_ntoa and inet_ntop only: formatting 200,000 addresses with ipaddress would take a second
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lastseen.tables import packets as table
from lastseen.tables.points import Point

if TYPE_CHECKING:
    from lastseen.tables.endpoints import Endpoint

__all__ = [
    "address_and_port",
    "connection_text",
    "connection_texts",
    "endpoint_text",
    "endpoint_texts",
    "group_texts",
    "name_text",
    "tunnel_text",
    "tunnel_texts",
]

TCP: Final = 6
PROTOCOLS: Final = {
    1: "icmp",
    2: "igmp",
    17: "udp",
    47: "gre",
    50: "esp",
    58: "icmpv6",
    89: "ospf",
    132: "sctp",
}
"""Names of IP protocols that are not TCP (IANA protocol numbers); TCP goes unsaid."""
WITH_PORTS: Final = (6, 17, 33, 132, 136)
"""TCP, UDP, DCCP, SCTP and UDP-Lite have ports, even port 0."""
KEY_NAMES: Final = {"geneve": "vni", "vxlan": "vni", "gre": "key", "erspan": "session", "gtpu": "teid"}

_IPV6: Final = 6


def address_and_port(endpoint: "Endpoint") -> str:
    """An endpoint as "ip:port", v6 in brackets; the address alone where there is no port."""
    if not endpoint.port:
        return endpoint.address
    address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{address}:{endpoint.port}"


def endpoint_text(flow_row: npt.NDArray[np.uint32], side: int) -> str:
    """Address and port of the flow's `a` (side 0) or `b` (side 1); the address alone for flows without ports."""
    return endpoint_texts(flow_row[None, :], np.array([side], np.int64))[0]


def endpoint_texts(flows: table.FlowRows, sides: npt.NDArray[np.integer]) -> list[str]:
    """The same for many flow rows at once; `sides`: int[n], 0 for `a` and 1 for `b` of each row."""
    far = np.asarray(sides) == 1
    a, b = flows[:, table.FLOW_A : table.FLOW_A + 4], flows[:, table.FLOW_B : table.FLOW_B + 4]
    words = np.where(far[:, None], b, a).astype(">u4")
    is_v6 = (flows[:, table.FLOW_PROTO] >> 8 & 0xF) == _IPV6
    bits = np.where(far, table.FLOW_B_IS_NAME, table.FLOW_A_IS_NAME)
    is_name = (flows[:, table.FLOW_PROTO] & bits) > 0
    is_v6 &= ~is_name
    addresses, raw = _v4_texts(words), words.tobytes()
    for i in np.flatnonzero(is_v6).tolist():
        addresses[i] = _v6_text(raw[16 * i : 16 * i + 16])
    for i in np.flatnonzero(is_name).tolist():
        addresses[i] = name_text(raw[16 * i : 16 * i + 16])
    both = flows[:, table.FLOW_PORTS]
    ports = np.where(far, both & 0xFFFF, both >> 16).tolist()
    has_port = np.isin(flows[:, table.FLOW_PROTO] & 0xFF, WITH_PORTS) | (both != 0)
    has_port &= (flows[:, table.FLOW_PROTO] & table.FLOW_IS_DATAGRAM) == 0
    if has_port.all() and not is_v6.any():
        return [f"{address}:{port}" for address, port in zip(addresses, ports, strict=True)]
    parts = zip(addresses, ports, has_port.tolist(), is_v6.tolist(), strict=True)
    return [_with_port(address, port, v6) if has else address for address, port, has, v6 in parts]


def connection_text(flow_row: npt.NDArray[np.uint32], originator: int = 0) -> str:
    """A flow as "ip:port > ip:port", the originator's side first; other protocols than TCP are named before it."""
    return connection_texts(flow_row[None, :], np.array([originator], np.int64))[0]


def connection_texts(flows: table.FlowRows, originators: npt.NDArray[np.integer]) -> list[str]:
    """The same for many flow rows at once; `originators`: int[n], 0 where `a` began and 1 where `b` did."""
    one = endpoint_texts(flows, originators)
    other = endpoint_texts(flows, 1 - np.asarray(originators, np.int64))
    protocols = (flows[:, table.FLOW_PROTO] & 0xFF).tolist()
    return [
        f"{a} > {b}" if protocol == TCP else f"{PROTOCOLS.get(protocol, f'proto {protocol}')} {a} > {b}"
        for a, b, protocol in zip(one, other, protocols, strict=True)
    ]


def group_texts(point: Point, groups: Sequence[int], flipped: Sequence[bool] | None = None) -> list[str]:
    """The connection text of each of a point's group numbers, client first; "" for -1.

    `flipped`: for each group, True where the point's own originator is the conversation's responder.
    """
    numbers = np.asarray(groups, np.int64)
    known = numbers[numbers >= 0]
    originators = point.originators_of_groups()[known]
    if flipped is not None:
        originators = originators ^ np.asarray(flipped, np.int64)[numbers >= 0]
    texts = iter(connection_texts(point.capture.flows[point.flows_of_groups()[known]], originators))
    return [next(texts) if number >= 0 else "" for number in numbers.tolist()]


def tunnel_text(flow_row: npt.NDArray[np.uint32]) -> str | None:
    """The tunnel of a flow, as in "geneve vni 100 192.168.50.11 > 192.168.50.21"; None: no tunnel.

    Outer addresses are those of the flow's first packet; IPv6 ones are not in the table and left out.
    """
    return tunnel_texts(flow_row[None, :])[0]


def tunnel_texts(flows: table.FlowRows) -> list[str | None]:
    """The same for many flow rows at once."""
    columns = [table.FLOW_TUNNEL, table.FLOW_VNI, table.FLOW_OUTER_SRC, table.FLOW_OUTER_DST]
    if not (flows[:, table.FLOW_TUNNEL] & 0xFF).any():
        return [None] * len(flows)
    return [_tunnel(*row) if row[0] & 0xFF else None for row in flows[:, columns].tolist()]


def _tunnel(kind_and_depth: int, key: int, source: int, target: int) -> str:
    kind, depth = kind_and_depth & 0xFF, kind_and_depth >> 8 & 0xFF
    name = table.TUNNELS[kind] if kind < len(table.TUNNELS) else f"tunnel kind {kind}"
    words = [name]
    # A GRE or ERSPAN header without a key has key 0; a VNI or TEID is always there.
    if name in KEY_NAMES and (key or name not in {"gre", "erspan"}):
        words.append(f"{KEY_NAMES[name]} {key}")
    if source or target:
        words.append(" > ".join(socket.inet_ntoa(end.to_bytes(4, "big")) for end in (source, target)))
    if depth > 1:
        words.append(f"(innermost of {depth})")
    return " ".join(words)


def _with_port(address: str, port: int, v6: bool) -> str:
    return f"[{address}]:{port}" if v6 else f"{address}:{port}"


def _v4_texts(words: npt.NDArray[np.uint32]) -> list[str]:
    """The last of four big-endian words of each row as an IPv4 address."""
    return list(map(socket.inet_ntoa, np.ascontiguousarray(words[:, 3]).view("V4").tolist()))


def name_text(raw: bytes) -> str:
    """The host name that stands in an address's place; "?" where the listing prints nothing."""
    return raw.rstrip(b"\0").decode("utf-8", "replace") or "?"


def _v6_text(address: bytes) -> str:
    text = socket.inet_ntop(socket.AF_INET6, address)
    if "." not in text:
        return text
    # The C library writes ::ffff:1.2.3.4; our form is ipaddress's, ::ffff:102:304.
    high, low = int.from_bytes(address[12:14], "big"), int.from_bytes(address[14:], "big")
    return f"{text[: text.rfind(':') + 1]}{high:x}:{low:x}"
