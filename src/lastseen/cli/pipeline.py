"""The stages put together: paths to points, points to a matching. Imported only by commands that run.

Captures are read by threads of their own; what the stages after that import is imported meanwhile.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

from lastseen.cli.arrays import np  # before all others: how NumPy is imported
from lastseen.cli.progress import Progress
from lastseen.compiled import compile_once, interpret, is_cold, on_first_compile
from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from lastseen.connections.tracking import Connections
    from lastseen.evidence.captures import RowSink
    from lastseen.evidence.case import Case
    from lastseen.tables.packets import Capture, Room
    from lastseen.tables.points import Matching, Point

__all__ = ["case_points", "deadline", "matched", "opened", "zone_shift_ns"]

_NEEDED_LATER: Final = (
    "lastseen.connections.tracking",
    "lastseen.matching.points",
    "lastseen.matching",
    "lastseen.matching.related",
    "lastseen.report.jsons",
)
INTERPRETED_BYTES: Final = 256 << 10
"""Captures up to here do not wait for the compiler: of the smallest packets these are 3,400, which took Python 2.4 s,
while all kernels are a minute of a processor's time."""
_NEEDED_FOR_TEXTS: Final = ("lastseen.matching.watching", "lastseen.matching.places")


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
    sink: "RowSink | None" = None,
    room: "Room" = np.empty,
    analysed: bool = True,
) -> "Case":
    """Read the evidence, saying so when kernels have to be compiled first; `sink` and `room` as in `open_case`.

    Where nothing is compiled yet and there is little to read, Python does it itself.

    `analysed` as in `connections.tracking.connections`.
    """
    from lastseen.evidence.case import open_case

    return open_case(
        paths,
        progress=progress,
        texts=texts,
        expired=expired,
        before_captures=_prepared(progress, (*_NEEDED_LATER, *(_NEEDED_FOR_TEXTS if texts else ()))),
        sink=sink,
        room=room,
        prepare=partial(_tracked, analysed=analysed) if sink is None else lambda _: None,
    )


def _prepared(progress: Progress, ahead: Sequence[str]) -> Callable[[int], None]:
    """What is done before captures are read: kernels are made ready for so many bytes, and `ahead` is imported."""
    total = 0

    def prepare(size: int) -> None:
        nonlocal total
        first, total = total == 0, total + size
        if first:
            on_first_compile(progress.compiling)
            Thread(target=_import_ahead, args=(ahead,), daemon=True).start()
        small = total <= INTERPRETED_BYTES
        interpret(wanted=small and is_cold())
        if not small:
            compile_once(_compile_all, waiting=progress.compiling)

    return prepare


def _compile_all() -> None:
    from lastseen.cli.warm import compile_all

    compile_all()


def _tracked(capture: "Capture", *, analysed: bool) -> "Connections":
    """The connections of a capture, which `build_points` need not find again."""
    from lastseen.connections.tracking import connections

    return connections(capture.packets, capture.flows, analysed=analysed)


def _import_ahead(modules: Iterable[str]) -> None:
    """Import what is needed once the captures are read: 0.1 s, while the kernels run without the GIL."""
    for module in modules:
        import_module(module)


def case_points(case: "Case") -> "list[Point]":
    """The observation points of a case, with how long texts say that each has watched."""
    from lastseen.matching.points import build_points

    points = build_points(case.captures, case.rows, case.said, room=case.room)
    if not case.rows:
        return points
    from lastseen.matching.places import with_places
    from lastseen.matching.watching import with_watches

    return with_watches(with_places(points, case.rows), case.rows)


def matched(case: "Case", progress: Progress) -> "Matching":
    """All points of a case, matched."""
    from lastseen.matching import match

    points = case_points(case)
    progress("matching packets between points")
    return match(points)


def zone_shift_ns(zone: str) -> int:
    """What to add to a log's local times to get UTC. Accepts +02:00 and names such as Europe/Madrid.

    Raises LastseenError when it is neither.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
