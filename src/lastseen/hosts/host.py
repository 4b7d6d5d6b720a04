"""A host that commands are run on: this one, or another over the user's own ssh; with the namespace to run them in.

Commands are argument vectors. ssh hands one string to the login shell of the other side (ssh(1)), so each argument is
quoted for it (POSIX shell, 2.2.2); scripts are fixed texts of this package and go in on standard input. Nothing is
installed there. Namespaces are entered with nsenter(1), which unlike `ip netns exec` also takes those of containers.
"""

import contextlib
import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lastseen.errors import LastseenError
from lastseen.hosts.names import ssh_target

__all__ = ["HERE", "SSH_FAILED", "Host", "Said", "need", "own_netns", "remote", "run", "shown"]

SSH_OPTIONS: Final = (
    "-T",
    "-o", "BatchMode=yes",
    "-o", "ConnectTimeout=10",
    "-o", "ServerAliveInterval=5",
    "-o", "ServerAliveCountMax=3",
)  # fmt: skip
"""No question can be answered while several hosts are asked at once; a host that is gone is noticed in 15 s."""
SSH_FAILED: Final = 255
"""ssh's own exit status when the connection fails or breaks (ssh(1), EXIT STATUS)."""
LONGEST_S: Final = 30.0
MOST_BYTES: Final = 64 << 20
"""Kept of one command's output: a dump of a large switch's flows has a tenth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """`ssh`: what follows `ssh` on the command line, () for this host. `netns`: file of a namespace, "" the login's."""

    name: str
    ssh: tuple[str, ...] = ()
    netns: str = ""

    def inside(self, netns: str) -> "Host":
        """The same host, in another namespace."""
        return replace(self, netns=netns)

    def argv(self, command: Sequence[str]) -> list[str]:
        """The arguments to start here so that the command runs there."""
        entered = ["nsenter", f"--net={self.netns}", *command] if self.netns else list(command)
        return ["ssh", *SSH_OPTIONS, *self.ssh, shlex.join(entered)] if self.ssh else entered


HERE: Final = Host(name="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command left. `status` None: it did not end in time, or could not be started."""

    status: int | None
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode(errors="replace")

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.status == 0

    @property
    def why(self) -> str:
        """The last line of its complaint."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        fallback = "no answer in time" if self.status is None else f"exit status {self.status}"
        return lines[-1].strip()[:200] if lines else fallback


def remote(target: str, options: Sequence[str] = ()) -> Host:
    """A host reached by ssh; `options` are the user's own for ssh. Raises LastseenError for what is no target."""
    return Host(name=ssh_target(target).rpartition("@")[2], ssh=(*options, "--", target))


def run(host: Host, command: Sequence[str], *, given: str = "", longest_s: float = LONGEST_S) -> Said:
    """Run a command to its end and return what it said; a host that cannot be reached is an answer, not an error."""
    try:
        # a session of its own: Ctrl-C is ours to handle, and must not end what is putting a host back
        child = subprocess.Popen(
            host.argv(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Said(status=None, out=b"", err=f"{command[0]}: {error.strerror}")
    with child:
        try:
            out, err = child.communicate(given.encode(), timeout=longest_s)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            return Said(status=None, out=out[:MOST_BYTES], err="no answer in time")
        finally:  # Ctrl-C may come while it is waited for
            if child.poll() is None:
                child.kill()
    return Said(status=child.returncode, out=out[:MOST_BYTES], err=err.decode(errors="replace"))


def shown(host: Host, command: Sequence[str]) -> str:
    """The command as a person would type it on the host, for plans, `--print` and the head of a text."""
    name = host.netns.removeprefix("/run/netns/")
    words = shlex.join(command)
    if not host.netns:
        return words
    return f"ip netns exec {name} {words}" if "/" not in name else f"nsenter --net={host.netns} {words}"


def own_netns() -> tuple[str, int]:
    """(file, inode) of this process's network namespace; a name under /run/netns where it has one."""
    inode = Path("/proc/self/ns/net").stat().st_ino
    with contextlib.suppress(OSError):
        for file in sorted(Path("/run/netns").iterdir()):
            with contextlib.suppress(OSError):
                if file.stat().st_ino == inode:
                    return str(file), inode
    return f"/proc/{os.getpid()}/ns/net", inode


def need(said: Said, what: str) -> Said:
    """The same, if it ended well. Raises LastseenError with the complaint otherwise."""
    if not said.ok:
        raise LastseenError(f"{what}: {said.why}")
    return said
