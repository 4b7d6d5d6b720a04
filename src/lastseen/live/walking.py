"""The path of an endpoint through a host: from its interface outwards, hop by hop, until the host's edge.

An interface leads on by what it is: a veth to its other end, a bridge's port to the ports that lead out, a switch's
port to its tunnels, patches and uplinks, a tunnel to the interface its remote is routed over, a VLAN or bond to what
it lies on, a routed interface to where the default route leaves. A switch decides per packet, so where several ports
lead out all of them belong to the path.
"""

import ipaddress
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from lastseen.live.inventory import Inventory, Link, OvsPort

__all__ = ["Stop", "route_device", "stop_of", "walk"]

MOST_STOPS: Final = 40
"""No path through one host is longer; a loop of bridges ends here."""
TUNNELS: Final = {"geneve": "genev_sys_6081", "vxlan": "vxlan_sys_4789", "gre": "gre_sys"}
"""The device of all tunnels of a kind in Open vSwitch's kernel datapath (lib/dpif-netlink-rtnl.c)."""
_OVERLAY: Final = frozenset({"vxlan", "geneve", "gretap", "gre", "ip6gretap", "sit", "ipip"})
_LYING_ON: Final = frozenset({"vlan", "macvlan", "ipvlan", "macvtap"})
_LEADING_DOWN: Final = _OVERLAY | _LYING_ON | {"bond"}
"""What comes into one of these from its own host, through a bridge or not, goes on below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One interface on the path. `role` is for people; `can_capture`: packets show there as they pass.

    `offloads` that are on, and the `zone` connection tracking keeps its packets in, where they were asked for.
    """

    netns: str
    name: str
    role: str
    mtu: int = 0
    mac: str = ""
    addresses: tuple[str, ...] = ()
    about: str = ""
    can_capture: bool = True
    carries_tunnel: bool = False
    """Packets show encapsulated here."""
    offloads: tuple[str, ...] = ()
    zone: int | None = None


def walk(
    seen: Inventory, start: Link, *, remote: str = "", edges: frozenset[str] = frozenset()
) -> list[Stop]:
    """The stops from an endpoint's interface to the host's edge.

    `remote`: address of the other end, for routes; `edges`: namespaces that are hosts of their own, not entered.
    """
    stops: dict[tuple[str, str], Stop] = {}
    inner = seen.peer(start)
    if start.netns == "" and inner is not None and inner.netns not in ("", *edges):
        stops[inner.netns, inner.name] = _stop(seen, inner, "endpoint")
    waiting = [(start, "endpoint" if not stops else _role(seen, start), False)]
    while waiting and len(stops) < MOST_STOPS:
        link, role, in_tunnel = waiting.pop(0)
        key = link.netns, link.name
        if key in stops or link.netns in edges:
            continue
        stops[key] = replace(_stop(seen, link, role), carries_tunnel=in_tunnel)
        waiting += [
            (later, name or _role(seen, later), tunnelled or in_tunnel)
            for later, name, tunnelled in _onwards(
                seen, link, remote, passed=set(stops), is_start=len(stops) == 1
            )
            if (later.netns, later.name) not in stops
        ]
    return list(stops.values())


Onwards = tuple[Link, str, bool]
"""The next link, its role ("" as it looks), whether packets are inside a tunnel there."""


def _onwards(
    seen: Inventory, link: Link, remote: str, *, passed: Container[tuple[str, str]], is_start: bool
) -> Iterator[Onwards]:
    port = seen.port(link.name) if link.netns == "" or link.master == "ovs-system" else None
    above = port.bridge if port is not None else link.master
    if link.kind in _LEADING_DOWN and ((link.netns, above) in passed or not above):
        yield from _downwards(seen, link)
    elif link.master and link.master != "ovs-system" and (bridge := seen.link(link.netns, link.master)):
        yield from _through_master(seen, link, bridge, remote)
    elif port is not None:
        yield from _through_switch(seen, port, set())
    elif link.kind == "bridge":
        yield from (
            (each, "", False) for each in seen.links if _is_port(each, link) and _leads_out(seen, each)
        )
    elif not is_start and link.kind != "veth":
        yield from _routed(seen, link, remote)
    if link.kind == "veth":
        peer = seen.peer(link)
        if peer is not None and (peer.netns, peer.name) not in passed:
            yield peer, "", False
        elif not link.master and port is None:  # come in by this end: the namespace routes on
            yield from _routed(seen, link, remote)


def _downwards(seen: Inventory, link: Link) -> Iterator[Onwards]:
    """From a tunnel, a VLAN or a bond to what carries it."""
    if link.kind in _OVERLAY:
        yield from _under(seen, link, dict(link.tunnel).get("remote", ""))
    elif link.kind == "bond":
        yield from ((each, "bond member", False) for each in seen.links if _is_port(each, link))
    elif lower := seen.link(link.netns, link.lower):
        yield lower, "", False


def _is_port(link: Link, master: Link) -> bool:
    return (link.netns, link.master) == (master.netns, master.name)


def _through_master(seen: Inventory, link: Link, bridge: Link, remote: str) -> Iterator[Onwards]:
    """From a port of a Linux bridge (or bond) to those of its ports that lead out, or to the host's routes."""
    if bridge.kind == "bond":
        yield bridge, "bond", False
        return
    yield bridge, "Linux bridge", False
    others = [each for each in seen.links if _is_port(each, bridge) and each.name != link.name]
    out = [each for each in others if _leads_out(seen, each)]
    yield from ((each, "", False) for each in out)
    if not out and bridge.addresses:
        yield from _routed(seen, bridge, remote)


def _leads_out(seen: Inventory, link: Link) -> bool:
    """Whether a bridge's port leads out of the host rather than to another endpoint."""
    if link.kind == "tun":
        return False
    if link.kind == "veth":
        peer = seen.peer(link)
        return (
            peer is None or peer.netns == link.netns or bool(peer.master) or seen.port(peer.name) is not None
        )
    return True


def _through_switch(seen: Inventory, port: OvsPort, crossed: set[str]) -> Iterator[Onwards]:
    """From a port of an Open vSwitch bridge to its tunnels and uplinks, through patch ports."""
    crossed.add(port.bridge)
    here = next((link for link in seen.links if link.name == port.bridge and link.netns == ""), None)
    if here is not None:
        yield here, "Open vSwitch bridge", False
    for other in seen.ports:
        if other.bridge != port.bridge or other.name in (port.name, port.bridge):
            continue
        if other.kind in TUNNELS:
            device = seen.link("", TUNNELS[other.kind])
            if device is not None:
                yield device, "tunnel", False
            yield from _under(seen, None, other.option("remote_ip"))
        elif other.kind == "patch":
            far = seen.port(other.option("peer"))
            if far is not None and far.bridge not in crossed:
                yield from _through_switch(seen, far, crossed)
        elif other.kind in ("", "system") and (uplink := _uplink(seen, other, port)):
            yield uplink, "", False


def _uplink(seen: Inventory, other: OvsPort, entered: OvsPort) -> Link | None:
    """A switch's port that is a way out: a device or bond, or a veth that leads into no endpoint."""
    link = seen.link("", other.name)
    # a bridge that was come to by its own address carries the tunnels: all its ports lead out
    if link is None or entered.name == entered.bridge:
        return link
    if link.kind == "tun" or link.name.startswith(("tap", "qvo")):
        return None
    peer = seen.peer(link)
    return link if link.kind != "veth" or peer is None or peer.netns == "" else None


def _under(seen: Inventory, tunnel: Link | None, remote: str) -> Iterator[Onwards]:
    """The interface a tunnel's packets leave by."""
    netns = tunnel.netns if tunnel is not None else ""
    if tunnel is not None and tunnel.lower and (lower := seen.link(netns, tunnel.lower)):
        yield lower, "underlay", True
        return
    device = route_device(seen, netns, remote) if remote and remote != "any" else ""
    if device and (link := seen.link(netns, device)):
        yield link, "underlay", True


def _routed(seen: Inventory, link: Link, remote: str) -> Iterator[Onwards]:
    """Where the route to the remote end, or the default one, leaves this namespace."""
    device = route_device(seen, link.netns, remote)
    if device and device != link.name and (out := seen.link(link.netns, device)):
        yield out, "", False


def route_device(seen: Inventory, netns: str, remote: str) -> str:
    """The device of the longest matching route; the default one without an address."""
    best, device = -1, ""
    for row in seen.routes.get(netns, ()):
        length = _matches(row, remote)
        if length > best and isinstance(row.get("dev"), str) and row.get("type", "unicast") == "unicast":
            best, device = length, row["dev"]
    return device


def _matches(row: "dict[str, Any] | Any", remote: str) -> int:
    """Prefix length of a route that fits the address; -1: it does not."""
    shown = str(row.get("dst", ""))
    try:
        if shown == "default":
            return 0
        if not remote:
            return -1
        net = ipaddress.ip_network(shown, strict=False)
        return net.prefixlen if ipaddress.ip_address(remote) in net else -1
    except ValueError:
        return -1


def stop_of(seen: Inventory, link: Link) -> Stop:
    """An interface by itself, as a stop; whether tunnels pass it is not known."""
    return replace(_stop(seen, link, _role(seen, link)), carries_tunnel=True)


def _stop(seen: Inventory, link: Link, role: str) -> Stop:
    port = seen.port(link.name) if link.netns == "" else None
    about = [f"{key} {value}" for key, value in link.tunnel if key in ("id", "remote", "port")]
    if port is not None:
        about += [f"port of {port.bridge}"] + ([f"tag {port.tag}"] if port.tag is not None else [])
        about += [f"Neutron port {value}" for key, value in port.ids if key == "iface-id"]
    elif link.master:
        about.append(f"port of {link.master}")
    if role == "tunnel":
        about += [f"to {other.option('remote_ip')}" for other in seen.ports if other.option("remote_ip")]
    domain = next((card.machine for card in seen.guests if link.name == card.device), "")
    return Stop(
        netns=link.netns,
        name=link.name,
        role=role,
        mtu=link.mtu,
        mac=link.mac,
        addresses=tuple(address for address in link.addresses if not address.startswith("fe80:")),
        about=", ".join([*about, *([f"libvirt domain {domain}"] if domain else [])]),
        # a switch's own port shows only what the host itself says, not what passes through the switch
        can_capture=link.is_up
        and "bridge" not in role
        and not (port is not None and port.name == port.bridge),
    )


def _role(seen: Inventory, link: Link) -> str:
    """What an interface is called on a drawing."""
    if link.kind in _OVERLAY:
        return "tunnel"
    if link.kind == "tun" or link.name.startswith("tap"):
        return "tap"
    if link.kind == "veth":
        return "veth" + (", Open vSwitch port" if link.netns == "" and seen.port(link.name) else "")
    return {"": "network card", "openvswitch": "Open vSwitch bridge", "bridge": "Linux bridge"}.get(
        link.kind, link.kind
    )
