"""Network namespaces for tests that change hosts: unique names, always removed; and a snapshot of all that may change."""

import contextlib
import os
import subprocess
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lastseen.hosts.changes import Change, Place
from lastseen.hosts.journal import Session


def ip(*words: str) -> str:
    """Run `ip` and return what it prints."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def within(netns: str, *command: str) -> str:
    """Run a command in a namespace and return what it prints."""
    return ip("netns", "exec", netns, *command)


@contextlib.contextmanager
def namespaces(count: int) -> Iterator[list[str]]:
    """So many namespaces with their loopback up."""
    made: list[str] = []
    try:
        for _ in range(count):
            name = f"ls{uuid.uuid4().hex[:8]}"
            ip("netns", "add", name)
            made.append(name)
            ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        for name in made:
            for pid in ip("netns", "pids", name).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            subprocess.run(["ip", "netns", "del", name], check=False)


def joined(left: str, right: str, *, names: Sequence[str] = ("eth0", "eth0"), net: str = "10.77.0") -> None:
    """A veth pair between two namespaces, .1 on the left and .2 on the right, without offloads."""
    ip("link", "add", names[0], "netns", left, "type", "veth", "peer", "name", names[1], "netns", right)
    for host, (name, netns) in enumerate(zip(names, (left, right), strict=True), start=1):
        ip("-n", netns, "addr", "add", f"{net}.{host}/24", "dev", name)
        ip("-n", netns, "link", "set", name, "up")
        within(netns, "ethtool", "-K", name, "tx", "off", "gro", "off", "gso", "off", "tso", "off")


OF_OTHERS = ("nf_conntrack_count", "nf_conntrack_acct", "nf_conntrack_max")
"""What moves by itself, and the machine's one limit, which a scene of the lab lowers for a moment."""


def snapshot(netns: Sequence[str], *, folders: Sequence[Path] = ()) -> dict[str, str]:
    """Every network sysctl, rule, link and process that a run could have changed, by name; and the files of folders."""
    found = {}
    for name in netns:
        for line in within(name, "sysctl", "-a", "-r", "^net").splitlines():
            key, _, value = line.partition(" = ")
            if not key.endswith(OF_OTHERS):
                found[f"{name} {key}"] = value
        # without counters: packets may still come
        found[f"{name} rules"] = within(name, "nft", "--stateless", "list", "ruleset")
        links = within(name, "ip", "-o", "link")
        found[f"{name} links"] = "\n".join(line.partition(" qlen ")[0] for line in links.splitlines())
        found[f"{name} processes"] = "\n".join(map(_command_line, ip("netns", "pids", name).split()))
    found["marked processes"] = "\n".join(marked_processes(netns))
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            found[str(path)] = path.read_text() if path.is_file() else "folder"
    return found


def _command_line(pid: str) -> str:
    with contextlib.suppress(OSError):
        return Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def marked_processes(netns: Iterable[str] | None = None) -> list[str]:
    """The command lines of processes that carry a lastseen session in their environment; those in these namespaces only."""
    found = []
    wanted = None if netns is None else {Path("/run/netns", name).stat().st_ino for name in netns}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            marked = b"LASTSEEN_SESSION=" in (entry / "environ").read_bytes()
            if marked and (wanted is None or (entry / "ns/net").stat().st_ino in wanted):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def left_by_a_dead_run(folder: Path, *written: tuple[Change, Place]) -> list[str]:
    """The journal as a run leaves it that is killed right after making these changes; their numbers."""
    session = Session("1-0-dead", folder)
    Session.begin(folder)
    return [session.intend(change, place) for change, place in written]
