"""The journal: every change to a host is on disk, with how to undo it, before it is made.

One JSON object a line, appended and fsynced (fsync(2)); a line cut off by a power loss is passed over, because the
change it announced was not made yet. A session is named for its process, by number and start time (proc_pid_stat(5)),
so that anyone can tell a change in use from one left behind by `kill -9`. A lock on a file would not do: a child that
is between fork and exec still holds it after its parent was killed.
"""

import contextlib
import errno
import fcntl
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from lastseen.errors import LastseenError
from lastseen.hosts.changes import Change, Place
from lastseen.hosts.state import state_folder

__all__ = ["Recorded", "Session", "State", "compact", "left_behind", "mark", "mark_all", "recorded"]

State = Literal["intended", "made", "kept", "undone", "gone"]
"""intended: about to be made; kept: a remedy that cured, `undo` takes it back; gone: a reboot or a vanished
namespace took it away."""

OPEN: Final = ("intended", "made")
_START_TIME: Final = 22
_AFTER_NAME: Final = 3
"""Fields of /proc/PID/stat, counted from 1: the start time, and the first one behind the name in brackets."""
_FILE: Final = "journal.jsonl"
_COMPACT_FROM_BYTES: Final = 256 << 10
"""A run writes about ten lines of 300 bytes; hundreds of runs later, what is undone is dropped."""


class _Written(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line: a change announced, or (without one) the state of an earlier one."""

    id: str
    state: State
    session: str = ""
    at_ns: int = 0
    place: Place = Place()
    change: Change | None = None
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A change as the journal knows it. `alive`: the lastseen that made it still runs."""

    id: str
    session: str
    at_ns: int
    place: Place
    change: Change
    about: str
    state: State
    alive: bool

    @property
    def is_open(self) -> bool:
        """Whether it stands, or may stand, and nobody decided that it should."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One run that may change hosts; its changes are in use for as long as its process lives or it is not closed."""

    name: str
    folder: Path

    @classmethod
    def begin(cls, folder: Path | None = None) -> Self:
        """Open the journal for writing. Raises LastseenError where it cannot be: then nothing may be changed."""
        folder = folder or state_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(folder):
                _sync(folder)
        except OSError as error:
            raise LastseenError(
                f"{folder}: the journal of changes cannot be written ({error.strerror}), so nothing will be changed;"
                " make room, or name another folder in LASTSEEN_STATE"
            ) from error
        pid = os.getpid()
        return cls(f"{pid}-{_started(pid)}-{uuid.uuid4().hex[:12]}", folder)

    def intend(self, change: Change, place: Place, *, about: str = "") -> str:
        """Write down what is about to be changed; returns its id. It is on disk when this returns."""
        number = f"{self.name}-{uuid.uuid4().hex[:8]}"
        line = _Written(number, "intended", self.name, time.time_ns(), place, change, about)
        try:
            _append(self.folder, line)
        except OSError as error:
            raise LastseenError(
                f"{self.folder}: the journal cannot be written ({error.strerror}), so nothing is changed; make room"
            ) from error
        return number

    def mark(self, number: str, state: State) -> None:
        """Write down what became of a change."""
        mark(number, state, self.folder)


def mark(number: str, state: State, folder: Path | None = None) -> None:
    """Write down what became of a change. A full disk loses only the note: undoing twice does no harm."""
    mark_all([number], state, folder)


def mark_all(numbers: Sequence[str], state: State, folder: Path | None = None) -> None:
    """The same of several changes that belong together, at one stroke: a crash leaves all of them as they were."""
    with contextlib.suppress(OSError):
        _append(folder or state_folder(), *(_Written(number, state) for number in numbers))


def recorded(folder: Path | None = None) -> list[Recorded]:
    """All changes the journal knows, oldest first, each with its latest state. [] where there is no journal."""
    folder = folder or state_folder()
    announced: dict[str, _Written] = {}
    states: dict[str, State] = {}
    for line in _lines(folder):
        if line.change is not None:
            announced[line.id] = line
        states[line.id] = line.state
    alive = {name: _is_alive(name) for name in {line.session for line in announced.values()}}
    return [
        Recorded(
            id=line.id,
            session=line.session,
            at_ns=line.at_ns,
            place=line.place,
            change=line.change,
            about=line.about,
            state=states[line.id],
            alive=alive[line.session],
        )
        for line in announced.values()
        if line.change is not None
    ]


def left_behind(folder: Path | None = None) -> list[Recorded]:
    """Changes that stand though the lastseen that made them is gone, newest first: the order to undo them in."""
    return [change for change in reversed(recorded(folder)) if change.is_open and not change.alive]


def compact(folder: Path) -> None:
    """Drop what is undone from a journal that has grown."""
    with _locked(folder):
        path = folder / _FILE
        if path.exists() and path.stat().st_size > _COMPACT_FROM_BYTES:
            closed = {change.id for change in recorded(folder) if change.state in ("undone", "gone")}
            kept = [line for line in _lines(folder) if line.id not in closed]
            fresh = path.with_suffix(".new")
            with fresh.open("wb") as stream:
                stream.writelines(msgspec.json.encode(line) + b"\n" for line in kept)
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(path)
            _sync(folder)


def _lines(folder: Path) -> Iterator[_Written]:
    """Every whole line of the journal; a torn one is no line."""
    try:
        content = (folder / _FILE).read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise LastseenError(
            f"{folder / _FILE}: cannot be read ({error.strerror}); run as its owner"
        ) from error
    decoder = msgspec.json.Decoder(_Written)
    for line in content.split(b"\n"):
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError:
            continue


def _append(folder: Path, *lines: _Written) -> None:
    with _locked(folder):
        path = folder / _FILE
        new = not path.exists()
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            text = b"\n" * torn + b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
            if os.write(handle, text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            _sync(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, so that lines never mix and no line is lost to a compaction."""
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sync(folder: Path) -> None:
    """A new name is on disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_alive(session: str) -> bool:
    """Whether the process that a session is named for still runs."""
    pid, _, rest = session.partition("-")
    return pid.isdecimal() and _started(int(pid)) == rest.partition("-")[0]


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; "" for one that is gone or only waits to be buried."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] in "ZX" else words[_START_TIME - _AFTER_NAME]
