"""The stages put together: paths to points, points to a matching. Imported only by commands that run."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lastseen.cli.progress import Progress
from lastseen.compiled import is_cold, on_first_compile
from lastseen.errors import LastseenError
from lastseen.evidence.case import Case, open_case
from lastseen.matching import match
from lastseen.matching.places import with_places
from lastseen.matching.points import build_points
from lastseen.matching.watching import with_watches
from lastseen.tables.points import Matching, Point

__all__ = ["case_points", "deadline", "matched", "opened", "zone_shift_ns"]


def deadline(seconds: float | None) -> Callable[[], bool]:
    """A function that tells whether that many seconds have passed since now; None: never."""
    if seconds is None:
        return lambda: False
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def opened(
    paths: Sequence[Path],
    progress: Progress,
    *,
    texts: bool = True,
    expired: Callable[[], bool] = lambda: False,
) -> Case:
    """Read the evidence, saying so when kernels have to be compiled first."""

    def compile_first() -> None:
        on_first_compile(progress.compiling)
        if is_cold():
            from lastseen.cli.warm import compile_all

            compile_all()

    return open_case(paths, progress=progress, texts=texts, expired=expired, before_captures=compile_first)


def case_points(case: Case) -> list[Point]:
    """The observation points of a case, with how long each is known to have watched."""
    points = with_places(build_points(case.captures, case.rows, case.said), case.rows)
    return with_watches(points, case.rows)


def matched(case: Case, progress: Progress) -> Matching:
    """All points of a case, matched."""
    points = case_points(case)
    progress("matching packets between points")
    return match(points)


def zone_shift_ns(zone: str) -> int:
    """What to add to a log's local times to get UTC. Accepts +02:00 and names such as Europe/Madrid.

    Raises LastseenError when it is neither.
    """
    try:
        offset = datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").utcoffset()
    except ValueError:
        offset = None
    if offset is None:
        try:
            offset = datetime.now(UTC).astimezone(ZoneInfo(zone)).utcoffset()
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise LastseenError(
                f"--tz {zone}: expected an offset like +02:00 or a zone like Europe/Madrid"
            ) from error
    return -int(offset.total_seconds() * 1e9) if offset else 0
