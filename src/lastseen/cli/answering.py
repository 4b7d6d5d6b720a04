"""From paths to a diagnosis, with the rows it rests on: what every command does that judges a case."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lastseen.cli.memory import check_within, room_within
from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis import Question
from lastseen.diagnosis import diagnose as answer
from lastseen.errors import LastseenError
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.facts_from_texts import Row, in_zone

__all__ = ["Answer", "answered", "judged"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """A diagnosis and the text rows of its case. `judged`: there was something to judge."""

    diagnosis: Diagnosis
    rows: Sequence[Row]
    judged: bool


def answered(
    paths: Sequence[Path],
    progress: Progress,
    *,
    wanted: tuple[str, ...] = (),
    shift_ns: int = 0,
    expired: Callable[[], bool] = lambda: False,
    memory: str | None = None,
) -> Answer:
    """Diagnose what the paths hold; `shift_ns` is added to local times of logs, `memory` as in `cli.memory`."""
    with opened(paths, progress, expired=expired, room=room_within(memory)) as case:
        check_within(memory, case)
        rows = [in_zone(row, shift_ns) for row in case.rows] if shift_ns else case.rows
        diagnosis = answer(
            matched(case, progress),
            rows,
            case.details,
            question=Question(wanted=wanted),
            files=tuple(case.files),
            weirds=tuple(case.weirds),
            partial=case.partial,
            progress=progress,
        )
        some = bool(case.rows) or any(len(read.capture.packets) for read in case.captures)
        return Answer(diagnosis=diagnosis, rows=rows, judged=some)


def judged(paths: Sequence[Path]) -> Answer:
    """Diagnose one case, with progress shown; raises LastseenError where nothing in it can be judged."""
    with Progress() as progress:
        result = answered(paths, progress)
    if not result.judged:
        raise LastseenError(
            f"nothing in {paths[0]} could be judged; 'lastseen diagnose {paths[0]}' says what was read"
        )
    return result
