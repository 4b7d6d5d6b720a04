"""One run from plan to score, and many of them side by side, until they are done or somebody stops them.

A run lives in a folder of its own, which is removed once it is scored, so that a long campaign needs no more room than
its jobs do. A run that does not end is ended, and counted as failed.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Final

from lastseen.errors import LastseenError
from lastseen.lab.campaign.asking import Answer, answer_of, ask
from lastseen.lab.campaign.expecting import Expected, expected
from lastseen.lab.campaign.plan import Plan
from lastseen.lab.campaign.scoring import FAILED, Score, score
from lastseen.lab.campaign.withholding import CaseFiles, Withheld, chosen, withhold
from lastseen.lab.captures import TCPDUMP_SAID, dropped_packets
from lastseen.lab.recording import record_case
from lastseen.lab.scene import scene_of
from lastseen.lab.topologies import name_of
from lastseen.lab.truth import TRUTH_FILE

__all__ = ["Keep", "Result", "carry_out"]

BRANCHING: Final = frozenset({"balanced"})
"""Networks whose points are on no single line."""
GRACE_S: Final = 0.5
"""After Ctrl-C the children of a terminal end at once: so long may the word that all is to stop be under way."""
_RECORD: Final = "campaign.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one run; `right`, `answer` and `withheld` are None where it failed before there were any."""

    plan: Plan
    score: Score
    right: Expected | None = None
    answer: Answer | None = None
    withheld: Withheld | None = None
    failure: str = ""
    recording_s: float = 0.0
    diagnosing_s: float = 0.0

    @property
    def missed(self) -> bool:
        """Whether this is to be looked at: not right though evidence sufficed, or wrong without need."""
        if self.right is not None and self.right.sufficient:
            return self.score.outcome != "right"
        return self.score.outcome not in ("right", "located", "silent")


@dataclass(frozen=True, slots=True)
class Keep:
    """Where cases are kept, and whether all are or only what was missed."""

    folder: Path
    every: bool = False


def carry_out(
    plans: Sequence[Plan],
    *,
    jobs: int,
    keep: Keep | None = None,
    told: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """The results of the plans, by number; after Ctrl-C those there are. `told` hears of each as it comes.

    Scenes that need the machine for themselves run last, one after another.
    """
    alone = [plan for plan in plans if any(scene_of(name).exclusive for name in plan.scenes)]
    together = [plan for plan in plans if plan not in alone]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="lastseen-campaign-") as place, suppress(KeyboardInterrupt):
        for group, workers in ((together, jobs), (alone, 1)):
            for result in _side_by_side(group, workers, Path(place), keep):
                results.append(result)
                told(result)
    return sorted(results, key=lambda result: result.plan.number)


def _side_by_side(plans: Sequence[Plan], jobs: int, place: Path, keep: Keep | None) -> Iterator[Result]:
    """Each result as it comes; whatever ends this, ends the runs."""
    stopping = Event()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for done in as_completed([pool.submit(_run, plan, place, keep, stopping) for plan in plans]):
                if (result := done.result()) is not None:
                    yield result
        finally:
            stopping.set()
            pool.shutdown(cancel_futures=True)


def _run(plan: Plan, place: Path, keep: Keep | None, stopping: Event) -> Result | None:
    """Record, withhold, ask and score; None where all is to stop."""
    folder = place / f"{plan.number:04}_{'_and_'.join(plan.scenes)}"
    began = time.monotonic()
    try:
        record_case(plan.scene, folder, seed=plan.seed, second=plan.second, stopping=stopping)
        result = _diagnosed(plan, folder, stopping, recording_s=time.monotonic() - began)
    except LastseenError as error:
        if stopping.wait(GRACE_S):
            return None
        result = Result(plan=plan, score=FAILED, failure=str(error), recording_s=time.monotonic() - began)
    if keep and (keep.every or result.missed) and folder.exists():
        _keep(folder, keep, result)
    shutil.rmtree(folder, ignore_errors=True)
    return result


def _diagnosed(plan: Plan, folder: Path, stopping: Event, *, recording_s: float) -> Result:
    """The recorded case, as the plan leaves it, diagnosed. What is right is settled before anybody is asked."""
    (folder / TRUTH_FILE).unlink()
    files = CaseFiles.of(folder)
    withheld = chosen(plan, files)
    shown = [scene_of(name) for name in plan.scenes]
    right = expected(
        [scene.truth for scene in shown],
        withheld,
        list(files.captures),
        branches=name_of(shown[0].topology) in BRANCHING,
        overrun=any(dropped_packets(text) for text in folder.glob(TCPDUMP_SAID)),
    )
    withhold(folder, withheld)
    began = time.monotonic()
    answer = answer_of(ask(folder, stopping), withheld)
    return Result(
        plan=plan,
        score=score(answer, right),
        right=right,
        answer=answer,
        withheld=withheld,
        recording_s=recording_s,
        diagnosing_s=time.monotonic() - began,
    )


def _keep(folder: Path, keep: Keep, result: Result) -> None:
    """Move the case there, and say beside its evidence what was asked and answered (lastseen reads no JSON)."""
    (folder / _RECORD).write_text(json.dumps(asdict(result), indent=1) + "\n", "utf-8")
    keep.folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(keep.folder / folder.name, ignore_errors=True)
    shutil.move(folder, keep.folder / folder.name)
