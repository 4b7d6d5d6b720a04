"""What a person calls an endpoint, turned into an interface of the host.

A name of an interface, namespace or libvirt domain, a MAC or IP address, a process or container, a Neutron port.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from lastseen.errors import LastseenError
from lastseen.hosts.host import run
from lastseen.hosts.probing import HostFacts
from lastseen.live.inventory import Inventory, Link, inventory
from lastseen.live.walking import Stop, route_device, walk

__all__ = ["look", "namespace_of_command", "path_of", "resolve"]

_MAC: Final = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTAINER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_TAP_NAME_LENGTH: Final = 11
"""Characters of a Neutron port's id in its tap's name (neutron, DEVICE_NAME_MAX_LEN 14 less "tap")."""


def look(facts: HostFacts, target: str = "") -> Inventory:
    """The host's inventory, with the namespace of the target's process where it is one or a container."""
    file = _process_netns(facts, target)
    return inventory(facts, extra=[file] if file else [])


def path_of(
    seen: Inventory, target: str, *, remote: str = "", edges: frozenset[str] = frozenset()
) -> list[Stop]:
    """The path of an endpoint. Raises LastseenError when nothing here is called so."""
    return walk(seen, resolve(seen, target, remote), remote=remote, edges=edges)


def namespace_of_command(command: Sequence[str]) -> str:
    """The namespace a command enters by itself (`ip netns exec NAME ...`), or ""."""
    at = list(command).index("netns") if "netns" in command else -1
    is_entered = 0 < at < len(command) - 2 and command[at + 1] == "exec"
    return command[at + 2] if is_entered else ""


def resolve(seen: Inventory, target: str, remote: str = "") -> Link:
    """The interface a target means; "" is this host itself. Raises LastseenError when there is none."""
    for found in (_by_name, _by_mac, _by_address, _by_port, _by_domain):
        if target and (link := found(seen, target)):
            return link
    netns = "" if not target else _namespace(seen, target)
    if netns is not None and (link := _way_out(seen, netns, remote)):
        return link
    known = sorted({link.name for link in seen.links if link.netns == "" and link.name != "lo"})
    raise LastseenError(
        f"{target or 'this host'}: no such interface, address, MAC, namespace, container or domain here;"
        f" there are {', '.join(known[:8]) or 'no interfaces'}"
    )


def _by_name(seen: Inventory, target: str) -> Link | None:
    here = seen.link("", target)
    return here or next((link for link in seen.links if link.name == target and target != "lo"), None)


def _by_mac(seen: Inventory, target: str) -> Link | None:
    """An interface of that MAC; or a tap: its MAC is the guest's with a first byte of fe (libvirt, virnetdevtap.c)."""
    mac = target.lower()
    if not _MAC.fullmatch(mac):
        return None
    wanted = {mac, "fe" + mac[2:]}
    by_port = {port.name for port in seen.ports if dict(port.ids).get("attached-mac", "").lower() == mac}
    fitting = [link for link in seen.links if link.mac in wanted or link.name in by_port]
    return next((link for link in fitting if link.mac == mac), fitting[0] if fitting else None)


def _by_address(seen: Inventory, target: str) -> Link | None:
    try:
        address = str(ipaddress.ip_address(target))
    except ValueError:
        return None
    own = next((link for link in seen.links if address in link.addresses), None)
    if own is not None:
        return own
    said = run(seen.facts.host, ("ip", "neigh", "show", address))
    mac = re.search(r" lladdr ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})", said.text)
    return _by_mac(seen, mac[1]) if mac else None


def _by_port(seen: Inventory, target: str) -> Link | None:
    """A Neutron port's id: the switch knows it, or the tap is named for it."""
    if not _UUID.fullmatch(target.lower()):
        return None
    names = [port.name for port in seen.ports if dict(port.ids).get("iface-id") == target.lower()]
    names.append("tap" + target.lower()[:_TAP_NAME_LENGTH])
    return next((link for link in seen.links if link.name in names), None)


def _by_domain(seen: Inventory, target: str) -> Link | None:
    words = {word for word, name in seen.domains if name == target}
    return next((link for link in seen.links if link.name in words), None)


def _namespace(seen: Inventory, target: str) -> str | None:
    """The file of a namespace, by its name or by the process in it."""
    files = {file for file, _ in seen.facts.namespaces}
    named = f"/run/netns/{target}"
    if named in files:
        return "" if named == seen.facts.netns else named
    return _process_netns(seen.facts, target) or None


def _process_netns(facts: HostFacts, target: str) -> str:
    """The namespace file of a process, or of a container that docker or podman knows."""
    if target.isdecimal():
        return f"/proc/{target}/ns/net"
    known = any(file.endswith(f"/{target}") for file, _ in facts.namespaces)
    if not target or known or not _CONTAINER.fullmatch(target):
        return ""
    for program in ("docker", "podman"):
        if program in facts.tools:
            said = run(facts.host, (program, "inspect", "--format", "{{.State.Pid}}", target))
            if said.ok and said.text.strip().isdecimal() and said.text.strip() != "0":
                return f"/proc/{said.text.strip()}/ns/net"
    return ""


def _way_out(seen: Inventory, netns: str, remote: str) -> Link | None:
    """The interface by which a namespace reaches the remote end, or anything."""
    for stop in _route_first(seen, netns, remote):
        if link := seen.link(netns, stop):
            return link
    return None


def _route_first(seen: Inventory, netns: str, remote: str) -> Sequence[str]:
    up = [link.name for link in seen.links if link.netns == netns and link.is_up and link.name != "lo"]
    return [route_device(seen, netns, remote), *up]
