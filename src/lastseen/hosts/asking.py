"""Many questions to a host in one round trip: over ssh each call costs a connection, and a snapshot has thirty texts.

The commands go in on standard input of `sh -s`, every word quoted; a random mark separates the answers, so that
nothing a host prints can pretend to be another answer. The shell has all of them at once: it asks no more where whoever
started it (lastseen, or sshd) is gone.
"""

import shlex
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from lastseen.hosts.host import Host, Said, run

__all__ = ["Question", "ask"]

Question = Sequence[str]

EACH_LONGEST_S: Final = 10
"""A dump of a large switch takes seconds; a command that hangs (a dead daemon's socket) must not stop the rest."""
_HEADER: Final = """
command -v timeout >/dev/null 2>&1 && limit='timeout {seconds}' || limit=
[ -d /proc/$PPID ] && whose=$PPID || whose=self
one() {{ shift; [ -d /proc/$whose ] || exit; $limit "$@" 2>&1 </dev/null; printf '\\n%s %s\\n' {mark} $?; }}
"""


def ask(host: Host, questions: Mapping[str, Question], *, longest_s: float = 120.0) -> dict[str, Said]:
    """Run every command in turn; its answer by the same name. One that was not reached has status None.

    Standard error is part of the answer, as it is where a person saves it.
    """
    mark = f"@@{uuid.uuid4().hex}"
    lines = [_HEADER.format(seconds=EACH_LONGEST_S, mark=mark)]
    lines += [f"one {shlex.join(('x', *words))}" for words in questions.values()]
    said = run(host, ("sh", "-s"), given="\n".join(lines) + "\n", longest_s=longest_s)
    answers = said.out.split(f"\n{mark} ".encode())
    return dict(zip(questions, _answers(answers, said, len(questions)), strict=True))


def _answers(parts: list[bytes], said: Said, expected: int) -> list[Said]:
    """Each answer with the status that stands behind its mark."""
    found = []
    for number in range(expected):
        if number + 1 >= len(parts):
            found.append(Said(status=None, out=b"", err=said.why))
            continue
        # what precedes the first answer is nothing; every other one begins behind its predecessor's status
        text = parts[number] if number == 0 else parts[number].partition(b"\n")[2]
        status = parts[number + 1].partition(b"\n")[0]
        code = int(status) if status.isdigit() else None
        shown = text.decode(errors="replace")
        found.append(Said(status=code, out=text, err="" if code == 0 else shown))
    return found
