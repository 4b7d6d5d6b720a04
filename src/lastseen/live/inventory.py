"""What a host's network consists of, from netlink, OVSDB and libvirt, in one round trip.

`ip -j -d` (iproute2 since 4.16) and `ovs-vsctl -f json` print what netlink and OVSDB answer as JSON; asked this way
and not over sockets, the same code reads a host on the far side of ssh. Formats: ip-address(8); RFC 7047, 5.1, for
OVSDB's sets, maps and UUIDs.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lastseen.hosts.asking import ask
from lastseen.hosts.host import Said
from lastseen.hosts.names import is_interface
from lastseen.hosts.probing import HostFacts
from lastseen.live.guests import NAMES_OF_GUESTS, guest_cards
from lastseen.tables.facts_from_texts import GuestPort

__all__ = ["Inventory", "Link", "OvsPort", "inventory"]

MOST_NAMESPACES: Final = 200
"""A network node has one a router and one a network: more are not walked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network interface. `netns` is the file of its namespace, "" the login's own.

    `peer`: (namespace, name) of a veth's other end where it was found; `lower`: what a VLAN or the like lies on.
    `tunnel`: kind, VNI, remote and port of a tunnel device, where it says them.
    """

    netns: str
    name: str
    index: int
    kind: str = ""
    mac: str = ""
    mtu: int = 0
    is_up: bool = False
    master: str = ""
    lower: str = ""
    addresses: tuple[str, ...] = ()
    peer_index: int = 0
    peer_nsid: int = -1
    peer_name: str = ""
    tunnel: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OvsPort:
    """A port of an Open vSwitch bridge: `options` holds remote_ip, key, peer; `ids` Neutron's port and MAC."""

    bridge: str
    name: str
    kind: str = ""
    options: tuple[tuple[str, str], ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    tag: int | None = None

    def option(self, name: str) -> str:
        """One option, or ""."""
        return dict(self.options).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A host's links, switch ports and what hides packets from captures."""

    facts: HostFacts
    links: tuple[Link, ...] = ()
    ports: tuple[OvsPort, ...] = ()
    datapaths: tuple[tuple[str, str], ...] = ()
    """(bridge, datapath type) of each Open vSwitch bridge."""
    guests: tuple[GuestPort, ...] = ()
    """The cards of the host's virtual machines."""
    notes: tuple[str, ...] = ()
    routes: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """Routes of each namespace as `ip -j route` prints them."""
    ids: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """What a namespace calls another one by number (ip-netns(8), list-id): its file."""

    def link(self, netns: str, name: str) -> Link | None:
        """The interface of that name there."""
        return next((link for link in self.links if (link.netns, link.name) == (netns, name)), None)

    def peer(self, link: Link) -> Link | None:
        """The other end of a veth: the link that names it back, by name or by the numbers of both."""
        if link.kind != "veth":
            return None
        if link.peer_name:
            return self.link(link.netns, link.peer_name)
        fitting = [
            other
            for other in self.links
            if other.kind == "veth"
            and other.netns != link.netns
            and (other.index, other.peer_index) == (link.peer_index, link.index)
        ]
        named = [other for other in fitting if other.netns == self.ids.get((link.netns, link.peer_nsid))]
        best = named or fitting
        return best[0] if len(best) == 1 else None

    def port(self, name: str) -> OvsPort | None:
        """The Open vSwitch port of that name."""
        return next((port for port in self.ports if port.name == name), None)


def inventory(facts: HostFacts, *, extra: Iterable[str] = ()) -> Inventory:
    """Look at a host. `extra`: files of further namespaces, as of a container's process."""
    files = _namespaces(facts, extra)
    questions: dict[str, tuple[str, ...]] = {}
    for number, file in enumerate(files):
        enter = ("nsenter", f"--net={file}") if file else ()
        questions[f"addr {number}"] = (*enter, "ip", "-j", "-d", "addr", "show")
        questions[f"ids {number}"] = (*enter, "ip", "-j", "netns", "list-id")
        questions[f"route {number}"] = (*enter, "ip", "-j", "route", "show", "table", "all")
    if "ovs-vsctl" in facts.tools:
        for table, columns in _OVS_TABLES:
            questions[table] = ("ovs-vsctl", "-f", "json", f"--columns={columns}", "list", table)
    if "virsh" in facts.tools:
        questions["guests"] = NAMES_OF_GUESTS
    answers = ask(facts.host, questions)
    links = [
        link
        for number, file in enumerate(files)
        for row in _rows(answers[f"addr {number}"])
        if (link := _link(row, file)) is not None
    ]
    ports, datapaths, notes = _switch(answers)
    notes += [
        f"{file.rpartition('/')[2] or 'this namespace'}: {answers[f'addr {n}'].why}"
        for n, file in enumerate(files)
        if not answers[f"addr {n}"].ok
    ]
    return Inventory(
        facts=facts,
        links=tuple(links),
        ports=ports,
        datapaths=datapaths,
        guests=guest_cards(facts, answers.get("guests")),
        notes=tuple(notes),
        ids=dict(_ids(files, answers, facts)),
        routes={file: tuple(_rows(answers[f"route {n}"])) for n, file in enumerate(files)},
    )


def _ids(
    files: Iterable[str], answers: Mapping[str, Said], facts: HostFacts
) -> Iterable[tuple[tuple[str, int], str]]:
    """((namespace, number), file) of every namespace that another one has a number for."""
    for number, file in enumerate(files):
        for row in _rows(answers[f"ids {number}"]):
            named = f"/run/netns/{row.get('name', '')}"
            if isinstance(row.get("nsid"), int):
                yield (file, row["nsid"]), "" if named == facts.netns else named


_OVS_TABLES: Final = (
    ("Bridge", "name,ports,datapath_type"),
    ("Port", "_uuid,interfaces,tag"),
    ("Interface", "_uuid,name,type,options,external_ids"),
    ("Open_vSwitch", "other_config"),
)


def _namespaces(facts: HostFacts, extra: Iterable[str]) -> list[str]:
    """The login's own first, as ""; the others by file. Without the right to enter them only the own one."""
    if not facts.can_enter:
        return [""]
    named = [file for file, inode in facts.namespaces if inode != facts.inode]
    return ["", *dict.fromkeys([*extra, *named])][:MOST_NAMESPACES]


def _rows(said: Said) -> list[dict[str, Any]]:
    """A JSON list of objects; anything else is no row. Old `ip` knows no -j and an empty answer is usual."""
    try:
        rows = json.loads(said.text) if said.ok and said.out.strip() else []
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict) and row] if isinstance(rows, list) else []


def _link(row: Mapping[str, Any], netns: str) -> Link | None:
    name, index = row.get("ifname"), row.get("ifindex")
    if not isinstance(name, str) or not is_interface(name) or not isinstance(index, int):
        return None  # a container may call its interface anything, a text with an escape sequence too
    info = row.get("linkinfo") if isinstance(row.get("linkinfo"), dict) else {}
    assert isinstance(info, dict)  # noqa: S101 - just seen; tells mypy
    kind = str(info.get("info_kind", ""))
    data = info.get("info_data") if isinstance(info.get("info_data"), dict) else {}
    lower = str(row.get("link", "") or "")
    return Link(
        netns=netns,
        name=name,
        index=index,
        kind=kind,
        mac=str(row.get("address", "")),
        mtu=int(row.get("mtu", 0)),
        is_up="UP" in row.get("flags", ()),
        master=str(row.get("master", "")),
        lower="" if kind == "veth" else lower,
        addresses=tuple(str(a.get("local", "")) for a in row.get("addr_info", ()) if isinstance(a, dict)),
        peer_index=int(row.get("link_index", 0) or 0),
        peer_nsid=int(row.get("link_netnsid", -1)),
        peer_name=lower if kind == "veth" else "",
        tunnel=tuple((k, str(v)) for k, v in (data or {}).items() if k in _TUNNEL_WORDS),
    )


_TUNNEL_WORDS: Final = ("id", "remote", "remote6", "local", "port", "external")


def _switch(
    answers: Mapping[str, Said],
) -> tuple[tuple[OvsPort, ...], tuple[tuple[str, str], ...], list[str]]:
    """Ports, datapaths, and what of the switch hides packets from captures."""
    if "Bridge" not in answers:
        return (), (), []
    if not answers["Bridge"].ok:
        return (), (), [f"ovs-vsctl: {answers['Bridge'].why.removeprefix('ovs-vsctl: ')}"]
    bridges = [row for row in _table(answers["Bridge"]) if is_interface(str(row.get("name")))]
    ports = _table(answers["Port"])
    interfaces = {_plain(row["_uuid"]): row for row in _table(answers["Interface"])}
    tags = {_plain(row["_uuid"]): row for row in ports}
    found = [
        _ovs_port(str(bridge["name"]), interfaces[uuid], tags[port].get("tag"))
        for bridge in bridges
        for port in _set(bridge["ports"])
        if port in tags
        for uuid in _set(tags[port]["interfaces"])
        if uuid in interfaces
    ]
    datapaths = tuple((str(row["name"]), str(row.get("datapath_type") or "system")) for row in bridges)
    return tuple(found), datapaths, list(_hidden(found, datapaths, answers["Open_vSwitch"]))


def _hidden(ports: Iterable[OvsPort], datapaths: Iterable[tuple[str, str]], config: Said) -> Iterable[str]:
    """What captures will not show, said beforehand."""
    for port in ports:
        if port.kind.startswith("dpdk"):
            yield f"{port.name} is a {port.kind} port: its packets pass by the kernel and cannot be captured here"
    for row in _table(config):
        if _map(row.get("other_config")).get("hw-offload") == "true":
            yield "hardware offload is on (hw-offload=true): offloaded flows do not show in captures on this host"
    for bridge, kind in datapaths:
        if kind == "netdev":
            yield f"{bridge} uses the userspace datapath: there is no tunnel device to capture on"


def _ovs_port(bridge: str, row: Mapping[str, Any], tag: object) -> OvsPort:
    return OvsPort(
        bridge=bridge,
        name=str(row["name"]),
        kind=str(row.get("type") or ""),
        options=tuple(_map(row.get("options")).items()),
        ids=tuple(_map(row.get("external_ids")).items()),
        tag=tag if isinstance(tag, int) else None,
    )


def _table(said: Said) -> list[dict[str, Any]]:
    """Rows of `ovs-vsctl -f json list`, by column."""
    try:
        table = json.loads(said.text) if said.ok else {}
        headings, data = table.get("headings", []), table.get("data", [])
        return [dict(zip(headings, row, strict=False)) for row in data]
    except (ValueError, AttributeError, TypeError):
        return []


def _plain(value: Any) -> str:
    return str(value[1]) if isinstance(value, list) and len(value) > 1 else str(value)


def _set(value: Any) -> list[str]:
    if isinstance(value, list) and len(value) > 1 and value[0] == "set":
        return [_plain(item) for item in value[1]]
    return [_plain(value)]


def _map(value: Any) -> dict[str, str]:
    if isinstance(value, list) and len(value) > 1 and value[0] == "map":
        return {str(k): str(v) for k, v in value[1]}
    return {}
