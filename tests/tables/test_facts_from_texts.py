"""Rows of texts: local times become UTC when the zone is told."""

from lastseen.tables.facts_from_texts import LogLine, Setting, in_zone
from lastseen.tables.sources import Source

HERE = Source(file="dmesg.txt", line=1)


def line(*, clock: str = "wall", zone_known: bool = False, at_ns: int | None = 1_000) -> LogLine:
    return LogLine(source=HERE, at_ns=at_ns, clock=clock, zone_known=zone_known, text="x")


def test_a_local_time_moves_by_the_zone() -> None:
    moved = in_zone(line(), -500)
    assert isinstance(moved, LogLine)
    assert (moved.at_ns, moved.zone_known) == (500, True)


def test_everything_else_stays() -> None:
    """A time that knows its zone, one since boot, none at all, and what is no log line."""
    setting = Setting(source=HERE, scope="sysctl", name="a", value="b")
    for row in (line(zone_known=True), line(clock="boot"), line(at_ns=None), setting):
        assert in_zone(row, -500) is row
