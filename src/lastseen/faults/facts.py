"""What a rule may ask: one documented interface over everything the stages before have found.

Rules never see files or tables. What they ask for and is absent is None or empty: the rule turns it into `missing`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lastseen.faults.tracks import Track, Tracks
from lastseen.tables.contrasts import Contrast
from lastseen.tables.details import DetailRows
from lastseen.tables.facts_from_texts import (
    ConntrackEntry,
    Counter,
    Drop,
    ForwardingEntry,
    Interface,
    LogLine,
    Neighbour,
    Route,
    Rule,
    Setting,
    Socket,
    Version,
)
from lastseen.tables.points import REMOTE_TO_CLIENT, Hop, Matching, Point, source_of
from lastseen.tables.related import Related
from lastseen.tables.sources import Source
from lastseen.tables.symptoms import Symptom

__all__ = ["WHOLE", "ConversationFacts", "Delta", "Facts", "JoinedDrop", "JoinedLine", "LossSite"]

WHOLE = ("before", "after")
"""The snapshots between which counts are taken where no other two are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """How far a counter or a rule's hits moved between the before and the after snapshot.

    `after` is where the later value stands; `bytes`: likewise moved bytes, None when not counted.
    """

    value: int
    after: Source
    text: str
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedLine:
    """A log line joined to the packet it speaks of: `row` of the capture of point number `point`; None: to none.

    `copies`: other places where the same line stands. `candidates`: how many captured packets fit what it says.
    """

    line: LogLine
    point: int | None = None
    row: int | None = None
    copies: tuple[Source, ...] = ()
    candidates: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedDrop:
    """A traced drop joined to the packet it speaks of, as `JoinedLine`."""

    drop: Drop
    point: int | None = None
    row: int | None = None
    candidates: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossSite:
    """One hop and direction at which packets were certainly lost, or may have been (`unproven_rows`).

    Rows are of the upstream capture. `lost` and `delivered` are details of (at most a sample of) the lost packets
    and of the delivered ones of the same direction and conversations. `node`: where the hop lies when both its points
    are on one node, else None.
    """

    number: int
    hop: Hop
    upstream: Point
    downstream: Point
    node: str | None
    lost_rows: npt.NDArray[np.int64] = field(repr=False)
    unproven_rows: npt.NDArray[np.int64] = field(repr=False)
    lost: DetailRows = field(repr=False)
    delivered: DetailRows = field(repr=False)
    delivered_rows: npt.NDArray[np.int64] = field(repr=False)
    contrasts: tuple[Contrast, ...]
    """Of the packets themselves; rules read these."""
    conversations: frozenset[int]
    material: bool
    """False: everything lost here was repaired in time and nobody waited."""
    surroundings: tuple[Contrast, ...] = ()
    """Of what came before the packets: told to the reader, proof of nothing."""

    def source(self, row: int) -> Source:
        """Where a packet of the upstream capture stands."""
        return source_of(self.upstream, row)

    @property
    def missing_rows(self) -> npt.NDArray[np.int64]:
        """int64[k]: what never arrived, the certainly lost before the unproven."""
        return np.concatenate([self.lost_rows, self.unproven_rows])

    @property
    def to_client(self) -> bool:
        """Whether the lost packets were on their way to the client."""
        return self.hop.direction == REMOTE_TO_CLIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFacts:
    """One connection over all points.

    `seen_at`: numbers of the points that saw it, path order. `stall`, `stall_ns`: as the point nearest the client
    saw it, with the frames it lies between. `fins`: for each point in `seen_at`, frames of the remote end's FINs;
    `client_fin_ns` and `remote_fin_ns`: first FIN of each side by the clock of the point nearest the client.
    `remote_answered_close`: after the client's FIN something came from the remote end at that point.
    `was_rejected`: at some point its SYN was answered by a reset. `was_reset`: so it ended at the point nearest the
    client, by either end.
    """

    number: int
    text: str
    packets: int
    seen_at: tuple[int, ...]
    stall: str
    stall_ns: int
    stall_side: int
    stall_source: Source | None
    stall_from_ns: int
    fins: tuple[tuple[int, ...], ...]
    fin_source: Source | None
    client_fin_ns: int | None
    client_fin_source: Source | None
    remote_fin_ns: int | None
    remote_answered_close: bool
    retransmitted: int
    lost_packets: int
    unproven_packets: int
    endpoints: frozenset[tuple[str, int]]
    answered: bool
    was_rejected: bool
    was_reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """Everything known of a case. `focus`: numbers of the conversations the question is about."""

    matching: Matching
    conversations: tuple[ConversationFacts, ...]
    sites: tuple[LossSite, ...]
    symptoms: tuple[Symptom, ...]
    log_lines: tuple[JoinedLine, ...]
    counters: tuple[Counter, ...]
    rules: tuple[Rule, ...]
    settings: tuple[Setting, ...]
    versions: tuple[Version, ...]
    focus: frozenset[int]
    asked: tuple[str, ...] = ()
    host_names: dict[str, str]
    tracks: Tracks
    drops: tuple[JoinedDrop, ...] = ()
    conntrack: tuple[ConntrackEntry, ...] = ()
    sockets: tuple[Socket, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    forwarding: tuple[ForwardingEntry, ...] = ()
    related: tuple[Related, ...] = ()

    # ---- packets ----
    def lossy(self) -> list[LossSite]:
        """Where packets were certainly lost, worst first; nobody need have waited for them."""
        return [site for site in self.sites if len(site.lost_rows)]

    def losses(self) -> list[LossSite]:
        """Where packets were certainly lost and somebody had to wait for them or never got them, worst first."""
        return [site for site in self.lossy() if site.material]

    def in_focus(self) -> list[ConversationFacts]:
        """The TCP connections the question is about, those of most concern first."""
        return [c for c in self.conversations if c.number in self.focus]

    def stalled(self) -> list[ConversationFacts]:
        """Connections in focus that stood still, those of most concern first."""
        return [c for c in self.in_focus() if c.stall]

    def behind(self, conversation: ConversationFacts) -> tuple[Related, ConversationFacts] | None:
        """The connection on which its slowest request went on, as far as that one was looked at.

        Something between the two answers for the server (a proxy), so what is behind tells who was slow.
        """
        known = {c.number: c for c in self.conversations}
        mine = [r for r in self.related if r.front == conversation.number and r.back in known]
        if not mine:
            return None
        slowest = max(mine, key=lambda r: (r.front_wait_ns is None, r.front_wait_ns or 0, r.back_row))
        return slowest, known[slowest.back]

    def near_client(self, conversation: ConversationFacts) -> Track:
        """The packets of a connection at the point nearest the client that saw it."""
        return self.tracks.of(conversation.number, conversation.seen_at[-1])

    def near_remote(self, conversation: ConversationFacts) -> Track:
        """The packets of a connection at the point nearest the remote end that saw it."""
        return self.tracks.of(conversation.number, conversation.seen_at[0])

    # ---- texts ----
    def lines(self, topic: str, node: str | None = None) -> list[JoinedLine]:
        """Log lines of a topic (`LogLine.topic`), of a node (None: of all)."""
        return [j for j in self.log_lines if j.line.topic == topic and node in (None, j.line.node)]

    def dropped(self, *reasons: str, node: str | None = None) -> list[Drop]:
        """Traced drops with one of these reasons, by the kernel's names."""
        return [j.drop for j in self.drops if j.drop.reason in reasons and node in (None, j.drop.node)]

    # ---- logs ----
    def invalid_lines(self, reason: str, node: str | None = None) -> list[JoinedLine]:
        """conntrack's "invalid" lines whose reason contains `reason`, of a node (None: of all)."""
        return [j for j in self.lines("conntrack_invalid", node) if reason in j.line.reason]

    def row_at(self, joined: JoinedLine | JoinedDrop, point: int, direction: int) -> int | None:
        """Row of a joined text's packet at a point, followed there in its direction; None: it never got there.

        A text is joined where its node saw the packet, which may be several points before the one asked for.
        """
        at, row = joined.point, joined.row
        for _ in self.matching.points:
            if at is None or row is None or row < 0 or at == point:
                break
            hop = next((h for h in self.matching.hops if h.upstream == at and h.direction == direction), None)
            at, row = (None, None) if hop is None else (hop.downstream, int(hop.partner[row]))
        return row if at == point and row is not None and row >= 0 else None

    # ---- settings and versions ----
    def setting(self, name: str, node: str | None) -> list[Setting]:
        """Every observation of a sysctl on a node (None: of all nodes), in order of evidence."""
        return [s for s in self.settings if s.scope == "sysctl" and s.name == name and node in (None, s.node)]

    def version(self, name: str, node: str | None) -> Version | None:
        """A version in evidence, or None."""
        return next((v for v in self.versions if v.name == name and node in (None, v.node)), None)

    def host(self, node: str | None) -> str:
        """How to call a node in a sentence."""
        if node is None:
            return "the host between the two points"
        return self.host_names.get(node) or node or "this host"

    # ---- counters ----
    def counter_delta(
        self,
        family: str,
        name: str,
        node: str | None,
        *,
        scope: str | None = None,
        span: tuple[str, str] = WHOLE,
    ) -> Delta | None:
        """How far a counter moved between two snapshots, summed over nodes and scopes unless one is given.

        Its place in the evidence is that of the one that moved most.

        None when either value is not known, or when the counter fell: then it was reset in between.
        """
        moved, most, told_by = 0, 0, None
        for before, after in self._pairs(family, name, node, scope=scope, span=span):
            if before.value is None or after.value is None or after.value < before.value:
                return None
            rose = after.value - before.value
            moved += rose
            if rose >= most:
                most, told_by = rose, after
        if told_by is None:
            return None
        return Delta(value=moved, after=told_by.source, text=f"{family} {name}")

    def moved(self, family: str, names: Iterable[str], node: str | None) -> Delta | None:
        """The first of these counters that moved at all."""
        deltas = (self.counter_delta(family, name, node) for name in names)
        return next((delta for delta in deltas if delta is not None and delta.value > 0), None)

    def _pairs(
        self, family: str, name: str, node: str | None, *, scope: str | None, span: tuple[str, str]
    ) -> Iterator[tuple[Counter, Counter]]:
        wanted = [
            c
            for c in self.counters
            if c.family == family and c.name == name and node in (None, c.node) and scope in (None, c.scope)
        ]
        before = {(c.node, c.scope): c for c in wanted if c.snapshot == span[0]}
        for counter in wanted:
            earlier = before.get((counter.node, counter.scope))
            if counter.snapshot == span[1] and earlier is not None:
                yield earlier, counter

    def rule_deltas(
        self, node: str | None, layer: str, span: tuple[str, str] = WHOLE
    ) -> list[tuple[Rule, Delta]]:
        """How often each rule was hit between two snapshots.

        A rule without a before counts from zero when the before snapshot of its kind is missing altogether (a fresh
        rule set), else it is left out; of a snapshot in the middle of a stall nothing is assumed.
        """
        mine = [r for r in self.rules if r.layer == layer and (node is None or r.node == node)]
        before = {_identity(r): r for r in mine if r.snapshot == span[0]}
        result = []
        for rule in mine:
            if rule.snapshot != span[1] or rule.packets is None:
                continue
            earlier = before.get(_identity(rule))
            if earlier is None and (before or span[0] != "before"):
                continue
            start = earlier.packets or 0 if earlier else 0
            start_bytes = earlier.bytes or 0 if earlier else 0
            moved = None if rule.bytes is None else rule.bytes - start_bytes
            text = f"{rule.place}: {rule.match} actions={rule.actions}"
            result.append(
                (rule, Delta(value=rule.packets - start, after=rule.source, text=text, bytes=moved))
            )
        return result

    def rules_at(self, site: LossSite, layer: str) -> list[tuple[Rule, Delta]]:
        """How often each rule was hit that may be at a hop: of its host; where that is not known, of none elsewhere.

        A host that was captured at other points of the path, and at neither of this hop's, does not lie at the hop.
        """
        here = {site.upstream.node, site.downstream.node}
        elsewhere = {point.node for point in self.matching.points} - here if site.node is None else set()
        return [
            (rule, delta) for rule, delta in self.rule_deltas(site.node, layer) if rule.node not in elsewhere
        ]


def _identity(rule: Rule) -> tuple[str, str, str, int | None, str, str]:
    return (rule.node, rule.layer, rule.place, rule.priority, rule.match, rule.actions)
