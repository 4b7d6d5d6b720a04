"""One ordered list of what every layer saw of a connection, all times in one clock."""

from dataclasses import dataclass

from lastseen.tables.judgements import Reason
from lastseen.tables.layers import Layer
from lastseen.tables.sources import Source

__all__ = ["Event", "Sighting", "Timeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A packet at one point. `at_ns`: by the clock of the first point."""

    point: str
    at_ns: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something one layer saw. `at_ns`: ns since the epoch by the clock of the first point.

    `where`: a point, a node or a process. `fate`: of a packet, as in FATES, where it was seen last; else "".
    `sightings`: of a packet, in the order of its way. `packet`: where the packet stands that a text speaks of.
    """

    at_ns: int
    layer: Layer
    where: str
    text: str
    source: Source
    fate: str = ""
    sightings: tuple[Sighting, ...] = ()
    packet: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Events of one connection (None: of the whole case), in order of time.

    `notes`: on clocks, and on what is left out.
    """

    connection: str | None
    events: tuple[Event, ...]
    notes: tuple[Reason, ...]
    stall_ns: tuple[int, int] | None = None
    """When the connection stood still, from and until, by the clock of the first point."""
