"""Programs started on a host for as long as a run lasts; written down first, and never left running.

Each runs below a small script that ends it when standard input closes, so that it ends with lastseen, however that
ended, and with the ssh connection. `lastseen restore` finds what is left by the session's name in its environment.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final

from lastseen.hosts.changes import Program
from lastseen.hosts.host import SSH_FAILED, Host
from lastseen.hosts.journal import Session
from lastseen.hosts.probing import HostFacts
from lastseen.hosts.scripts import CAPTURE

__all__ = ["SESSION_VARIABLE", "Started", "end", "start"]

SESSION_VARIABLE: Final = "LASTSEEN_SESSION"
LONGEST_END_S: Final = 10.0
"""The script kills what does not end within 3 s; a cut ssh needs 15 to be noticed, and nothing is left there."""


@dataclass(frozen=True, slots=True, eq=False)
class Started:
    """A running program: its number in the journal and the process here that it lives and dies with."""

    number: str
    process: subprocess.Popen[bytes]
    session: Session


def start(
    session: Session, facts: HostFacts, command: Sequence[str], *, netns: str = "", errors: int | IO[bytes]
) -> Started:
    """Start a program in a namespace; its output is `process.stdout`, its complaints go to `errors`."""
    entered = Host(name="", netns=netns).argv(command)
    wrapped = ("env", f"{SESSION_VARIABLE}={session.name}", "sh", "-c", CAPTURE, "lastseen", *entered)
    number = session.intend(Program(argv=tuple(command)), facts.place(netns))
    process = subprocess.Popen(
        facts.host.argv(wrapped),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )
    session.mark(number, "made")
    return Started(number, process, session)


def end(started: Started) -> int | None:
    """End a program by closing its input; its exit status, None if it had to be left (ssh is cut)."""
    process = started.process
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(LONGEST_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
    if process.returncode == SSH_FAILED:
        return None
    started.session.mark(started.number, "undone")
    return process.returncode
