"""Settings changed for as long as a run lasts, and set back by whatever ends it.

Three safety lines: the run sets them back at its end; the script that holds them does when its standard input closes
(lastseen killed, ssh cut); the journal knows them for `lastseen restore`.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Final

from lastseen.hosts.changes import Place, Sysctl
from lastseen.hosts.host import run
from lastseen.hosts.journal import Session, recorded
from lastseen.hosts.names import sysctl_key, sysctl_path, sysctl_value
from lastseen.hosts.probing import HostFacts
from lastseen.hosts.scripts import HOLD

__all__ = ["Held", "Wanted", "held", "read_sysctl"]

OWN_NETNS: Final = "/proc/self/ns/net"
_LONGEST_WAIT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A setting a run wants. `netns` "" is the login's own namespace; `why` is for people."""

    key: str
    value: str
    netns: str = ""
    why: str = ""


@dataclass(slots=True, eq=False)
class Held:
    """What was changed, and what could not be."""

    changes: list[tuple[str, Place, Sysctl]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_sysctl(facts: HostFacts, key: str, netns: str = "") -> str | None:
    """The value, words separated by one space; None where it cannot be read."""
    said = run(facts.host.inside(netns), ("cat", sysctl_path(sysctl_key(key))))
    return " ".join(said.text.split()) if said.ok else None


@contextmanager
def held(session: Session, facts: HostFacts, wanted: Sequence[Wanted]) -> Iterator[Held]:
    """Change settings of one host, and set them back at the end. What is so already is not touched."""
    result = Held()
    for want in wanted:
        _intend(session, facts, want, result)
    if not result.changes:
        yield result
        return
    keeper = _start(facts, result)
    try:
        _await_ready(keeper, session, result)
        yield result
    finally:
        _end(keeper, session, facts, result)


def _intend(session: Session, facts: HostFacts, want: Wanted, result: Held) -> None:
    """Write down one change; it is not made yet."""
    old = read_sysctl(facts, want.key, want.netns)
    place = facts.place(want.netns)
    if old is None:
        result.notes.append(f"{want.key} cannot be read on {place}")
        return
    if old == sysctl_value(want.value):
        return
    standing = [r for r in recorded(session.folder) if r.is_open and r.place == place]
    for other in standing:
        if isinstance(other.change, Sysctl) and other.change.key == want.key:
            result.notes.append(f"{want.key} on {place} is changed by another lastseen: left as it is")
            return
    change = Sysctl(key=want.key, old=old, new=want.value)
    result.changes.append((session.intend(change, place, about=want.why), place, change))


def _start(facts: HostFacts, result: Held) -> subprocess.Popen[str]:
    words = [
        word
        for _, place, change in result.changes
        for word in (_file_of(place, facts), sysctl_path(change.key), change.old, change.new)
    ]
    return subprocess.Popen(
        facts.host.argv(("sh", "-c", HOLD, "lastseen", *words)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C in the terminal is for lastseen, which then ends this one
    )


def _file_of(place: Place, facts: HostFacts) -> str:
    """The namespace as the script can enter it: its own has a name that outlives lastseen's process."""
    return OWN_NETNS if place.netns == facts.netns else place.netns


def _await_ready(keeper: subprocess.Popen[str], session: Session, result: Held) -> None:
    made = set(_until_ready(keeper.stdout))
    for number, place, change in result.changes:
        if f"made {sysctl_path(change.key)}" in made:
            session.mark(number, "made")
        else:
            result.notes.append(f"{change.key} could not be set on {place}")


def _until_ready(stream: IO[str] | None) -> Iterator[str]:
    for line in stream or ():
        if line.strip() == "ready":
            return
        yield line.strip()


def _end(keeper: subprocess.Popen[str], session: Session, facts: HostFacts, result: Held) -> None:
    """Close the script's input, then see for ourselves that everything is as before."""
    if keeper.stdin:
        keeper.stdin.close()
    try:
        keeper.wait(_LONGEST_WAIT_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    if keeper.stdout:
        keeper.stdout.close()
    for number, place, change in result.changes:
        netns = "" if place.netns == facts.netns else place.netns
        now = read_sysctl(facts, change.key, netns)
        if now is not None and now != change.new:
            session.mark(number, "undone")
        else:
            result.notes.append(
                f"{change.key} on {place} could not be set back now: 'lastseen restore' does it later"
            )
