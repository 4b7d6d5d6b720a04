"""Take changes back, each so that doing it twice, or after someone else did, does no harm.

A setting is put back only where it still has the value lastseen gave it: whoever changed it since meant it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastseen.hosts.changes import Change, File, Mtu, Offload, Place, Program, Rule, Sysctl, describe
from lastseen.hosts.host import SSH_FAILED, Host, Said, run
from lastseen.hosts.journal import Recorded, Session, State, compact, left_behind, mark, recorded
from lastseen.hosts.names import sysctl_path
from lastseen.hosts.scripts import ENTER, KILL, SET_SYSCTL
from lastseen.hosts.state import state_folder

__all__ = ["Restored", "restore", "sweeping", "take_all_back", "take_back"]

NAMESPACE_GONE: Final = 97
NOT_OURS: Final = 96
"""Exit statuses of the scripts."""
_HANDLE: Final = re.compile(r"# handle (\d+)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of one change. `state` None: it could not be taken back, `why` says what to do."""

    change: Recorded
    state: State | None
    why: str = ""

    def __str__(self) -> str:
        """One line for people."""
        what = f"{describe(self.change.change)} on {self.change.place}"
        if self.state is None:
            return f"NOT taken back: {what}: {self.why}"
        return f"{'taken back' if self.state == 'undone' else 'nothing to take back'}: {what}" + (
            f" ({self.why})" if self.why else ""
        )


def restore(
    folder: Path | None = None, *, only: Callable[[Recorded], bool] = lambda _: True
) -> list[Restored]:
    """Take back everything a lastseen that is gone has left changed, newest first. Idempotent."""
    folder = folder or state_folder()
    done = [take_back(change, folder) for change in left_behind(folder) if only(change)]
    if folder.is_dir():
        compact(folder)
    return done


def take_back(change: Recorded, folder: Path | None = None) -> Restored:
    """Take back one change and write that down."""
    state, why = _undone(change.change, change.place, change.session)
    if state is not None:
        mark(change.id, state, folder)
    return Restored(change=change, state=state, why=why)


def take_all_back(session: Session) -> list[Restored]:
    """Take back everything a session changed and did not decide to keep, newest first."""
    mine = [
        change for change in recorded(session.folder) if change.session == session.name and change.is_open
    ]
    return [take_back(change, session.folder) for change in reversed(mine)]


@contextmanager
def sweeping(folder: Path | None = None) -> Iterator[Session]:
    """A session that leaves nothing open where an error or a signal ends it.

    Who makes a change takes it back, but a signal may come before it is theirs: between the journal and the fork.
    """
    session, ended = Session.begin(folder), False
    try:
        yield session
        ended = True
    finally:
        if not ended:
            take_all_back(session)


Outcome = tuple[State | None, str]


def _undone(change: Change, place: Place, session: str) -> Outcome:
    host = Host(name=place.host, ssh=place.ssh)
    boot = run(host, ("cat", "/proc/sys/kernel/random/boot_id"))
    if place.ssh and boot.status in (SSH_FAILED, None):
        return None, f"the host cannot be reached ({boot.why}); run 'lastseen restore' again when it can"
    if place.boot and boot.ok and boot.text.strip() != place.boot and not isinstance(change, File):
        return "gone", "the host has been restarted since"
    match change:
        case Sysctl():
            return _sysctl_back(host, place, change)
        case Program():
            said = run(host, ("sh", "-c", KILL, "lastseen", session))
            return ("undone", "") if said.ok else (None, said.why)
        case File():
            return _file_back(host, change)
        case Offload(interface=interface, feature=feature, old=old):
            return _plain(_inside(host, place, ("ethtool", "-K", interface, feature, old)))
        case Mtu(interface=interface, old=mtu):
            return _plain(_inside(host, place, ("ip", "link", "set", "dev", interface, "mtu", str(mtu))))
        case Rule():
            return _rule_back(host, place, change)


def _inside(host: Host, place: Place, command: Sequence[str]) -> Said:
    """Run a command in the namespace of a place, found by inode should its name have changed."""
    if not place.netns:
        return run(host, command)
    return run(host, ("sh", "-c", ENTER, "lastseen", place.netns, str(place.inode), *command))


def _plain(said: Said) -> Outcome:
    if said.status == NAMESPACE_GONE:
        return "gone", "the network namespace is gone"
    return ("undone", "") if said.ok else (None, said.why)


def _sysctl_back(host: Host, place: Place, change: Sysctl) -> Outcome:
    said = _inside(
        host,
        place,
        ("sh", "-c", SET_SYSCTL, "lastseen", sysctl_path(change.key), change.new, change.old),
    )
    if said.status == NOT_OURS:
        return "undone", "it has its former value, or someone changed it since"
    return _plain(said)


def _file_back(host: Host, change: File) -> Outcome:
    """A file that still is what was written becomes what it was; one that someone edited is left."""
    now = run(host, ("cat", "--", change.path))
    if now.ok and now.text not in (change.new, change.old):
        return None, f"someone edited {change.path} since; look at it, then remove or keep it by hand"
    if change.old is None:
        said = run(host, ("rm", "-f", "--", change.path))
        for folder in reversed(change.folders):
            run(host, ("rmdir", "--", folder))  # stays where someone else's files are in it
    else:
        said = run(host, ("sh", "-c", 'cat >"$1"', "lastseen", change.path), given=change.old)
    return ("undone", "") if said.ok else (None, said.why)


def _rule_back(host: Host, place: Place, change: Rule) -> Outcome:
    if change.argv[0] != "nft":
        listed = _inside(host, place, (f"{change.argv[0]}-save",))
        if listed.ok and change.comment not in listed.text:
            return "undone", "the rule is not there"
        return _plain(_inside(host, place, _as_delete(change.argv)))
    family, table, chain = change.argv[3:6]
    listed = _inside(host, place, ("nft", "-a", "list", "chain", family, table, chain))
    if not listed.ok:
        return _plain(listed) if listed.status == NAMESPACE_GONE else ("undone", "the chain is not there")
    for line in listed.text.splitlines():
        handle = _HANDLE.search(line)
        if f'comment "{change.comment}"' in line and handle:
            return _plain(
                _inside(host, place, ("nft", "delete", "rule", family, table, chain, "handle", handle[1]))
            )
    return "undone", "the rule is not there"


def _as_delete(argv: Sequence[str]) -> tuple[str, ...]:
    """`iptables -I CHAIN [NUMBER] SPEC` as `iptables -D CHAIN SPEC`."""
    words = list(argv)
    at = next(i for i, word in enumerate(words) if word in ("-I", "-A"))
    numbered = words[at] == "-I" and words[at + 2].isdecimal()
    rest = words[at + 3 :] if numbered else words[at + 2 :]
    return (*words[:at], "-D", words[at + 1], *rest)
