"""Rows that text evidence is read into. Units stand in the names; unknown is None, never zero.

`node` is the host or namespace ("" is the one unnamed node, "this host"); `snapshot` is "before", "mid",
"after" or "" (the whole case).
"""

from dataclasses import dataclass, field, replace

from lastseen.tables.endpoints import Endpoint
from lastseen.tables.sources import Source

__all__ = [
    "ConntrackEntry",
    "Counter",
    "CutCapture",
    "Drop",
    "ForwardingEntry",
    "GuestPort",
    "Interface",
    "LogLine",
    "LoggedPacket",
    "Moment",
    "Neighbour",
    "Route",
    "Row",
    "Rule",
    "Setting",
    "Socket",
    "Syscall",
    "Traced",
    "Version",
    "in_zone",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every text row knows: which node and snapshot it speaks of, and where it stands."""

    source: Source
    node: str = ""
    snapshot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Row):
    """A configured value.

    `scope` is "sysctl", "offload:IFACE" for an `ethtool -k` feature, "ovs:BRIDGE/INTERFACE" for an option of an Open
    vSwitch interface, "module" for a loaded kernel module (`value`: how often it is used), "ring:IFACE",
    "channels:IFACE", "coalesce:IFACE", "pause:IFACE" and "phy:IFACE" for what ethtool tells of a card, "vlan:PORT"
    (name: VLAN or range, value: its flags or "tagged") and "bridge_port:PORT" of a bridge,
    "tunnel:IFACE" (id, remote, local, dstport; udpcsum and the like on or off), "ipset:SET", or "cpu" (`lscpu`).

    Of Open vSwitch and OVN: "openflow_port:BRIDGE/PORT" (number, config, state), "ovs_bridge:NAME", "ovs_port:NAME" and
    "ovs_switch" (columns of the database), "ovs_upcall:DATAPATH", "ovs_conntrack:zone=N" (limit), "fdb:BRIDGE" (name
    "vlan=N MAC", value the port), "bond:BOND" and "bond:BOND/MEMBER" (as `bond/show` and `lacp/show` name them),
    "ovn_switch:NAME/port:PORT", "ovn_router:NAME/...", "ovn_chassis:NAME" (as `ovn-nbctl show` names them).
    """

    scope: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Row):
    """One counter at one moment. `family` and `scope` with `name` identify it across snapshots.

    Families: "conntrack" (scope "cpu=N" or ""), "link" (scope: interface), "openflow_port" (scope:
    "BRIDGE/PORT"), "datapath" (scope: datapath name), "datapath_port" (scope: port name), "nstat" (scope ""),
    "qdisc" and "nic" (scope: interface), "conntrack_proc" (scope "cpu=N"), "capture" (scope: interface),
    "ovs_coverage" (scope ""), "openflow_group" (scope "BRIDGE/GROUP"), "ovs_interface" (scope: interface, its
    `statistics` column), "ovs_upcall" (scope: datapath), "ovs_conntrack" (scope "" or "zone=N"), "ovs_fdb" (scope:
    bridge), "lacp" (scope "BOND/MEMBER"), "dropwatch" (scope: place in the kernel). `value` None: the
    host printed that it does not know ("?").
    """

    family: str
    scope: str
    name: str
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPacket:
    """A packet as the kernel's log or a drop trace describes it. None: not printed.

    `ip_len_bytes` is the IPv4 total length (IPv6: payload + 40); `tcp_seq` and `tcp_ack` are absolute;
    `tcp_flags` are the header's eight flag bits.
    """

    src: Endpoint
    dst: Endpoint
    proto: int | None = None
    ip_len_bytes: int | None = None
    ip_id: int | None = None
    ip_ttl: int | None = None
    tcp_seq: int | None = None
    tcp_ack: int | None = None
    tcp_flags: int | None = None
    in_device: str = ""
    out_device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine(Row):
    """One line of a kernel, system or daemon log.

    `at_ns`: ns since the epoch when `clock` is "wall" (in UTC), ns since the log's year began when it is
    "yearless" (syslog), ns since boot when it is "boot"; None when the line has no time. `zone_known`: the
    text itself told the time zone. `topic` names what the line is about when its text is a known one
    ("conntrack_invalid", "conntrack_table_full", ...; "" otherwise). `reason` is the text after the
    prefix ("bad checksum").
    """

    at_ns: int | None
    clock: str
    zone_known: bool
    text: str
    topic: str = ""
    reason: str = ""
    packet: LoggedPacket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Row):
    """One rule, flow or megaflow with its hit counters.

    `layer`: "openflow", "openflow_group", "datapath", "ovn" (logical flows), "ovn_acl", "nft", "iptables". `place`:
    bridge and table, or table and chain.
    (layer, place, priority, match, actions) identify a rule across snapshots. `match` and `actions` keep the
    field's own text. `drops`: the rule itself discards what it matches.
    """

    layer: str
    place: str
    priority: int | None
    match: str
    actions: str
    packets: int | None
    bytes: int | None
    drops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConntrackEntry(Row):
    """One tracked connection. `state` is the TCP state ("" for others); `timeout_s` what is left."""

    proto: str
    state: str
    timeout_s: int | None
    original_src: Endpoint
    original_dst: Endpoint
    reply_src: Endpoint
    reply_dst: Endpoint
    zone: int | None = None
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket(Row):
    """One socket of `ss` or `lsof`. `info` keeps the tcp_info words ("rto" -> "4032"), `timer` the timer's text.

    Queues are None where the program did not tell them (lsof's columns).
    """

    state: str
    local: Endpoint
    peer: Endpoint
    recv_q_bytes: int | None
    send_q_bytes: int | None
    timer: str = ""
    info: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Syscall(Row):
    """One system call of a trace, resumed halves joined.

    `at_ns`: ns since the epoch (or since midnight, when the trace has only times of day; None without any);
    `duration_ns` None when the trace has none or the call never returned. `fd` -1: none. `local`, `peer`
    and `socket` ("TCP", "UDP", ...) come from `-yy` text or from an earlier connect. `timeout_ns` is what
    the call was asked to wait (-1: for ever). `result` is the number returned; None: unfinished.
    `result_text` is what follows it ("Timeout", "EAGAIN (Resource temporarily unavailable)").
    """

    pid: int
    at_ns: int | None
    name: str
    fd: int
    args: str
    result: int | None
    result_text: str
    duration_ns: int | None
    timeout_ns: int | None = None
    socket: str = ""
    local: Endpoint | None = None
    peer: Endpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Row):
    """A version in evidence. `name`: "kernel", "openvswitch_module", "ovs-vswitchd", "os", ..."""

    name: str
    version: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface(Row):
    """A network interface: `kind` is the driver or link type ("veth", "geneve", "e1000", "" unknown).

    `peer` is what `ip` prints after the name's @: the other end or the lower device, by name, or "if8" by its number in
    another namespace.
    """

    name: str
    ifindex: int | None = None
    mac: str = ""
    mtu_bytes: int | None = None
    kind: str = ""
    master: str = ""
    state: str = ""
    addresses: tuple[str, ...] = ()
    peer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Row):
    """One route: `destination` is a prefix or "default"."""

    destination: str
    device: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour(Row):
    """What a node knows of a neighbour's MAC address ("": none); `state` in `ip neigh`'s words.

    "COMPLETE" is said of an entry of /proc/net/arp, which does not tell whether it is fresh.
    """

    address: str
    device: str
    mac: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardingEntry(Row):
    """Behind which port a bridge or tunnel looks for a MAC address; `destination` is a tunnel's far end."""

    mac: str
    device: str
    vlan: int | None = None
    destination: str = ""
    master: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPort(Row):
    """A virtual machine's network card: `mac` inside the guest, `device` the host's tap ("": not running).

    `network` is the bridge or network it is attached to, `port_id` what Open vSwitch knows it by (iface-id); `kind` is
    how it is attached in libvirt's words (bridge, direct, vhostuser, hostdev). Further names of the machine are
    `machine_id`, libvirt's uuid and Nova's id of the server, and `title`, what Nova's user called it.
    """

    machine: str
    device: str
    mac: str
    network: str = ""
    model: str = ""
    port_id: str = ""
    mtu_bytes: int | None = None
    kind: str = ""
    machine_id: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Row):
    """One discarded packet as a drop trace tells it; `reason` by name, "" when the kernel gives none.

    `clock` as in `LogLine`, or "midnight": ns since a local midnight, for tools that print the time of day only.
    """

    at_ns: int | None
    clock: str
    reason: str
    location: str
    packet: LoggedPacket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced(Row):
    """What a switch says it would do with a packet: `ofproto/trace`, `ovn-trace`. No observation: no rule counts it.

    `layer`: "openflow" or "ovn". `flow`: the packet asked about. `place`: the last table it came to. `drops`: it goes
    nowhere from there. `actions`: what is done with it in the end, as printed.
    """

    layer: str
    flow: str
    place: str
    drops: bool
    actions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(Row):
    """When a snapshot was taken or a command ran (ns since the epoch). `what`: "snapshot", "start", "end"."""

    at_ns: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CutCapture(Row):
    """A capture that ended before its run did (a full disk, a bound, a cut connection): past it, it proves nothing.

    `file` is its name as the case has it.
    """

    file: str


def in_zone(row: Row, shift_ns: int) -> Row:
    """A log line with a local time moved to UTC by `shift_ns`; everything else as it is."""
    if isinstance(row, LogLine) and row.at_ns is not None and row.clock == "wall" and not row.zone_known:
        return replace(row, at_ns=row.at_ns + shift_ns, zone_known=True)
    return row
