"""What frames go on to without being routed: bridges and their ports, both ends of a veth or patch, tunnels' far ends.

Routes name the interface a packet leaves a host by and the address it goes to. Where a switch lies between, the
interfaces on the way have no address and no route tells of them; the switch's own tables do: `ovs-vsctl show`, a
bridge's ports and the numbers in `eth0@if8`. Of two hosts, two interfaces are one veth only where each has the other's
number and no third interface has it, too: numbers are small, and the same on many hosts.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from lastseen.tables.facts_from_texts import ForwardingEntry, Interface, Row, Setting

__all__ = ["Address", "Place", "links_of", "tags_frames", "tunnels_of", "way"]

_NO_BRIDGES: Final = frozenset({"", "ovs-system"})
"""Masters that join nothing: ovs-system is the one of all ports of all of a host's Open vSwitch bridges."""
_UNTAGGED: Final = "vlan=0 "
"""Of an entry of `fdb/show`."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Place = tuple[str, str]
"""(node, interface)."""
Links = dict[Place, set[Place]]


def links_of(rows: Sequence[Row]) -> Links:
    """Places that are one link apart, of each place."""
    links: Links = defaultdict(set)
    numbered: dict[Place, tuple[int, int]] = {}
    interfaces = [row for row in rows if isinstance(row, Interface)]
    routers = {(row.node, row.name) for row in interfaces if row.kind == "vrf"}
    for row in interfaces:
        here = row.node, row.name
        if row.master not in _NO_BRIDGES | {row.name} and (row.node, row.master) not in routers:
            _join(links, here, (row.node, row.master))
        number = row.peer.removeprefix("if")
        if row.ifindex is not None and number != row.peer and number.isdecimal():
            numbered[here] = row.ifindex, int(number)
        elif row.peer:
            _join(links, here, (row.node, row.peer))
    for one, other in _veths(numbered):
        _join(links, one, other)
    for option in (row for row in rows if isinstance(row, Setting) and row.name == "peer"):
        if option.scope.startswith("ovs:"):
            _join(links, (option.node, option.scope.rpartition("/")[2]), (option.node, option.value))
    return dict(links)


def tunnels_of(rows: Iterable[Row]) -> dict[Place, Address]:
    """The far end each tunnel of a switch or of the kernel leads to; where a flow chooses it, none."""
    result: dict[Place, Address] = {}
    for row in rows:
        if isinstance(row, Setting) and (
            (row.name == "remote_ip" and row.scope.startswith("ovs:"))
            or (row.name == "remote" and row.scope.startswith("tunnel:"))
        ):
            far = _address(row.value)
            if far is not None:
                result[row.node, row.scope.partition(":")[2].rpartition("/")[2]] = far
    return result


def tags_frames(rows: Iterable[Row]) -> bool:
    """Whether any switch's table knows of a VLAN: filters that do not say "vlan" leave tagged frames out."""
    return any(
        row.vlan is not None
        if isinstance(row, ForwardingEntry)
        else row.kind == "vlan"
        if isinstance(row, Interface)
        else isinstance(row, Setting)
        and (
            row.scope.startswith("vlan:")
            or (row.scope.startswith("fdb:") and not row.name.startswith(_UNTAGGED))
            or (row.scope.startswith("ovs_port:") and row.name in {"tag", "trunks", "vlan_mode"})
        )
        for row in rows
    )


def way(links: Mapping[Place, Iterable[Place]], start: Place, end: Place) -> list[Place]:
    """The shortest way from one place to another, both included; empty where there is none, or two as short."""
    ways = {start: [start]}
    reached = {start}
    while ways and end not in ways:
        further: dict[Place, list[Place]] = {}
        for last, places in ways.items():
            for place in set(links.get(last, ())) - reached:
                further[place] = [] if place in further or not places else [*places, place]
        ways = further
        reached |= further.keys()
    return ways.get(end, [])


def _join(links: Links, one: Place, other: Place) -> None:
    links[one].add(other)
    links[other].add(one)


def _veths(numbered: Mapping[Place, tuple[int, int]]) -> Iterator[tuple[Place, Place]]:
    """Pairs of interfaces of two nodes of which each alone has the other's number."""
    of_numbers: dict[tuple[int, int], list[Place]] = defaultdict(list)
    for place, numbers in numbered.items():
        of_numbers[numbers].append(place)
    for place, (own, peer) in numbered.items():
        others = [other for other in of_numbers[peer, own] if other[0] != place[0]]
        alike = [other for other in of_numbers[own, peer] if other[0] != place[0] and other not in others]
        if len(others) == 1 and not alike:
            yield place, others[0]


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
