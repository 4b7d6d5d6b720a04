"""One line on stderr, whatever command is run, while a killed run's changes still stand."""

import sys

from lastseen.hosts.state import state_folder

__all__ = ["remind"]


def remind() -> None:
    """Say that something is left changed. Cheap where there is no journal."""
    try:
        if not (state_folder() / "journal.jsonl").exists():
            return
    except OSError:  # not ours to look into
        return
    from lastseen.errors import LastseenError
    from lastseen.hosts.journal import left_behind

    try:
        count = len(left_behind())
    except (LastseenError, OSError):  # an unreadable journal is told by the commands that need it
        return
    if count:
        print(
            f"lastseen: {count} change{'s' * (count > 1)} of an interrupted run not restored yet;"
            " run 'lastseen restore'",
            file=sys.stderr,
        )
