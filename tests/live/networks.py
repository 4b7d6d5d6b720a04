"""Networks that really have the case study's fault, built from namespaces, real Open vSwitch and nftables.

The judging hop is the Linux bridge of the hybrid path (br_netfilter): Open vSwitch's userspace datapath does not have
the bug, and the kernel's own nf_ip_checksum() is made to see what it saw: a buffer longer than the IP packet.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from namespaces import ip, within

REMOTE, VM = "203.0.113.80", "10.20.0.15"
CABLE = Path(__file__).parent / "cable.py"
SERVER = Path(__file__).parent / "closing_server.py"

SHORT = range(40, 46)
UNTRIM_INGRESS = "table netdev untrim {{ chain ing {{ type filter hook ingress device {device} priority 0; policy accept;\n{rules}\n}}\n}}\n"
UNTRIM_BACK = "table {family} untrim {{ chain pre {{ type filter hook prerouting priority {priority}; policy accept;\n{rules}\n}}\n}}\n"
SECURITY_GROUP = """
table {family} sg {{ chain forward {{ type filter hook forward priority filter; policy accept;
  ct state invalid counter drop
  ct state established,related counter accept
  {new} counter accept
  {other}
}}
}}
"""


@dataclass
class Network:
    """A network while it stands: namespaces by role, the environment that reaches each host's Open vSwitch."""

    spaces: dict[str, str]
    folder: Path
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, role: str, *command: str, ready: Callable[[], bool] | None = None) -> None:
        """Start a program in a namespace; wait until it says "ready", or until a condition holds."""
        child = subprocess.Popen(
            ["ip", "netns", "exec", self.spaces[role], *command],
            stdout=subprocess.PIPE if ready is None else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if ready is not None else None,
            env=self.environment(role),
            start_new_session=True,
        )
        self.children.append(child)
        if ready is None:
            assert child.stdout
            assert child.stdout.readline().strip() == b"ready"
        else:
            until(ready)

    def environment(self, role: str) -> dict[str, str]:
        """The environment in which a host's own Open vSwitch tools and lastseen run."""
        rundir = str(self.folder / role)
        path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "PATH": path,
            "OVS_RUNDIR": rundir,
            "HOME": str(self.folder),
            "PYTHONPATH": ":".join(sys.path),
        }

    def run(self, role: str, *command: str) -> str:
        """Run a command to its end in a namespace."""
        return subprocess.run(
            ["ip", "netns", "exec", self.spaces[role], *command],
            check=True,
            capture_output=True,
            text=True,
            env=self.environment(role),
        ).stdout

    def ip(self, role: str, *lines: str) -> None:
        """Several `ip` commands in a namespace."""
        for line in lines:
            ip("-n", self.spaces[role], *line.split())

    def nft(self, role: str, text: str) -> None:
        """Load rules."""
        command = ["ip", "netns", "exec", self.spaces[role], "nft", "-f", "-"]
        subprocess.run(command, input=text, text=True, check=True)


def until(true: Callable[[], bool], *, longest_s: float = 20) -> None:
    """Wait for a condition."""
    end = time.monotonic() + longest_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextlib.contextmanager
def network(*roles: str) -> Iterator[Network]:
    """Namespaces for these roles, and an end for everything started in them."""
    mark = uuid.uuid4().hex[:4]
    spaces = {role: f"{role}{mark}" for role in roles}
    folder = Path(tempfile.mkdtemp(prefix="lsnet-"))
    net = Network(spaces, folder)
    try:
        for name in spaces.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield net
    finally:
        for child in net.children:
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()
        for name in spaces.values():
            for pid in ip("netns", "pids", name).split():
                subprocess.run(["kill", "-9", pid], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["ip", "netns", "del", name], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def link(net: Network, a: str, name_a: str, b: str, name_b: str) -> None:
    """A veth between two roles, up, without offloads."""
    ip(
        "link",
        "add",
        name_a,
        "netns",
        net.spaces[a],
        "type",
        "veth",
        "peer",
        "name",
        name_b,
        "netns",
        net.spaces[b],
    )
    for role, name in ((a, name_a), (b, name_b)):
        net.ip(role, f"link set {name} up")
        offloads = ("tx", "off", "rx", "off", "gro", "off", "gso", "off", "tso", "off", "sg", "off")
        within(net.spaces[role], "ethtool", "-K", name, *offloads)


def cable(net: Network, a: str, name_a: str, b: str, name_b: str) -> None:
    """The same with a cable between them that pads short frames."""
    link(net, a, name_a, "cable", "left")
    link(net, "cable", "right", b, name_b)
    net.start("cable", sys.executable, str(CABLE), "left", "right")


def untrimmed(net: Network, role: str, device: str, *, family: str = "ip", priority: str = "raw") -> None:
    """Let connection tracking of this host see padded short packets with their padding."""
    ingress = [
        f"ip protocol tcp ip length {n} meta length 46 meta mark set {0xAD000000 + n} ip length set 46"
        for n in SHORT
    ]
    back = [f"meta mark {0xAD000000 + n} ip length set {n} meta mark set 0" for n in SHORT]
    net.nft(role, UNTRIM_INGRESS.format(device=device, rules="\n".join(ingress)))
    net.nft(role, UNTRIM_BACK.format(family=family, priority=priority, rules="\n".join(back)))


def serve(net: Network) -> None:
    """The third party's server: sends its page, keeps the connection half a moment, closes with a FIN."""
    net.run("remote", "sysctl", "-w", "net.ipv4.tcp_timestamps=0")
    net.start("remote", sys.executable, str(SERVER), REMOTE)


@contextlib.contextmanager
def routed() -> Iterator[Network]:
    """remote - cable - compute (routes, tracks, drops what is invalid) - vm."""
    with network("remote", "cable", "compute", "vm") as net:
        cable(net, "remote", "w0", "compute", "w1")
        link(net, "compute", "tap0", "vm", "eth0")
        net.ip("remote", f"addr add {REMOTE}/24 dev w0", "route add default via 203.0.113.1")
        net.ip("compute", "addr add 203.0.113.1/24 dev w1", "addr add 10.20.0.1/24 dev tap0")
        net.ip("vm", f"addr add {VM}/24 dev eth0", "route add default via 10.20.0.1")
        net.run("compute", "sysctl", "-w", "net.ipv4.ip_forward=1")
        net.nft(
            "compute",
            SECURITY_GROUP.format(family="ip", new='iifname "tap0" ct state new', other="counter drop"),
        )
        untrimmed(net, "compute", "w1")
        serve(net)
        yield net


@contextlib.contextmanager
def openstack(*, fault_at: str = "compute") -> Iterator[Network]:
    """The hybrid path: remote - cable - netnode (br-int) = Geneve = compute (br-int, qvo/qvb, qbr, tap) - vm.

    `fault_at`: the host whose connection tracking misjudges padded packets. On the network node it is a Linux
    bridge between the provider's cable and its switch.
    """
    with network("remote", "cable", "netnode", "compute", "vm") as net:
        cable(net, "remote", "eth0", "netnode", "ens4")
        link(net, "netnode", "ens3", "compute", "ens3")
        for role, own, other in (
            ("netnode", "192.0.2.1", "192.0.2.2"),
            ("compute", "192.0.2.2", "192.0.2.1"),
        ):
            net.ip(role, "link set ens3 mtu 1600")
            switch(net, role, own=own, remote=other)
        _provider(net)
        _hybrid(net)
        net.ip("remote", f"addr add {REMOTE}/24 dev eth0", "route add 10.20.0.0/24 dev eth0")
        net.ip("vm", f"addr add {VM}/24 dev eth0", f"route add {REMOTE} dev eth0", "link set eth0 mtu 1442")
        role, device = ("compute", "qvb1") if fault_at == "compute" else ("netnode", "ens4")
        # where packets of a bridge are not handed up they are not trimmed either, as on a real provider network
        other = "netnode" if role == "compute" else "compute"
        net.run(other, "sysctl", "-w", "net.bridge.bridge-nf-call-iptables=0")
        net.run(role, "sysctl", "-w", "net.bridge.bridge-nf-call-iptables=1")
        # an address resolution is no IP packet and passes by these rules, which see only what br_netfilter hands up
        net.nft(role, SECURITY_GROUP.format(family="ip", new="ct state new", other=""))
        untrimmed(net, role, device)
        serve(net)
        yield net


def switch(net: Network, role: str, *, own: str, remote: str) -> None:
    """An Open vSwitch of its own with a bridge and a Geneve tunnel, userspace datapath."""
    folder = net.folder / role
    folder.mkdir()
    database = folder / "conf.db"
    subprocess.run(
        ["ovsdb-tool", "create", str(database), "/usr/share/openvswitch/vswitch.ovsschema"], check=True
    )
    socket = folder / "db.sock"
    net.start(
        role,
        "ovsdb-server",
        str(database),
        f"--remote=punix:{socket}",
        f"--unixctl={folder}/ovsdb.ctl",
        f"--log-file={folder}/ovsdb.log",
        ready=socket.exists,
    )
    net.run(role, "ovs-vsctl", "--no-wait", "init")
    control = folder / "ovs-vswitchd.ctl"
    net.start(
        role,
        "ovs-vswitchd",
        f"unix:{socket}",
        f"--unixctl={control}",
        f"--log-file={folder}/ovs-vswitchd.log",
        "--pidfile=" + str(folder / "ovs-vswitchd.pid"),
        ready=control.exists,
    )
    for bridge in ("br-int", "br-phy"):
        net.run(role, "ovs-vsctl", "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev")
    net.run(role, "ovs-vsctl", "add-port", "br-phy", "ens3")
    net.ip(role, f"addr add {own}/24 dev br-phy", "link set br-phy up mtu 1600", "link set br-int up")
    add = ("ovs-vsctl", "add-port", "br-int", "gnv0", "--", "set", "interface", "gnv0", "type=geneve")
    net.run(role, *add, f"options:remote_ip={remote}", "options:key=7")
    net.run(role, "sysctl", "-w", "net.ipv4.conf.all.arp_ignore=1")


def _provider(net: Network) -> None:
    """The provider's side of the network node: cable, Linux bridge, switch."""
    net.ip("netnode", "link add brp type bridge", "link set brp up", "link set ens4 master brp")
    net.ip("netnode", "link add qg0 type veth peer name qp0")
    for name in ("qg0", "qp0"):
        net.ip("netnode", f"link set {name} up")
        within(
            net.spaces["netnode"], "ethtool", "-K", name, "tx", "off", "rx", "off", "gro", "off", "gso", "off"
        )
    net.ip("netnode", "link set qg0 master brp")
    net.run("netnode", "ovs-vsctl", "add-port", "br-int", "qp0")


def _hybrid(net: Network) -> None:
    """The compute host's side: switch, qvo/qvb, Linux bridge, tap."""
    net.ip(
        "compute", "link add qvo1 type veth peer name qvb1", "link add qbr1 type bridge", "link set qbr1 up"
    )
    for name in ("qvo1", "qvb1"):
        net.ip("compute", f"link set {name} up")
        within(
            net.spaces["compute"], "ethtool", "-K", name, "tx", "off", "rx", "off", "gro", "off", "gso", "off"
        )
    link(net, "compute", "tap1", "vm", "eth0")
    net.ip("compute", "link set qvb1 master qbr1", "link set tap1 master qbr1")
    net.run("compute", "ovs-vsctl", "add-port", "br-int", "qvo1")


def reachable_by_ssh(net: Network, role: str, *, of: str) -> tuple[str, ...]:
    """A management link and a real sshd on `role`, with throw-away keys; the options by which `of` reaches it."""
    link(net, of, "mgmt0", role, "mgmt0")
    net.ip(of, "addr add 198.51.100.1/24 dev mgmt0")
    net.ip(role, "addr add 198.51.100.2/24 dev mgmt0")
    keys = net.folder / "ssh"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)]
        subprocess.run(command, check=True)
    (keys / "config").write_text(
        f"ListenAddress 198.51.100.2\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/user.pub\nStrictModes no\n"
        f"PidFile {keys}/pid\nPermitRootLogin yes\nPasswordAuthentication no\nUsePAM no\n"
        f"SetEnv OVS_RUNDIR={net.folder / role} PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    net.start(role, "/usr/sbin/sshd", "-D", "-f", str(keys / "config"), ready=(keys / "pid").exists)
    return (
        f"-i{keys}/user",
        "-oStrictHostKeyChecking=no",
        f"-oUserKnownHostsFile={keys}/known",
        "-oLogLevel=ERROR",
    )
