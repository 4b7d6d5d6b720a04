"""A node of a lab: a network and a mount namespace, kept alive by the thread that lives in them.

Namespaces belong to threads, not to processes (setns(2)), and a child begins in those of the thread that started
it. So a node needs no holder process and no `nsenter`: what its thread does happens on the node, be it writing
/proc/sys or starting tcpdump.
"""

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from lastseen.errors import LastseenError

__all__ = ["Node"]

Result = TypeVar("Result")

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWNET = 0x4000_0000
"""include/uapi/linux/sched.h"""
MS_REC_PRIVATE = 0x4000 | 0x4_0000
"""include/uapi/linux/mount.h: what is mounted on a node is seen there only."""

OWN_FOLDERS = ("/run", "/etc/sysctl.d", "/var/log/openvswitch", "/var/log/ovn")
"""Each node has its own of these, empty at first."""

COMMAND_SECONDS = 120.0
"""Longer than any command of a lab takes on a busy machine, also an emulated one; a lab must not hang for ever."""


class Node:
    """A host of the lab. Everything it does, it does inside its own namespaces."""

    def __init__(self, name: str) -> None:
        """Make the namespaces."""
        self.name = name
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._started: list[subprocess.Popen[bytes]] = []
        self.tid = self.call(partial(_enter_new_namespaces, name))

    def call(self, function: Callable[[], Result]) -> Result:
        """What `function` returns when it runs on this node."""
        return self._thread.submit(function).result()

    def run(self, *argv: str, stdin: str = "", check: bool = True) -> str:
        """Standard output of a command. Raises LastseenError when it fails and `check` is set."""
        done = self.call(lambda: _run(argv, stdin))
        if check and done.returncode:
            raise LastseenError(
                f"lab: '{' '.join(argv)}' on {self.name} failed: {_in_one_line(done.stderr or done.stdout)}"
            )
        return done.stdout

    def start(
        self,
        *argv: str,
        stdout: IO[bytes] | int = subprocess.DEVNULL,
        stderr: IO[bytes] | int = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """A process on this node that runs on; it ends with the lab at the latest."""
        surroundings = dict(os.environ) | dict(environment or {})

        def begin() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=surroundings
            )

        try:
            self._started.append(self.call(begin))
        except FileNotFoundError as error:
            raise LastseenError(_not_found(argv[0])) from error
        return self._started[-1]

    def close(self) -> None:
        """End what was started here and leave the namespaces, which end with their last process.

        For nodes outside a sandbox; inside one everything ends with it.
        """
        for process in self._started:
            process.kill()
            process.wait()
        self._thread.shutdown()

    def ip(self, commands: str) -> None:
        """Lines of `ip -batch` (ip(8)): "link set w0 up"."""
        self.run("ip", "-batch", "-", stdin=commands)

    def nft(self, rules: str) -> None:
        """Rules as `nft -f` reads them."""
        self.run("nft", "-f", "-", stdin=rules)

    def sysctl(self, *settings: str) -> None:
        """Change settings of this node, each told as in sysctl.conf(5): "net.ipv4.ip_forward=1"."""
        for setting in settings:
            name, _, value = setting.partition("=")
            self.call(partial(_write, Path("/proc/sys", *name.split(".")), value))


def _enter_new_namespaces(name: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS):
        raise LastseenError(f"lab: no new namespace: {os.strerror(ctypes.get_errno())}")
    libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None)
    for folder in filter(os.path.isdir, OWN_FOLDERS):
        libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, None)
    libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None)  # its /sys/class/net is this namespace's
    socket.sethostname(name)  # logs carry it
    return threading.get_native_id()


def _run(argv: tuple[str, ...], stdin: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise LastseenError(_not_found(argv[0])) from error
    except subprocess.TimeoutExpired as error:
        raise LastseenError(f"lab: {argv[0]} did not end within {COMMAND_SECONDS:g} s") from error


def _not_found(program: str) -> str:
    return f"lab: {program} was not found; install the package that has it"


def _write(path: Path, value: str) -> None:
    try:
        path.write_text(value)
    except OSError as error:
        raise LastseenError(f"lab: {path} cannot be set to {value}: {error.strerror}") from error


def _in_one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())[:300]
