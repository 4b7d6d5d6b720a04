"""The runs of `isolate` with everything watched: each is a case, and a bad one of them says why it is bad."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lastseen.cli.around import agreed, planned, say
from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from lastseen.hosts.journal import Session
    from lastseen.hosts.probing import HostFacts
    from lastseen.live.command import Ended
    from lastseen.live.isolate import Answer, Combination, Factors, Outcome
    from lastseen.live.plan import Plan

__all__ = ["CapturedRuns"]

MOST_BYTES = 50 << 20
"""Of one run; there are dozens."""
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(slots=True, kw_only=True)
class CapturedRuns:
    """Cases below a folder, one a run, and how each run ended."""

    folder: Path
    here: "HostFacts"
    session: "Session"
    target: str
    remote: str
    timeout: float
    cases: list[tuple["Combination", "Outcome", Path]] = field(default_factory=list)

    def agree(self, words: Sequence[str], *, yes: bool) -> None:
        """Show what is done in each run, with the first one's command. Raises LastseenError without consent."""
        from lastseen.live.plan import described

        if self.folder.exists():
            raise LastseenError(f"--capture {self.folder}: exists already; name a folder to be made")
        plan = self._plan(words, self.folder / "1")
        agreed(["In each run, as in the first:", *described(plan, words)], yes=yes)

    def run(self, words: Sequence[str], combination: "Combination") -> "Ended":
        """Run it once with everything watched."""
        from lastseen.live.command import Ended
        from lastseen.live.session import carry_out

        name = _ODD.sub("_", "-".join(combination))[:80].strip("._-")
        folder = self.folder / f"{len(self.cases) + 1}-{name}"
        self.cases.append((combination, "failed", folder))
        return carry_out(self._plan(words, folder), words, self.session, say).ended or Ended()

    def ended(self, outcome: "Outcome") -> None:
        """Note how the last run ended."""
        combination, _, folder = self.cases[-1]
        self.cases[-1] = combination, outcome, folder

    def why(self, given: "Factors", answer: "Answer") -> tuple[Path, str] | None:
        """The case of a run of the bad combination, and its verdict; None where there is no bad combination."""
        from lastseen.cli.remedy_choice import examined

        for combination, outcome, folder in self.cases:
            own = set(zip(given, combination, strict=True))
            if answer.levels and outcome == answer.kind and own >= set(answer.levels):
                verdict = examined(folder).verdict
                return folder, f"{verdict.grade}, {verdict.summary}"
        return None

    def _plan(self, words: Sequence[str], folder: Path) -> "Plan":
        from lastseen.live.other_end import in_command, other_end
        from lastseen.live.plan import Bounds
        from lastseen.live.targets import namespace_of_command

        end = other_end(self.remote) if self.remote else in_command(words)
        bounds = Bounds(seconds=self.timeout, most_bytes=MOST_BYTES)
        wanted = self.target or namespace_of_command(words)
        return planned([self.here], wanted, end, bounds=bounds, out=folder, log=True)
