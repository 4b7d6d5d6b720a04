"""Take a kept remedy back, also weeks later: the journal knows each change and file of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lastseen.hosts.journal import Recorded, mark_all, recorded
from lastseen.hosts.restore import Restored, take_back
from lastseen.remedies.applying import Applied

__all__ = ["keep", "kept", "undo"]


def keep(applied: Sequence[Applied], folder: Path) -> None:
    """Decide that these changes stand: all of them or, where a crash comes between, none."""
    mark_all([each.number for each in applied], "kept", folder)


def kept(folder: Path | None = None) -> list[list[Recorded]]:
    """Remedies that stand, oldest first, each with its changes."""
    found: dict[str, list[Recorded]] = {}
    for change in recorded(folder):
        if change.state == "kept":
            found.setdefault(change.session, []).append(change)
    return list(found.values())


def undo(changes: Sequence[Recorded], folder: Path | None = None) -> Iterator[Restored]:
    """Take back the changes of a remedy, newest first; one at each step, so that it can be stopped between them."""
    for change in reversed(changes):
        yield take_back(change, folder)
