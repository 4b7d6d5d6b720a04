"""What a person calls an endpoint, turned into interfaces of the host.

A name of an interface, namespace or libvirt domain, a MAC or IP address, a process or container, a Neutron port; or
several of these, separated by commas.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lastseen.errors import LastseenError
from lastseen.hosts.host import run
from lastseen.hosts.probing import HostFacts
from lastseen.live.containers import process_of
from lastseen.live.guests import cards_of, hidden_cards
from lastseen.live.inventory import Inventory, Link, inventory
from lastseen.live.walking import Stop, route_device, walk

__all__ = ["hidden", "is_known", "look", "namespace_of_command", "path_of", "resolve"]

_MAC: Final = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TAP_NAME_LENGTH: Final = 11
"""Characters of a Neutron port's id in its tap's name (neutron, DEVICE_NAME_MAX_LEN 14 less "tap")."""


def look(facts: HostFacts, target: str = "") -> Inventory:
    """The host's inventory, with the namespaces of the target's processes where it is processes or containers."""
    files = [_process_netns(facts, part) for part in target.split(",")]
    return inventory(facts, extra=[file for file in files if file])


def path_of(
    seen: Inventory, target: str, *, remote: str = "", edges: frozenset[str] = frozenset()
) -> list[Stop]:
    """The path of an endpoint; of several, each interface once. Raises LastseenError when nothing here is called so."""
    stops: dict[tuple[str, str], Stop] = {}
    for link in resolve(seen, target, remote):
        for stop in walk(seen, link, remote=remote, edges=edges):
            stops.setdefault((stop.netns, stop.name), stop)
    return list(stops.values())


def namespace_of_command(command: Sequence[str]) -> str:
    """The namespace a command enters by itself (`ip netns exec NAME ...`), or ""."""
    at = list(command).index("netns") if "netns" in command else -1
    is_entered = 0 < at < len(command) - 2 and command[at + 1] == "exec"
    return command[at + 2] if is_entered else ""


def resolve(seen: Inventory, target: str, remote: str = "") -> list[Link]:
    """The interfaces a target means; "" is this host itself. Raises LastseenError when there is none.

    A virtual machine has all its cards: which of them a packet takes only the guest knows.
    """
    return list(dict.fromkeys(link for part in target.split(",") for link in _resolved(seen, part, remote)))


def is_known(seen: Inventory, target: str) -> bool:
    """Whether something of this host is called so."""
    try:
        return bool(resolve(seen, target))
    except LastseenError:
        return False


def hidden(seen: Inventory, target: str) -> list[str]:
    """What of a virtual machine's packets no capture on this host will show."""
    parts = target.split(",")
    cards = [c for c in seen.guests if {c.machine, c.machine_id, c.title, c.port_id, c.mac} & set(parts)]
    return list(hidden_cards(cards)) if target else []


def _resolved(seen: Inventory, target: str, remote: str) -> list[Link]:
    for find in _FINDERS if target else ():
        if links := find(seen, target):
            return links
    netns = "" if not target else _namespace(seen, target)
    if netns is not None and (link := _way_out(seen, netns, remote)):
        return [link]
    if netns:
        raise LastseenError(
            f"{target}: its network namespace has no interface that is up but lo; there is nothing to capture"
        )
    known = sorted({link.name for link in seen.links if link.netns == "" and link.name != "lo"})
    raise LastseenError(
        f"{target or 'this host'}: no such interface, address, MAC, namespace, running container or domain here;"
        f" there are {', '.join(known[:8]) or 'no interfaces'}"
    )


def _by_name(seen: Inventory, target: str) -> list[Link]:
    here = seen.link("", target)
    if here is not None or target == "lo":
        return [here] if here is not None else []
    return [link for link in seen.links if link.name == target][:1]


def _by_mac(seen: Inventory, target: str) -> list[Link]:
    """An interface of that MAC; or a tap: its MAC is the guest's with a first byte of fe (libvirt, virnetdevtap.c).

    A Linux bridge takes the lowest MAC of its ports (br_stp_recalculate_bridge_id), a tap's often: the port is meant.
    """
    mac = target.lower()
    if not _MAC.fullmatch(mac):
        return []
    wanted = {mac, "fe" + mac[2:]}
    named = {port.name for port in seen.ports if dict(port.ids).get("attached-mac", "").lower() == mac}
    named |= {card.device for card in seen.guests if card.mac.lower() == mac}
    fitting = [link for link in seen.links if link.mac in wanted or link.name in named]
    fitting.sort(key=lambda link: (link.mac != mac, link.name not in named, link.kind == "bridge"))
    return fitting[:1]


def _by_address(seen: Inventory, target: str) -> list[Link]:
    try:
        address = str(ipaddress.ip_address(target))
    except ValueError:
        return []
    own = [link for link in seen.links if address in link.addresses]
    if own:
        return own[:1]
    said = run(seen.facts.host, ("ip", "neigh", "show", address))
    mac = re.search(r" lladdr ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})", said.text)
    return _by_mac(seen, mac[1]) if mac else []


def _by_port(seen: Inventory, target: str) -> list[Link]:
    """A Neutron port's id: the switch or libvirt knows it, or the tap is named for it."""
    port_id = target.lower()
    if not _UUID.fullmatch(port_id):
        return []
    names = [port.name for port in seen.ports if dict(port.ids).get("iface-id") == port_id]
    names += [card.device for card in seen.guests if card.port_id.lower() == port_id]
    names.append("tap" + port_id[:_TAP_NAME_LENGTH])
    fitting = [link for link in seen.links if link.name in names]
    # where Neutron plugs through a Linux bridge the switch knows the port by the veth (qvo): the tap is the endpoint
    return [link for link in fitting if link.name == names[-1]] or fitting[:1]


def _by_domain(seen: Inventory, target: str) -> list[Link]:
    """All cards of a libvirt domain that are interfaces of the host. Raises LastseenError where none of them is."""
    cards = cards_of(seen.guests, target)
    names = {card.device for card in cards if card.device}
    links = [link for link in seen.links if link.netns == "" and link.name in names]
    if cards and not links:
        why = "; ".join(hidden_cards(cards)) or "none of its cards is an interface of this host"
        raise LastseenError(f"{target}: {why}; capture inside the guest, or at the host's network card")
    return links


_FINDERS: Final[tuple[Callable[[Inventory, str], list[Link]], ...]] = (
    _by_name,
    _by_mac,
    _by_address,
    _by_port,
    _by_domain,
)


def _namespace(seen: Inventory, target: str) -> str | None:
    """The file of a namespace, "" for the login's own, by its name or by the process in it."""
    named = f"/run/netns/{target}"
    if named in dict(seen.facts.namespaces):
        return "" if named == seen.facts.netns else named
    return _process_netns(seen.facts, target)


def _process_netns(facts: HostFacts, target: str) -> str | None:
    """The namespace file of a process or container, "" for the login's own; None where the target is neither.

    A name below /run/netns is preferred: podman and CNI give their containers' namespaces one, and the same namespace
    under two names would be two.
    """
    known = any(file.endswith(f"/{target}") for file, _ in facts.namespaces)
    process = int(target) if target.isascii() and target.isdecimal() else None
    if process is None and target and not known:
        process = process_of(facts, target)
    if process is None:
        return None
    file = f"/proc/{process}/ns/net"
    inode = facts.place(file).inode
    if inode == facts.inode:
        return ""
    return next((name for name, other in facts.namespaces if inode and other == inode), file)


def _way_out(seen: Inventory, netns: str, remote: str) -> Link | None:
    """The interface by which a namespace reaches the remote end, or anything."""
    return next(
        (link for name in _route_first(seen, netns, remote) if (link := seen.link(netns, name))), None
    )


def _route_first(seen: Inventory, netns: str, remote: str) -> Iterator[str]:
    yield route_device(seen, netns, remote)
    yield from (link.name for link in seen.links if link.netns == netns and link.is_up and link.name != "lo")
