"""One lab: its nodes, links, points and processes, and the case folder it writes.

An open resource; a scene gets it, builds on it and starts programs in it. It needs no closing of its own, as the
sandbox it lives in (`sandbox`) takes everything with it.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab import programs
from lastseen.lab.captures import Capture, start_capture, wait_until_listening
from lastseen.lab.nodes import Node
from lastseen.lab.points import Point

__all__ = ["Lab", "Link"]

PROGRAMS = Path(programs.__file__).parent
OFFLOADS = ("tx", "rx", "gro", "gso", "tso", "sg")
"""With these on, checksums between namespaces are never computed, and several packets travel as one."""
DEADLINE_S = 60.0
POLL_S = 0.005
QUIET_S = 0.4
"""So long without a packet at any point is a stall worth a snapshot; retransmissions begin closer together."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cable: two nodes, the name of its interface on each."""

    a: str
    interface_a: str
    b: str
    interface_b: str


@dataclass(slots=True, kw_only=True)
class Lab:
    """What a scene works with."""

    folder: Path
    """The case folder."""
    scratch: Path
    """For databases, sockets and other files that are no evidence."""
    nodes: dict[str, Node] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    """Where packets are captured, in path order, remote end first."""
    captures: list[Capture] = field(default_factory=list)
    snapshot: Callable[[str], None] = lambda _: None
    """Takes a snapshot: before, mid or after."""
    tracked: set[str] = field(default_factory=set)
    """Nodes whose kernel tracks connections."""
    deadline_s: float = DEADLINE_S
    """How long anything may take to come up; an emulated machine takes longer."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """Further commands whose output a snapshot keeps, by node."""

    def node(self, name: str) -> Node:
        """The node of that name, made when it is first asked for."""
        if name not in self.nodes:
            node = self.nodes[name] = Node(name)
            node.ip("link set lo up")
            node.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        return self.nodes[name]

    def link(self, *links: Link, offload: bool = False) -> None:
        """Lay cables (veth) between nodes, up, and without offload unless it is wanted."""
        plan = [
            f"link add {x.interface_a} netns {self.node(x.a).tid}"
            f" type veth peer name {x.interface_b} netns {self.node(x.b).tid}"
            for x in links
        ]
        self.node(links[0].a).ip("\n".join(plan))
        for name, interface in _ends(links):
            if not offload:
                off = [word for feature in OFFLOADS for word in (feature, "off")]
                self.node(name).run("ethtool", "-K", interface, *off)
            self.node(name).ip(f"link set {interface} up")

    def watch(self, *points: str) -> None:
        """Name the points to capture at, in path order: "compute:w1"."""
        for text in points:
            node, _, interface = text.partition(":")
            self.points.append(Point(node=node, interface=interface))

    def start_captures(self) -> None:
        """Begin to capture at every point, and return when all see packets."""
        folder = self.folder / "captures"
        folder.mkdir(parents=True, exist_ok=True)
        for order, point in enumerate(self.points, 1):
            file = folder / f"{order}_{point.name}.pcap"
            said = folder / f"{point.name}_tcpdump.txt"
            self.captures.append(start_capture(self.node(point.node), point, file, said))
        wait_until_listening(self.captures, seconds=self.deadline_s)

    def program(self, node: str, name: str, *arguments: object, log: str = "") -> subprocess.Popen[bytes]:
        """Start one of lastseen.lab.programs on a node; `log` names a file of the case for its output."""
        argv = _argv(name, arguments)
        if not log:
            return self.node(node).start(*argv, stderr=subprocess.STDOUT)
        with (self.folder / log).open("wb") as stream:
            return self.node(node).start(*argv, stdout=stream, stderr=subprocess.STDOUT)

    def serve(self, node: str, name: str, *arguments: object) -> subprocess.Popen[bytes]:
        """Start a program that says "ready" in its first line, and return when it has."""
        log = f"{node}_{name}.log"
        serial = 1
        while (self.scratch / log).exists():
            serial += 1
            log = f"{node}_{name}_{serial}.log"
        with (self.scratch / log).open("wb") as stream:
            process = self.node(node).start(*_argv(name, arguments), stdout=stream, stderr=subprocess.STDOUT)
        self.until(
            lambda: (self.scratch / log).read_text().startswith("ready") or process.poll() is not None, name
        )
        if process.poll() is not None:
            raise LastseenError(f"lab: {name} on {node} ended: {(self.scratch / log).read_text()[-300:]}")
        return process

    def until(self, condition: Callable[[], bool], what: str, *, seconds: float | None = None) -> None:
        """Wait for a condition. Raises LastseenError when it never holds."""
        patience = self.deadline_s if seconds is None else seconds
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                raise LastseenError(f"lab: waited {patience:g} s in vain for {what}")
            time.sleep(POLL_S)

    def count(self, node: str, counter: str) -> int:
        """What nstat counts on a node, by its name there: "TcpExtListenOverflows"."""
        words = self.node(node).run("nstat", "-asz", counter).split()
        return int(words[words.index(counter) + 1])

    def packets_quiet(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until no point sees packets any more (True), or until the process ends (False)."""
        seen, since = -1, time.monotonic()
        while process.poll() is None:
            size = sum(capture.file.stat().st_size for capture in self.captures if capture.file.exists())
            if size != seen:
                seen, since = size, time.monotonic()
            elif time.monotonic() - since > QUIET_S:
                return True
            time.sleep(POLL_S)
        return False


def _argv(name: str, arguments: Iterable[object]) -> list[str]:
    """The command line of one of lastseen.lab.programs, which see the standard library only."""
    return [sys.executable, "-I", "-S", str(PROGRAMS / f"{name}.py"), *map(str, arguments)]


def _ends(links: Sequence[Link]) -> list[tuple[str, str]]:
    return [end for x in links for end in ((x.a, x.interface_a), (x.b, x.interface_b))]
