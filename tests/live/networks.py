"""Networks that really have the case study's fault: the lab's topologies, on whose nodes a test runs programs by hand.

A scene of the lab lives in a sandbox and ends with its work. Here its nodes belong to the process of the test, which
starts lastseen, sshd and clients on them, kills them at will, and sees their processes as its own.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from namespaces import ip

from lastseen.lab.arming import all_of, sysctl, untrimmed
from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters
from lastseen.lab.topologies.openstack import openstack as hybrid
from lastseen.lab.topologies.routed import routed as forwarding
from lastseen.lab.workloads import web

PARAMETERS = Parameters()
REMOTE, VM = PARAMETERS.remote, PARAMETERS.vm
PADDED = ("--pad",)
PLAIN = sysctl("remote", "net.ipv4.tcp_timestamps=0")
"""A far host whose bare ACK and FIN are short enough to be padded."""


@dataclass
class Network:
    """A network while it stands. `spaces`: what the test calls each node's namespace; nodes call it by their own name."""

    lab: Lab
    spaces: dict[str, str]

    @property
    def folder(self) -> Path:
        """For files of the test's own."""
        return self.lab.scratch

    def run(self, role: str, *command: str) -> str:
        """Run a command to its end on a node."""
        return self.lab.node(role).run(*command)

    def popen(
        self, role: str, *command: str, more: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start a program on a node, as a user of that host would; `more`: further variables of its environment."""
        environment = self.environment() | dict(more or {})
        return self.lab.node(role).call(
            lambda: subprocess.Popen(command, env=environment, text=True, **options)
        )

    def environment(self) -> dict[str, str]:
        """What a login has, and the lastseen under test."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),
            "PYTHONPATH": ":".join(sys.path),
        }


def until(true: Callable[[], bool], *, longest_s: float = 20) -> None:
    """Wait for a condition."""
    end = time.monotonic() + longest_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextlib.contextmanager
def _standing(build: Callable[[Lab], None]) -> Iterator[Network]:
    """The network that `build` builds, and an end for everything started in it.

    Each node's namespace gets a name, here and on the compute host, where virtual machines are namespaces.
    """
    mark = uuid.uuid4().hex[:4]
    with tempfile.TemporaryDirectory(prefix="lsnet-") as folder:
        lab = Lab(folder=Path(folder), scratch=Path(folder))
        spaces: dict[str, str] = {}
        try:
            build(lab)
            for role, node in lab.nodes.items():
                spaces[role] = f"{role}{mark}"
                ip("netns", "attach", spaces[role], str(node.tid))
                if not role.startswith("lab_"):  # a cable has no namespace that a host could know
                    lab.node("compute").run("ip", "netns", "attach", role, str(node.tid))
            yield Network(lab, spaces)
        finally:
            for name in spaces.values():
                for pid in ip("netns", "pids", name).split():
                    if int(pid) != os.getpid():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(pid), signal.SIGKILL)
                ip("netns", "del", name)
            for node in lab.nodes.values():
                node.close()


@contextlib.contextmanager
def routed(*, more: Callable[[Lab], None] = lambda _: None) -> Iterator[Network]:
    """remote - cable - compute (routes, tracks, drops what is invalid) - vm; `more` builds on.

    The kernel tells of a carrier up to a second later (net/core/link_watch.c): until then nothing is as it will stay.
    """

    def build(lab: Lab) -> None:
        forwarding(lab, PARAMETERS, wire=PADDED)
        all_of(PLAIN, untrimmed("compute", "w1"))(lab, PARAMETERS)
        web(lab, PARAMETERS)
        more(lab)

    with _standing(build) as net:
        until(lambda: not any("NO-CARRIER" in ip("-n", name, "link") for name in net.spaces.values()))
        yield net


@contextlib.contextmanager
def openstack(*, fault_at: str = "compute") -> Iterator[Network]:
    """The hybrid path; `fault_at` is the host whose connection tracking misjudges padded packets.

    On the network node it is that of a Linux bridge between the provider's cable and its switch.
    """

    def build(lab: Lab) -> None:
        hybrid(lab, PARAMETERS, wire=PADDED, provider_bridge=fault_at == "netnode")
        misjudging = untrimmed("compute", "qvb1") if fault_at == "compute" else untrimmed("netnode", "ens4")
        all_of(PLAIN, misjudging)(lab, PARAMETERS)
        web(lab, PARAMETERS)

    with _standing(build) as net:
        yield net


def reachable_by_ssh(net: Network, role: str, *, of: str) -> tuple[str, ...]:
    """A management link and a real sshd on `role`, with throw-away keys; the options by which `of` reaches it."""
    net.lab.link(Link(of, "mgmt0", role, "mgmt0"))
    net.lab.node(of).ip("addr add 192.168.24.1/24 dev mgmt0")
    net.lab.node(role).ip(f"addr add {SSH_ADDRESS}/24 dev mgmt0")
    keys = net.folder / "ssh"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)]
        subprocess.run(command, check=True)
    (keys / "config").write_text(
        f"ListenAddress {SSH_ADDRESS}\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/user.pub\nStrictModes no\n"
        f"PidFile {keys}/pid\nPermitRootLogin yes\nPasswordAuthentication no\nUsePAM no\n"
        "SetEnv PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
    )
    net.run(role, "mkdir", "-p", "/run/sshd")
    net.lab.node(role).start("/usr/sbin/sshd", "-D", "-f", str(keys / "config"))
    until((keys / "pid").exists)
    return (
        f"-i{keys}/user",
        "-oStrictHostKeyChecking=no",
        f"-oUserKnownHostsFile={keys}/known",
        "-oLogLevel=ERROR",
    )


SSH_ADDRESS = "192.168.24.2"
