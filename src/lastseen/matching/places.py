"""Places of captures that saw nothing, or one direction only, from the hosts' own addresses and routes.

Matching orders points by the packets they share. A capture behind the hop that drops everything shares none, and is
the one that would prove the loss: an empty capture is worth something only where its place on the path is known.
Where the case holds `ip addr` and `ip route` of the hosts, the path follows from them: from one end's route to the
other, next hop by next hop, and from port to port of the switches between (`matching/links.py`), tunnels with their
underlay included. Where a point saw one direction only, its travel times cannot be told from the distance of two
clocks, so there, too, the hosts' word goes before. Nothing is placed unless every point that did see packets lies on
that path, and once only.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import Final

from lastseen.matching.links import Address, Place, links_of, tags_frames, tunnels_of, way
from lastseen.tables.endpoints import endpoints_of
from lastseen.tables.facts_from_texts import Interface, Route, Row
from lastseen.tables.points import Point

__all__ = ["with_places"]

MOST_HOSTS: Final = 32
"""A path through more hosts than this is a loop."""
MOST_PAIRS: Final = 50
"""Pairs of ends whose path is tried: connections of one case share it."""

_SYN_ACK_FIRST: Final = b"H"
"""Of a connection's history: the first packet was a SYN-ACK, of who counts as the originator and is none."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def with_places(points: Sequence[Point], rows: Iterable[Row]) -> list[Point]:
    """The points, in path order where one without traffic or of one direction lies on the path that the routes tell."""
    silent = [p for p in points if not p.group_count and p.interface]
    heard = [p for p in points if p.group_count]
    halved = any(_saw_one_side(p) for p in heard)
    if not (silent or halved) or not heard or any(p.given_order is not None for p in points):
        return list(points)
    hosts = _Hosts.of(list(rows))
    for client, server in _ends(heard):
        for path in (hosts.path(server, client), hosts.path(client, server)[::-1]):
            order = {place: number for number, place in enumerate(path, start=1)}
            doubtful = {_place(p) for p in silent if not p.packets} & hosts.unproven
            captured = [place for place in path if place in {_place(p) for p in points}]
            if len(captured) > len(set(captured)) or any(_place(p) not in order for p in heard):
                continue
            if halved or any(_place(p) in order.keys() - doubtful for p in silent):
                return [
                    replace(p, given_order=None if _place(p) in doubtful else order.get(_place(p)))
                    for p in points
                ]
    return list(points)


def _saw_one_side(point: Point) -> bool:
    """Whether of no TCP connection both directions came here."""
    least = point.connections["packets"].min(axis=1, initial=1)
    return bool(len(least) and not least.any())


def _place(point: Point) -> Place:
    return point.node, point.interface


def _ends(points: Sequence[Point]) -> Iterator[tuple[Address, Address]]:
    """(originator, responder) of connections and datagram flows, each pair once."""
    seen: dict[tuple[str, str], None] = {}
    for point in points:
        sides = [
            (int(entry["flow"]), int(entry["originator"]) ^ entry["history"].startswith(_SYN_ACK_FIRST))
            for entry in point.connections[:MOST_PAIRS]
        ]
        sides += [(int(flow), 0) for flow in point.flow_groups[:MOST_PAIRS]]
        for flow, originator in sides:
            ends = endpoints_of(point.capture.flows[flow], originator)
            seen[ends[0].address, ends[1].address] = None
    for client, server in list(seen)[:MOST_PAIRS]:
        with suppress(ValueError):  # a listing may print a name for an address, or nothing
            yield ipaddress.ip_address(client), ipaddress.ip_address(server)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hosts:
    """`owner`: place of each address. `routes`: of each node, (destination, device, gateway), longest prefix first.

    `links`: places one link apart. `below`: what a packet passes between two ends of a tunnel, which then count as one
    link apart. `unproven`: places where a capture of nothing at all tells nothing, as its filter may not have meant
    what is in a tunnel or has a tag.
    """

    owner: dict[Address, Place]
    routes: dict[str, list[tuple[Network, str, Address | None]]]
    links: dict[Place, set[Place]] = field(default_factory=dict)
    below: dict[tuple[Place, Place], list[Place]] = field(default_factory=dict)
    unproven: frozenset[Place] = frozenset()

    @staticmethod
    def of(rows: Sequence[Row]) -> "_Hosts":
        owner: dict[Address, Place] = {}
        routes: dict[str, list[tuple[Network, str, Address | None]]] = {}
        for row in rows:
            if isinstance(row, Interface):
                owner |= dict.fromkeys(_addresses(row), (row.node, row.name))
            elif isinstance(row, Route) and row.device:
                routes.setdefault(row.node, []).extend(_routes(row))
        for known in routes.values():
            known.sort(key=lambda route: -route[0].prefixlen)
        hosts = _Hosts(owner=owner, routes=routes, links=links_of(rows))
        below = hosts.tunnelled(tunnels_of(rows))
        links = {place: set(beside) for place, beside in hosts.links.items()}
        for one, other in below:
            links.setdefault(one, set()).add(other)
        unproven = frozenset(chain.from_iterable(below.values()))
        if tags_frames(rows):
            unproven |= hosts.links.keys() - set(owner.values())
        return replace(hosts, links=links, below=below, unproven=unproven)

    def path(self, start: Address, end: Address) -> list[Place]:
        """Every interface from the owner of one address to the owner of another; empty where the routes do not tell."""
        return self._from(self.owner[start][0], end) if start in self.owner else []

    def tunnelled(self, tunnels: Mapping[Place, Address]) -> dict[tuple[Place, Place], list[Place]]:
        """What lies between both ends of each tunnel, in either direction.

        A far end that nobody has leads nowhere; that the other end leads here is enough. Which of several tunnels of a
        host takes what arrives is told by the address it leads back to.
        """
        result: dict[tuple[Place, Place], list[Place]] = {}
        for near, address in tunnels.items():
            node = self.owner.get(address, ("", ""))[0] if address in self.owner else None
            there = {place: back for place, back in tunnels.items() if place[0] == node and node != near[0]}
            if len(there) > 1:
                there = {p: back for p, back in there.items() if self.owner.get(back, ("", ""))[0] == near[0]}
            if len(there) == 1 and (between := self._from(near[0], address)):
                (far,) = there
                result[near, far] = between
                result.setdefault((far, near), between[::-1])
        return result

    def _from(self, node: str, end: Address) -> list[Place]:
        result = list[Place]()
        for _ in range(MOST_HOSTS):
            route = next(
                (r for r in self.routes.get(node, ()) if r[0].version == end.version and end in r[0]), None
            )
            if route is None:
                return []
            arrives = self.owner.get(route[2] or end)
            if arrives is None or arrives[0] == node:
                return []
            result += self._switched((node, route[1]), arrives)
            if self.owner.get(end, ("", ""))[0] == arrives[0]:
                return result
            node = arrives[0]
        return []

    def _switched(self, leaves: Place, arrives: Place) -> list[Place]:
        """What a frame passes between two interfaces that have addresses: at least these two."""
        places = way(self.links, leaves, arrives) or [leaves, arrives]
        result = places[:1]
        for one, other in pairwise(places):
            result += [*self.below.get((one, other), ()), other]
        return result


def _addresses(row: Interface) -> list[Address]:
    """An interface's own addresses; loopback and link-local ones are everywhere."""
    found = [ipaddress.ip_interface(text).ip for text in row.addresses if _is_interface(text)]
    return [address for address in found if not (address.is_loopback or address.is_link_local)]


def _is_interface(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def _routes(row: Route) -> Iterator[tuple[Network, str, Address | None]]:
    """The route's destination as a network, for both families where it says "default" without a gateway."""
    gateway = ipaddress.ip_address(row.via) if row.via else None
    if row.destination != "default":
        yield ipaddress.ip_network(row.destination, strict=False), row.device, gateway
        return
    for network in (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")):
        if gateway is None or gateway.version == network.version:
            yield network, row.device, gateway
