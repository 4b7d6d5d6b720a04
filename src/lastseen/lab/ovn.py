"""OVN on nodes of a lab: its two databases and ovn-northd on one, an ovn-controller on each chassis.

Everything lies in the nodes' own /run and /var/log, where the ovn tools look for it (ovn-architecture(7)).
"""

from pathlib import Path

from lastseen.lab.lab import Lab

__all__ = ["bind_port", "start_central", "start_chassis"]

RUN_FOLDER = Path("/run/ovn")
SCHEMAS = "/usr/share/ovn"
SOUTHBOUND_PORT = 6642
CONTROLLER_LOG = "/var/log/ovn/ovn-controller.log"

_CENTRAL_TEXTS = ("ovn-nbctl show", "ovn-sbctl show", "ovn-sbctl lflow-list")
_CHASSIS_TEXTS = (f"cat {CONTROLLER_LOG}",)


def start_central(lab: Lab, name: str, *, at: str, switch: str) -> None:
    """Start databases and ovn-northd on a node; chassis reach the southbound one at address `at`.

    `switch`: the logical switch whose access rules are among the texts of a snapshot.
    """
    node = lab.node(name)
    node.run("mkdir", "-p", str(RUN_FOLDER))
    databases = {side: RUN_FOLDER / f"ovn{side}_db.db" for side in ("nb", "sb")}
    sockets = {side: RUN_FOLDER / f"ovn{side}_db.sock" for side in databases}
    for side, database in databases.items():
        node.run("ovsdb-tool", "create", str(database), f"{SCHEMAS}/ovn-{side}.ovsschema")
    node.start(
        "ovsdb-server", *map(str, databases.values()), *(f"--remote=punix:{socket}" for socket in sockets.values()),
        f"--remote=ptcp:{SOUTHBOUND_PORT}:{at}", f"--unixctl={RUN_FOLDER}/ovn_db.ctl",
        f"--pidfile={RUN_FOLDER}/ovn_db.pid", "--log-file=/var/log/ovn/ovsdb-server.log",
    )  # fmt: skip
    lab.until(
        lambda: node.call(lambda: all(socket.exists() for socket in sockets.values())), "OVN's databases"
    )
    node.start(
        "ovn-northd",
        *(f"--ovn{side}-db=unix:{socket}" for side, socket in sockets.items()),
        "--pidfile",
        "--log-file",
    )
    lab.texts.setdefault(name, []).extend((*_CENTRAL_TEXTS, f"ovn-nbctl acl-list {switch}"))


def start_chassis(lab: Lab, name: str, *, central: str, encapsulation: str) -> None:
    """Make a node with a running switch a chassis: `central` is the databases' address, the other its tunnel's own."""
    node = lab.node(name)
    told = {
        "system-id": name,
        "ovn-remote": f"tcp:{central}:{SOUTHBOUND_PORT}",
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": encapsulation,
        "ovn-bridge-datapath-type": "netdev",
    }
    node.run(
        "ovs-vsctl", "set", "open", ".", *(f'external_ids:{key}="{value}"' for key, value in told.items())
    )
    node.run("mkdir", "-p", str(RUN_FOLDER))
    node.start("ovn-controller", "--pidfile", "--log-file")
    lab.texts[name].extend(_CHASSIS_TEXTS)


def bind_port(lab: Lab, name: str, interface: str, logical: str) -> None:
    """Say which logical port an interface of br-int is."""
    lab.node(name).run("ovs-vsctl", "set", "interface", interface, f"external_ids:iface-id={logical}")
