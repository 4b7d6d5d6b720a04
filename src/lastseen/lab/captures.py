"""Captures at every point of a lab: one tcpdump each, begun and ended on a condition, never after a pause.

tcpdump says "listening on" when its socket is bound. On SIGUSR1 it prints what it has received and what it has
written (tcpdump(1)); once both are equal nothing waits in its buffer and it may be stopped.
"""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.nodes import Node
from lastseen.lab.points import Point

__all__ = [
    "TCPDUMP_SAID",
    "Capture",
    "dropped_packets",
    "start_capture",
    "stop_captures",
    "wait_until_listening",
]

DEADLINE_S = 60.0
POLL_S = 0.005
TCPDUMP_SAID = "captures/*_tcpdump.txt"
"""Which files of a case hold what its captures said."""
_LISTENING = "listening on"
_COUNTS = re.compile(
    r"(\d+) packets? captured\D+?(\d+) packets? received by filter\D+?(\d+) packets? dropped", re.DOTALL
)

_DROPPED = re.compile(r"^(\d+) packets? dropped by kernel", re.MULTILINE)
_ASKED = re.compile(r"^tcpdump: \d+ packets? captured, ")
"""The answer to SIGUSR1; nobody else sends it, so it is no part of the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A running tcpdump, the file it writes and the file of what it says."""

    node: str
    interface: str
    file: Path
    said: Path
    process: subprocess.Popen[bytes]

    def words(self) -> str:
        """What it has said so far."""
        return self.said.read_text("utf-8", "replace")


def start_capture(node: Node, point: Point, file: Path, said: Path) -> Capture:
    """Begin to capture at one point. `said` takes tcpdump's standard error."""
    interface = point.interface
    with said.open("wb") as stream:
        process = node.start(
            "tcpdump", "-i", interface, "-w", str(file), "-Z", "root", "-U", "--immediate-mode", "-n",
            "-s", "0", "-B", str(point.buffer_kib), "--time-stamp-precision=nano", stderr=stream,
        )  # fmt: skip
    return Capture(node=node.name, interface=interface, file=file, said=said, process=process)


def dropped_packets(said: Path) -> int:
    """How many packets a capture that has ended says the kernel dropped before it read them."""
    return sum(map(int, _DROPPED.findall(said.read_text("utf-8", "replace"))))


def wait_until_listening(captures: list[Capture], *, seconds: float = DEADLINE_S) -> None:
    """Return when all of them see packets. Raises LastseenError when one does not."""
    _wait(captures, lambda capture: _LISTENING in capture.words(), "does not begin", seconds=seconds)


def stop_captures(captures: list[Capture], *, seconds: float = DEADLINE_S) -> None:
    """Stop them all when each has written all it has received."""
    _wait(captures, _is_drained, "does not catch up", seconds=seconds)
    for capture in captures:
        capture.process.send_signal(signal.SIGINT)
    for capture in captures:
        capture.process.wait(seconds)
        lines = capture.words().splitlines(keepends=True)
        capture.said.write_text("".join(line for line in lines if not _ASKED.match(line)), "utf-8")


def _is_drained(capture: Capture) -> bool:
    before = len(_COUNTS.findall(capture.words()))
    capture.process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + DEADLINE_S
    while len(counts := _COUNTS.findall(capture.words())) == before:
        if time.monotonic() > end or capture.process.poll() is not None:
            return False
        time.sleep(POLL_S)
    captured, received, dropped = map(int, counts[-1])
    return captured + dropped >= received


def _wait(
    captures: list[Capture], done: Callable[[Capture], bool], complaint: str, *, seconds: float
) -> None:
    end = time.monotonic() + seconds
    for capture in captures:
        while not done(capture):
            if time.monotonic() > end or capture.process.poll() is not None:
                raise LastseenError(
                    f"lab: tcpdump on {capture.node} {capture.interface} {complaint}: {capture.words()[-200:]}"
                )
            time.sleep(POLL_S)
