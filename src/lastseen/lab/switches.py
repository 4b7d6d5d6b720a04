"""Open vSwitch on a node: a database, a vswitchd and bridges of its own, without any service of the machine.

No kernel module is loaded: bridges have the userspace datapath (`datapath_type=netdev`, ovs-vswitchd.conf.db(5)),
whose ports are packet sockets and tap devices. Sockets and the database lie in the node's own /run, where every
ovs tool looks for them, and end with it. Needs /dev/net/tun, which is root's.
"""

from dataclasses import dataclass
from pathlib import Path

from lastseen.lab.lab import Lab
from lastseen.lab.nodes import Node

__all__ = ["Tunnel", "add_bridge", "add_flows", "add_ports", "add_tunnel", "add_underlay", "start_switch"]

RUN_FOLDER = Path("/run/openvswitch")
LOG = "/var/log/openvswitch/ovs-vswitchd.log"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"

_TEXTS = (
    "ovs-vsctl show",
    "ovs-vsctl list interface",
    "ovs-appctl dpctl/show -s",
    "ovs-appctl dpctl/dump-flows -m",
    "ovs-appctl dpctl/dump-conntrack -m",
    "ovs-appctl upcall/show",
    "ovs-appctl coverage/show",
    f"cat {LOG}",
)
_TEXTS_OF_BRIDGE = (
    "ovs-ofctl dump-flows {}",
    "ovs-ofctl dump-ports {}",
    "ovs-ofctl show {}",
    "ovs-appctl fdb/show {}",
)


def start_switch(lab: Lab, name: str) -> Node:
    """Start Open vSwitch on a node, and have its texts in every snapshot; the node, with a switch that answers."""
    node = lab.node(name)
    database, socket = RUN_FOLDER / "conf.db", RUN_FOLDER / "db.sock"
    node.run("mkdir", "-p", str(RUN_FOLDER))
    node.run("ovsdb-tool", "create", str(database), SCHEMA)
    node.start("ovsdb-server", str(database), f"--remote=punix:{socket}", "--pidfile", "--log-file")
    lab.until(lambda: node.call(socket.exists), "ovsdb-server")
    node.run("ovs-vsctl", "--retry", "--timeout=60", "--no-wait", "init")
    node.start("ovs-vswitchd", f"unix:{socket}", "--pidfile", "--log-file")
    lab.until(lambda: bool(node.run("ovs-appctl", "version", check=False)), "ovs-vswitchd")
    lab.texts.setdefault(name, []).extend(_TEXTS)
    return node


def add_bridge(lab: Lab, name: str, bridge: str, *, datapath: str = "netdev") -> None:
    """A bridge that is up; it switches as it learns addresses until it gets other flows. `system`: the kernel's."""
    node = lab.node(name)
    node.run("ovs-vsctl", "add-br", bridge, "--", "set", "bridge", bridge, f"datapath_type={datapath}")
    node.ip(f"link set {bridge} up")
    lab.texts[name].extend(text.format(bridge) for text in _TEXTS_OF_BRIDGE)


def add_ports(lab: Lab, name: str, bridge: str, *interfaces: str) -> None:
    """Give interfaces of the node to a bridge, and keep the node's kernel off what comes in there.

    The userspace datapath reads a copy (packet(7)); the kernel would answer the original, too. Open vSwitch's guide
    to userspace tunnelling has it dropped by a firewall, hardware for this datapath takes the card away altogether.
    """
    node = lab.node(name)
    for interface in interfaces:
        node.run("ovs-vsctl", "add-port", bridge, interface)
        node.nft(
            f"table netdev lab_taken_{interface} {{ chain ingress {{ "
            f"type filter hook ingress device {interface} priority 500; policy drop; }}; }}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """One end of a Geneve tunnel: on `name`, over `interface` with address `own`, to `peer`."""

    name: str
    interface: str
    own: str
    peer: str
    key: int = 7


def add_underlay(lab: Lab, *tunnels: Tunnel) -> None:
    """On each host a bridge br-phy that holds its address below the tunnel, as the userspace datapath needs it.

    Those who have each other as peer know each other's MAC: a switch drops the first packet while it asks.
    """
    macs = {}
    for tunnel in tunnels:
        add_bridge(lab, tunnel.name, "br-phy")
        add_ports(lab, tunnel.name, "br-phy", tunnel.interface)
        node = lab.node(tunnel.name)
        node.ip(f"addr add {tunnel.own}/24 dev br-phy")
        macs[tunnel.own] = node.run("cat", "/sys/class/net/br-phy/address").strip()
    for tunnel in tunnels:
        if mac := macs.get(tunnel.peer):
            lab.node(tunnel.name).run("ovs-appctl", "tnl/neigh/set", "br-phy", tunnel.peer, mac)


def add_tunnel(lab: Lab, tunnel: Tunnel) -> None:
    """A Geneve port of br-int."""
    lab.node(tunnel.name).run(
        "ovs-vsctl", "add-port", "br-int", "gnv0", "--", "set", "interface", "gnv0", "type=geneve",
        f"options:remote_ip={tunnel.peer}", f"options:key={tunnel.key}",
    )  # fmt: skip


def add_flows(lab: Lab, name: str, flows: str, *, bridge: str = "br-int") -> None:
    """Add flows as `ovs-ofctl add-flows` reads them, one a line."""
    lab.node(name).run("ovs-ofctl", "add-flows", bridge, "-", stdin=flows)
