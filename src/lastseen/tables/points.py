"""Observation points and what matching found between them."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.tables.packets import Capture
from lastseen.tables.sources import Source

__all__ = [
    "CLIENT_TO_REMOTE",
    "DIRECTIONS",
    "FATES",
    "REMOTE_TO_CLIENT",
    "ConnectionRows",
    "Conversations",
    "Hop",
    "Matching",
    "Point",
    "Watch",
    "source_of",
]

ConnectionRows = npt.NDArray[np.void]
"""CONNECTION[c], see `lastseen.tables.connections`."""

CLIENT_TO_REMOTE: Final = 0
REMOTE_TO_CLIENT: Final = 1
DIRECTIONS: Final = ("to_remote", "to_client")
"""Directions by number. The client is the connection's originator."""

FATES: Final = (
    "",
    "delivered",
    "lost",
    "unproven",
    "outside",
    "merged",
    "split",
    "duplicated",
)
"""What became of a packet between two neighbouring points, by number; "" : it took no part in that hop."""
DELIVERED, LOST, UNPROVEN, OUTSIDE, MERGED, SPLIT, DUPLICATED = range(1, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How long a point is known to have been watching, ns in that point's clock; None: only its packets tell.

    `reason` says what proves the end beyond the last packet (a closing record, a later snapshot, case.toml).
    `uncaptured`: how many packets the interface's own counters have beside those captured in the span `counted_ns`;
    None: nothing tells. `is_cut`: the capture ended by itself, before whoever made it ended it. `is_closed`: it was
    ended at `end_ns`, and what came later cannot be in it.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    reason: str = ""
    uncaptured: int | None = None
    counted_ns: tuple[int, int] = (0, 0)
    is_cut: bool = False
    is_closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Point:
    """One observation point: a capture's interface, its connections, and where it is.

    `group_of`: int32[n], number of each packet's group, -1 none. The first `len(connections)` groups are TCP
    connections, in the order of the table; the others are flows of other protocols (`flow_groups`: uint32[g],
    their flow numbers). `given_order`: the place case.toml gives it. `dropped_packets`: those the capture, or
    what wrote it, says it dropped. `filter`: the capture filter it (or case.toml) says it has.
    """

    name: str
    file: str
    node: str
    interface: str
    capture: Capture = field(repr=False)
    connections: ConnectionRows = field(repr=False)
    group_of: npt.NDArray[np.int32] = field(repr=False)
    flow_groups: npt.NDArray[np.uint32] = field(repr=False)
    packets: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    watch: Watch = field(default_factory=Watch)
    given_order: int | None = None
    dropped_packets: int = 0
    filter: str = ""

    @property
    def is_partial_listing(self) -> bool:
        """Whether it was read from a text of which some lines could not be read."""
        return self.capture.listed is not None and self.capture.listed.is_partial

    @property
    def group_count(self) -> int:
        """How many groups there are, of TCP and of other protocols."""
        return len(self.connections) + len(self.flow_groups)

    def flows_of_groups(self) -> npt.NDArray[np.int64]:
        """int64[g]: the flow number of each group."""
        return np.concatenate([self.connections["flow"], self.flow_groups]).astype(np.int64)

    def originators_of_groups(self) -> npt.NDArray[np.int64]:
        """int64[g]: 0 where end `a` of the group's flow began and 1 where `b` did; `a` where it is not TCP."""
        result = np.zeros(self.group_count, np.int64)
        result[: len(self.connections)] = self.connections["originator"]
        return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversations:
    """The same connection at several points.

    `group`: int32[k, points], its group number at each point, -1: not seen there. `flipped`: bool[k, points], True
    where the point's own originator is not the conversation's client: the end on the client's side of the path,
    which is its originator unless most others were opened from the other end.
    """

    group: npt.NDArray[np.int32] = field(repr=False)
    flipped: npt.NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hop:
    """What happened to the packets of one direction between two neighbouring points.

    `fate`: uint8[n], FATES of each packet row of the upstream point (0 where it took no part). `partner`:
    int32[n], its row at the downstream point, -1 none. `rewritten`: packets of which a header field beyond TTL
    changed, by field. `delays_ns`: int64[d], of delivered packets, clocks aligned. `reordered` and `injected`
    count packets at the downstream point. `missed`: packets that got through although the downstream capture does not
    have them; `unseen`: packets that the upstream capture does not have although they came from beyond. `guessed`:
    which of several equal packets arrived is a guess. `proven`: int64[k], rows of those lost packets of which the two
    ends themselves say so.
    """

    upstream: int
    downstream: int
    direction: int
    fate: npt.NDArray[np.uint8] = field(repr=False)
    partner: npt.NDArray[np.int32] = field(repr=False)
    delays_ns: npt.NDArray[np.int64] = field(repr=False)
    rewritten: dict[str, int] = field(default_factory=dict)
    rewritten_packets: int = 0
    reordered: int = 0
    injected: int = 0
    missed: int = 0
    unseen: int = 0
    guessed: bool = False
    proven: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), repr=False)

    def count(self, fate: int) -> int:
        """Packets of this hop with that fate."""
        return int(np.count_nonzero(self.fate == fate))

    def rows(self, fate: int) -> npt.NDArray[np.int64]:
        """int64[k]: rows of the upstream point with that fate, ascending."""
        return np.flatnonzero(self.fate == fate)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matching:
    """All points in path order, remote end first, and what happened between neighbours.

    `order`: for each point its place from 1, None: unknown. `offsets_ns`: what to add to each point's times to
    get the first point's. `conversation_of` of a point's group is found through `conversations`.
    """

    points: tuple[Point, ...]
    order: tuple[int | None, ...]
    offsets_ns: tuple[int, ...]
    conversations: Conversations
    hops: tuple[Hop, ...]
    order_reason: str = ""


def source_of(point: Point, row: int) -> Source:
    """The file and frame of a packet row; in a rotated capture those of its own part, in a listing file and line.

    A row that is no packet's (-1) is the file as a whole.
    """
    listed = point.capture.listed
    if listed is not None:
        return Source(file=listed.file, line=int(listed.lines[row]) if row >= 0 else None)
    if row < 0:
        return Source(file=point.file)
    file, first = point.file, 0
    for part, begins in point.capture.parts:
        if begins <= row:
            file, first = part, begins
    return Source(file=file, frame=row - first + 1)
