"""From captures to observation points: one a capture interface, named, placed on a node, with its connections.

A pcapng with several interfaces and a cooked v2 capture of all interfaces are several points. The node and the
interface are met through the interface names that the node's own texts know.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import side_by_side
from lastseen.connections.tracking import Connections, connections
from lastseen.evidence.captures.headers import TUNNEL_PORTS
from lastseen.evidence.case import ReadCapture
from lastseen.evidence.case_toml import CaseToml, PointToml
from lastseen.matching.repeated_attempts import as_one_attempt
from lastseen.matching.rotated import one_a_capture
from lastseen.matching.sightings import first_and_last
from lastseen.tables.packets import (
    ACK,
    FLOW,
    FLOW_IS_DATAGRAM,
    FLOW_PORTS,
    FLOW_PROTO,
    NO_FLOW,
    Capture,
    Room,
)
from lastseen.tables.points import Point, Watch

if TYPE_CHECKING:
    from lastseen.tables.facts_from_texts import Row

__all__ = ["build_points", "name_of"]

_TCP: Final = 6
_UDP: Final = 17
_ICMP6: Final = 58
OF_ONE_LINK: Final = (130, 131, 132, 133, 134, 135, 136, 137, 143)
"""ICMPv6 types no router forwards: multicast listeners (RFC 2710, RFC 3810) and neighbour discovery (RFC 4861)."""
_ENDINGS: Final = re.compile(r"(?:\.(?:pcap|pcapng|cap|dmp|dump|gz|zst)\d*)+$", re.IGNORECASE)
_LEADING_NUMBER: Final = re.compile(r"^\d+[_.-]")
_NS: Final = 1_000_000_000


def build_points(
    captures: Sequence[ReadCapture], rows: "Sequence[Row]", said: CaseToml, *, room: Room = np.empty
) -> list[Point]:
    """One point a capture interface, in the order of the captures; the files of a rotated capture are one.

    `room` makes the tables of packets of rotated captures.
    """
    places = _InterfaceNames.of(rows) if rows and captures else _InterfaceNames(())
    reads = one_a_capture(captures, room)
    rows_read = sum(len(read.capture.packets) for read in reads)
    of_read = side_by_side(lambda read: _points_of(read, places, said), reads, rows=rows_read)
    named = [point for read, points in zip(reads, of_read, strict=True) if read.node for point in points]
    guessed = [
        point for read, points in zip(reads, of_read, strict=True) if not read.node for point in points
    ]
    doubted = _doubted(named, guessed) if len({node for _, node in places.known}) > 1 else frozenset()
    return _unique(
        [
            replace(point, node="", interface="") if point.file in doubted else point
            for points in of_read
            for point in points
        ]
    )


def _doubted(named: list[Point], guessed: list[Point]) -> frozenset[str]:
    """Files of guessed points whose interface speaks for a node that they are not on.

    Hosts' interfaces have the same names. Another capture is called after that node and of that interface; or a
    capture whose name begins with the same word is of no interface of that node: the word means a node without texts.
    """
    taken = {(point.node, point.interface) for point in named if point.interface}
    nodes: dict[str, set[str]] = {}
    for point in guessed:
        nodes.setdefault(_first_word(point.name), set()).add(point.node)
    return frozenset(
        point.file
        for point in guessed
        if point.node and ((point.node, point.interface) in taken or len(nodes[_first_word(point.name)]) > 1)
    )


def _first_word(name: str) -> str:
    return re.split(r"[_.\s-]", name, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class _InterfaceNames:
    """(interface name, node) pairs that texts of the case know, longest name first."""

    known: tuple[tuple[str, str], ...]

    @staticmethod
    def of(rows: "Iterable[Row]") -> "_InterfaceNames":
        """Names from interface lists, and from counters that are kept by interface."""
        from lastseen.tables.facts_from_texts import Counter, Interface  # noqa: PLC0415 - captures alone need none

        found: set[tuple[str, str]] = set()
        for row in rows:
            if isinstance(row, Interface):
                found.add((row.name, row.node))
            elif isinstance(row, Counter) and row.family in ("link", "qdisc") and row.scope:
                found.add((row.scope, row.node))
        return _InterfaceNames(tuple(sorted(found, key=lambda pair: (-len(pair[0]), pair))))

    def find(self, name: str, node: str) -> tuple[str, str]:
        """(interface, node) a point of this name is most likely on; the node as given when the texts do not tell."""
        fitting = [(face, at) for face, at in self.known if _has_token(name, face)]
        if not fitting:
            return "", node
        longest = [(face, at) for face, at in fitting if len(face) == len(fitting[0][0])]
        nodes = {at for _, at in longest}
        if node in nodes:
            return longest[0][0], node
        return longest[0][0], (nodes.pop() if len(nodes) == 1 and not node else node)


def _has_token(name: str, token: str) -> bool:
    """Whether `token` stands in `name` between separators or at its ends."""
    return re.search(rf"(?:^|[_.\s-]){re.escape(token)}(?:$|[_.\s-])", name) is not None


def _points_of(read: ReadCapture, places: _InterfaceNames, said: CaseToml) -> list[Point]:
    capture = read.capture
    made = read.prepared
    table = made if isinstance(made, Connections) else connections(capture.packets, capture.flows)
    attempts, of_packet = as_one_attempt(table.table, table.of_packet)
    group_of, flow_groups = _groups(capture, of_packet, len(attempts))
    whole = Point(
        name=name_of(read),
        file=capture.file,
        node=read.node,
        interface="",
        capture=capture,
        connections=attempts,
        group_of=group_of,
        flow_groups=flow_groups,
        packets=len(capture.packets),
        watch=_closing(capture, 0),
        dropped_packets=_dropped(capture, 0),
        filter=capture.interfaces[0].filter if capture.interfaces else "",
    )
    points = [whole] if len(capture.interfaces) <= 1 else _by_interface(whole)
    stated = next((p for p in said.point if _is_file(read.parts, p.file)), None)
    return [_told(_spanned(_placed(point, places)), stated, said) for point in points]


def _groups(
    capture: Capture, of_packet: npt.NDArray[np.int32], connections_found: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint32]]:
    """(group of each packet, flow numbers of the groups beyond the connections): every other flow is a group.

    But for a tunnel's own packets, left where they carry no IP (ARP between virtual machines, say): where the tunnel
    ends they are unwrapped, so that nothing of them can be followed further and their absence means nothing. Nor are
    IPv6's messages between neighbours followed, as ARP is not: they end at the first router.
    """
    kind = capture.flows[:, FLOW_PROTO] & (0xFF | FLOW_IS_DATAGRAM)
    wraps = (kind == _UDP) & np.isin(capture.flows[:, FLOW_PORTS] & 0xFFFF, TUNNEL_PORTS)
    others = np.flatnonzero((kind != _TCP) & ~wraps).astype(np.uint32)
    if not len(others):
        return of_packet, others
    words = capture.packets[:, FLOW]
    flow = np.where(words == NO_FLOW, len(capture.flows), words >> 1)
    if (kind == _ICMP6).any():
        flow[np.append(kind == _ICMP6, np.False_)[flow] & _are_of_one_link(capture)] = len(capture.flows)
        others = others[np.isin(others, flow)]
    group_of_flow = np.full(len(capture.flows) + 1, -1, np.int32)
    group_of_flow[others] = connections_found + np.arange(len(others), dtype=np.int32)
    return np.where(of_packet >= 0, of_packet, group_of_flow[flow]).astype(np.int32), others


def _are_of_one_link(capture: Capture) -> npt.NDArray[np.bool_]:
    """bool[packets]: if they are ICMPv6, they stay on one link."""
    result: npt.NDArray[np.bool_] = np.isin(capture.packets[:, ACK] >> 24, OF_ONE_LINK)
    return result


def _by_interface(whole: Point) -> list[Point]:
    """The points of a capture with several interfaces: each keeps the groups that its interface carried."""
    capture = whole.capture
    words = capture.packets[:, FLOW]
    proto = capture.flows[:, FLOW_PROTO] >> 16
    face_of = np.where(
        words == NO_FLOW, 0, proto[np.where(words == NO_FLOW, 0, words >> 1)] if len(proto) else 0
    )
    result = []
    for number, face in enumerate(capture.interfaces):
        here = face_of == number
        result.append(
            replace(
                whole,
                name=face.name or f"{whole.name}.{number}",
                group_of=np.where(here, whole.group_of, -1).astype(np.int32),
                packets=int(here.sum()),
                watch=_closing(capture, number),
                dropped_packets=_dropped(capture, number),
                filter=face.filter,
            )
        )
    return result


def name_of(read: ReadCapture) -> str:
    """What a capture's point is called unless the capture or case.toml says otherwise: the file's stem."""
    file_name = read.parts[-1]
    return _LEADING_NUMBER.sub("", _ENDINGS.sub("", file_name)) or file_name


def _placed(point: Point, places: _InterfaceNames) -> Point:
    interface, node = places.find(point.name, point.node)
    return replace(point, interface=interface, node=node)


def _closing(capture: Capture, number: int) -> Watch:
    """What the capture itself says about when it ran (pcapng interface statistics)."""
    if number >= len(capture.interfaces):
        return Watch()
    face = capture.interfaces[number]
    if face.end_ns is None:
        return Watch(start_ns=face.start_ns)
    reason = "the capture's closing record"
    return Watch(start_ns=face.start_ns, end_ns=face.end_ns, reason=reason, is_closed=True)


def _dropped(capture: Capture, number: int) -> int:
    """Packets the capture says it dropped; one that does not say has 0."""
    faces = capture.interfaces[number : number + 1]
    return (faces[0].dropped_packets or 0) if faces else 0


def _spanned(point: Point) -> Point:
    """With the times of the first and last packet of the whole capture: it saw what came in between."""
    packets = point.capture.packets
    if not len(packets):
        return point
    first, last = first_and_last(packets)
    return replace(point, first_ns=int(first), last_ns=int(last))


def _is_file(parts: tuple[str, ...], path: str) -> bool:
    stated = tuple(part for part in path.split("/") if part not in ("", "."))
    return bool(stated) and parts[-len(stated) :] == stated


def _told(point: Point, stated: PointToml | None, said: CaseToml) -> Point:
    """The point as case.toml says it."""
    if stated is None:
        return point
    watch = point.watch
    if stated.end is not None or stated.start is not None:
        watch = Watch(
            start_ns=int(stated.start.timestamp() * _NS) if stated.start else watch.start_ns,
            end_ns=int(stated.end.timestamp() * _NS) if stated.end else watch.end_ns,
            reason="case.toml",
        )
    return replace(
        point,
        name=stated.name,
        node=stated.node or point.node,
        interface=stated.interface or point.interface,
        watch=watch,
        filter=stated.filter or point.filter,
        given_order=said.point.index(stated) + 1,
    )


def _unique(points: list[Point]) -> list[Point]:
    """Names that occur twice get their node in front, and where that is not enough a number behind."""
    names = [point.name for point in points]
    renamed = [
        replace(point, name=f"{point.node}.{point.name}")
        if names.count(point.name) > 1 and point.node
        else point
        for point in points
    ]
    seen: dict[str, int] = {}
    result = []
    for point in renamed:
        seen[point.name] = seen.get(point.name, 0) + 1
        result.append(
            replace(point, name=f"{point.name}#{seen[point.name]}") if seen[point.name] > 1 else point
        )
    return result
