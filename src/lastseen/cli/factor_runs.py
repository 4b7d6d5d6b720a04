"""The runs of `isolate`: how long each takes and how it ends; or each watched, so that a bad one says why it is bad."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lastseen.cli.around import agreed, planned, say, startable
from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from lastseen.hosts.journal import Session
    from lastseen.hosts.probing import HostFacts
    from lastseen.live.command import Ended
    from lastseen.live.isolate import Answer, Combination, Factors, Outcome
    from lastseen.live.plan import Plan

__all__ = ["CapturedRuns", "FactorRuns"]

MOST_BYTES = 50 << 20
"""Of one run; there are dozens."""
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(slots=True, kw_only=True)
class FactorRuns:
    """The runs of a command with the factors' levels in it. `stopped`: Ctrl-C came, and nothing is run any more."""

    command: Sequence[str]
    given: "Factors"
    here: "HostFacts"
    slow: float
    timeout: float
    captured: "CapturedRuns | None"
    stopped: bool = False

    def agree(self, *, yes: bool) -> None:
        """Where runs are watched, show what is done in each. Raises LastseenError without consent."""
        if self.captured is not None:
            first = tuple(levels[0] for levels in self.given.values())
            self.captured.agree(self._words(first), self.timeout, yes=yes)

    def outcome(self, session: "Session", combination: "Combination") -> "Outcome | None":
        """How a run of that combination ended; None: it was stopped, or is not run any more."""
        if self.stopped:
            return None
        ended = self._ended(session, combination)
        if ended is None or ended.interrupted:
            self.stopped = True
            return None
        outcome: Outcome = "slow" if ended.seconds > self.slow else "failed" if ended.status != 0 else "fast"
        if self.captured is not None:
            self.captured.ended(outcome)
        say(f"{' '.join(combination)}: {outcome}, {ended.seconds:.2f} s")
        return outcome

    def why(self, answer: "Answer") -> tuple[Path, str] | None:
        """The case of a run of the bad combination, and its verdict; None where there is none."""
        return self.captured.why(self.given, answer) if self.captured is not None else None

    def _ended(self, session: "Session", combination: "Combination") -> "Ended | None":
        from lastseen.live.command import try_once

        words = self._words(combination)
        startable(words)
        try:
            if self.captured is not None:
                return self.captured.run(words, combination, session, self.timeout)
            return try_once(words, session, self.here, longest_s=self.timeout)
        except KeyboardInterrupt:
            return None

    def _words(self, combination: "Combination") -> list[str]:
        from lastseen.live.isolate import filled

        return filled(self.command, self.given, combination)


@dataclass(slots=True, kw_only=True)
class CapturedRuns:
    """Cases below a folder, one a run, and how each run ended."""

    folder: Path
    here: "HostFacts"
    target: str
    remote: str
    cases: list[tuple["Combination", "Outcome", Path]] = field(default_factory=list)

    def agree(self, words: Sequence[str], longest_s: float, *, yes: bool) -> None:
        """Show what is done in each run, with the first one's command. Raises LastseenError without consent."""
        from lastseen.live.plan import described

        if self.folder.exists():
            raise LastseenError(f"--capture {self.folder}: exists already; name a folder to be made")
        plan = self._plan(words, self.folder / "1", longest_s)
        agreed(["In each run, as in the first:", *described(plan, words)], yes=yes)

    def run(
        self, words: Sequence[str], combination: "Combination", session: "Session", longest_s: float
    ) -> "Ended":
        """Run it once with everything watched."""
        from lastseen.live.command import Ended
        from lastseen.live.session import carry_out

        name = _ODD.sub("_", "-".join(combination))[:80].strip("._-")
        folder = self.folder / f"{len(self.cases) + 1}-{name}"
        self.cases.append((combination, "failed", folder))
        return carry_out(self._plan(words, folder, longest_s), words, session, say).ended or Ended()

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

    def _plan(self, words: Sequence[str], folder: Path, longest_s: float) -> "Plan":
        from lastseen.live.other_end import in_command, other_end
        from lastseen.live.plan import Bounds
        from lastseen.live.targets import namespace_of_command

        end = other_end(self.remote) if self.remote else in_command(words)
        bounds = Bounds(seconds=longest_s, most_bytes=MOST_BYTES)
        wanted = self.target or namespace_of_command(words)
        return planned([self.here], wanted, end, bounds=bounds, out=folder, log=True)
