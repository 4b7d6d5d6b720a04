"""The command that reproduces the trouble: traced where that helps, watched for its stall, never left running."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from lastseen.hosts.changes import Program
from lastseen.hosts.host import HERE, run
from lastseen.hosts.journal import Session
from lastseen.hosts.probing import HostFacts
from lastseen.hosts.programs import SESSION_VARIABLE

__all__ = ["STALL_S", "Ended", "run_command", "try_once"]

STALL_S: Final = 2.5
"""Silence that is a stall: beyond every retransmission timeout of a path that works (RFC 6298: 1 s at first)."""
LOOK_EVERY_S: Final = 0.1
MOST_OUTPUT_BYTES: Final = 64 << 10
MOST_STRACE_BYTES: Final = 256 << 20
GRACE_S: Final = 3.0
"""Between asking a command to end and killing it."""
NOT_TRACED: Final = frozenset({"ssh"})
"""What these wait for happens elsewhere."""


@dataclass(slots=True, kw_only=True)
class Ended:
    """How the command ended. `status` None: it had to be ended, `why` says by what."""

    status: int | None = None
    why: str = ""
    seconds: float = 0.0
    stalled_at_s: float | None = None
    traced: bool = False
    out: str = ""
    err: str = ""
    interrupted: bool = False
    notes: list[str] = field(default_factory=list)


def run_command(
    command: Sequence[str],
    session: Session,
    facts: HostFacts,
    folder: Path,
    *,
    longest_s: float,
    on_stall: Callable[[], None],
    silent_for: Callable[[], float],
) -> Ended:
    """Run it to its end, or for `longest_s`, or until Ctrl-C; `on_stall` is called once, when it first stalls.

    `silent_for`: seconds since packets were last seen; used where there is no trace to watch.
    """
    ended = Ended()
    trace = folder / "strace.txt"
    words = _traced(command, trace, facts, ended)
    number = session.intend(Program(argv=tuple(words)), facts.place())
    began = time.monotonic()
    try:
        child = _started(words, session, subprocess.PIPE)
    except OSError as error:
        session.mark(number, "undone")
        ended.why = f"cannot be started ({error.strerror})"
        return ended
    session.mark(number, "made")
    kept = bytearray(), bytearray()
    outputs = [_keep(child.stdout, kept[0]), _keep(child.stderr, kept[1])]
    try:
        _watch(child, ended, trace, longest_s=longest_s, on_stall=on_stall, silent_for=silent_for)
    except KeyboardInterrupt:
        ended.why, ended.interrupted = "was interrupted", True
    finally:
        _end(child)
        session.mark(number, "undone")
    for output in outputs:
        output.join(GRACE_S)
    ended.out, ended.err = (bytes(text).decode(errors="replace") for text in kept)
    ended.seconds = time.monotonic() - began
    ended.status = None if ended.why else child.returncode
    return ended


def try_once(command: Sequence[str], session: Session, facts: HostFacts, *, longest_s: float) -> Ended:
    """Run it once, untraced and unwatched, and say how long it took; what does not end in time is ended."""
    ended = Ended()
    number = session.intend(Program(argv=tuple(command)), facts.place())
    began = time.monotonic()
    try:
        child = _started(command, session, subprocess.DEVNULL)
        try:
            ended.status = child.wait(longest_s)
        except subprocess.TimeoutExpired:
            ended.why = f"did not end within {longest_s:.0f} s"
        finally:
            ended.seconds = time.monotonic() - began
            _end(child)
    except OSError as error:
        ended.why = f"cannot be started ({error.strerror})"
    finally:
        session.mark(number, "undone")
    return ended


def _started(command: Sequence[str], session: Session, output: int) -> subprocess.Popen[bytes]:
    """The command in a process group of its own, marked as the session's; `output`: where it may write to."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=os.environ | {SESSION_VARIABLE: session.name},
        start_new_session=True,
    )


def _traced(command: Sequence[str], trace: Path, facts: HostFacts, ended: Ended) -> list[str]:
    """The command below strace, if that can work here."""
    if Path(command[0]).name in NOT_TRACED:
        ended.notes.append(f"{command[0]} is not traced: what it waits for happens on the other host")
        return list(command)
    if "strace" not in facts.tools:
        ended.notes.append("the command is not traced: strace is not installed (apt-get install strace)")
        return list(command)
    tried = run(HERE, ("strace", "-f", "-o", "/dev/null", "true"))
    if not tried.ok:
        ended.notes.append(f"the command is not traced: strace does not work here ({tried.why})")
        return list(command)
    ended.traced = True
    return ["strace", "-f", "-ttt", "-T", "-yy", "-o", str(trace), "--", *command]


def _keep(stream: IO[bytes] | None, kept: bytearray) -> threading.Thread:
    """Keep the beginning of what a stream says; the rest is read and forgotten, or the command would block."""

    def copy() -> None:
        assert stream is not None  # noqa: S101 - both are pipes
        with stream:
            while data := os.read(stream.fileno(), 65_536):
                kept.extend(data[: MOST_OUTPUT_BYTES - len(kept)])

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _watch(
    child: subprocess.Popen[bytes],
    ended: Ended,
    trace: Path,
    *,
    longest_s: float,
    on_stall: Callable[[], None],
    silent_for: Callable[[], float],
) -> None:
    began = last = time.monotonic()
    size = -1
    while child.poll() is None:
        now = time.monotonic()
        if now - began > longest_s:
            ended.why = f"did not end within {longest_s:.0f} s"
            return
        grown = _size(trace) if ended.traced else -1
        if grown != size:
            size, last = grown, now
        if grown > MOST_STRACE_BYTES:
            ended.why = f"its trace outgrew {MOST_STRACE_BYTES >> 20} MB"
            return
        silent = now - last if ended.traced else silent_for()
        if ended.stalled_at_s is None and silent > STALL_S:
            ended.stalled_at_s = now - began - silent
            on_stall()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(LOOK_EVERY_S)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the command and all it started: its process group, asked first, then killed."""
    for sign, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        if child.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
