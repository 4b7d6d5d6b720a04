"""The whole matching: conversations, order of the points, clocks, and the fates between neighbours."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import side_by_side
from lastseen.matching.conversations import find_conversations, with_common_numbers
from lastseen.matching.copies import take_back_copies
from lastseen.matching.drift import drift_of, steadied
from lastseen.matching.fates import PairView, judge_hop
from lastseen.matching.grouping import Grouped, group_packets, without_digests
from lastseen.matching.ordering import Relation, against_the_rest, relate, runs_on_one_clock
from lastseen.matching.orienting import orient_lonely, orient_one_sided
from lastseen.matching.pairing import pair_points
from lastseen.matching.pairs import Pairing
from lastseen.matching.passing import passing
from lastseen.matching.travel import travel_of
from lastseen.matching.turned import Ends, excuse_turned, turned_ends
from lastseen.tables.packets import ID_WINDOW, INFO_IP_ID, MISC
from lastseen.tables.points import (
    CLIENT_TO_REMOTE,
    LOST,
    OUTSIDE,
    REMOTE_TO_CLIENT,
    UNPROVEN,
    Conversations,
    Hop,
    Matching,
    Point,
)

__all__ = ["match"]

Int64s = npt.NDArray[np.int64]


def match(points: Sequence[Point]) -> Matching:
    """Find what each packet became between the points, whatever their order in `points`.

    The result does not depend on the order of the arguments, on clock offsets, addresses, ports, tunnels, padding
    or snap lengths. Points come back in path order, remote end first; those without a known place come last.
    """
    return _Work(sorted(points, key=_by_name)).result()


def _by_name(point: Point) -> tuple[int, str, str]:
    return point.given_order or 0, point.name, point.file


def _grouped(points: list[Point]) -> list[Grouped]:
    """The packets of all points, payload digests left out where the snap length of any of them cut some."""
    rows = sum(len(point.capture.packets) for point in points)
    grouped = side_by_side(group_packets, points, rows=rows)
    pairs = list(zip(grouped, points, strict=True))
    if not any(without_digests(one, point.capture, anyway=False) for one, point in pairs):
        return grouped
    return [without_digests(one, point.capture, anyway=True) or one for one, point in pairs]


def _from_the_client(found: Conversations, points: list[Point], grouped: list[Grouped]) -> Conversations:
    """The conversations as the point sees them that tells best who opened them.

    That is one with a handshake, else one that saw both sides; of several the one with most packets. Whose first packet
    is a SYN-ACK is no client.
    """
    best = np.full(len(found.group), -1, np.int64)
    flipped = np.zeros(len(found.group), np.bool_)
    for number, (point, groups) in enumerate(zip(points, grouped, strict=True)):
        sizes = np.diff(groups.starts).reshape(-1, 2)
        score = sizes.sum(axis=1) + (sizes > 0).all(axis=1) * _BOTH_SIDES
        score[: groups.connections] += point.connections["originator_known"].astype(np.int64) * _HANDSHAKE
        here = np.flatnonzero(found.group[:, number] >= 0)
        mine = score[found.group[here, number]]
        better = here[mine > best[here]]
        best[better] = mine[mine > best[here]]
        group = found.group[better, number]
        opened = group < groups.connections
        flipped[better] = found.flipped[better, number]
        answer = point.connections["history"][group[opened]].astype("S1") == _SYN_ACK_FIRST
        flipped[better[opened]] ^= answer
    return Conversations(group=found.group, flipped=found.flipped ^ flipped[:, None])


_BOTH_SIDES: Final = 1 << 40
_HANDSHAKE: Final = 1 << 50
"""More than any number of packets."""
_SYN_ACK_FIRST: Final = b"H"
"""Of the history: the first packet was a SYN-ACK, of who counts as the originator."""


class _Work:
    """Pairings and relations of points, each computed once. `points` are `captured` by steady clocks."""

    def __init__(self, points: list[Point]) -> None:
        self.captured, self.points = points, list(points)
        grouped = _grouped(points)
        self.conversations = _from_the_client(find_conversations(grouped), points, grouped)
        orient_one_sided(points, grouped, self.conversations)
        self.grouped = with_common_numbers(grouped, self.conversations)
        seen_at = (self.conversations.group >= 0).astype(np.float32)
        self.shared = (seen_at.T @ seen_at).astype(np.int64)
        self._pairings: dict[tuple[int, int], Pairing] = {}
        self._relations: dict[tuple[int, int], Relation] = {}

    # ---- pairs of points ----
    def _both(self, p: int, q: int) -> Conversations:
        return Conversations(
            group=self.conversations.group[:, [p, q]], flipped=self.conversations.flipped[:, [p, q]]
        )

    def pairing(self, p: int, q: int) -> Pairing:
        """The packets of points p and q paired, p's view; the smaller index is always paired first."""
        if p > q:
            return self.pairing(q, p).turned
        if (p, q) not in self._pairings:
            self._pairings[p, q] = pair_points((self.grouped[p], self.grouped[q]), self._both(p, q))
        return self._pairings[p, q]

    def _relation(self, p: int, q: int, *, is_new: bool = False) -> Relation:
        """How q lies to p. Conversations opened from the other end are turned: the client is an end of the path.

        `is_new`: q's clock was not looked at yet, and may run at another speed.
        """
        if (p, q) not in self._relations:
            self._relations[p, q] = self._related(p, q, is_new=is_new)
        return self._relations[p, q]

    def _related(self, p: int, q: int, *, is_new: bool) -> Relation:
        grouped, pairing = (self.grouped[p], self.grouped[q]), self.pairing(p, q)
        travel = travel_of(grouped, self._both(p, q), pairing)
        drift = drift_of(travel) if is_new and not runs_on_one_clock(travel) else None
        if drift is not None:
            self.points[q], self.grouped[q] = steadied(self.points[q], self.grouped[q], drift)
            self._pairings = {pair: known for pair, known in self._pairings.items() if q not in pair}
            self._relations.clear()
            return self._related(p, q, is_new=False)
        relation = relate(grouped, pairing, travel)
        turned = against_the_rest(self._both(p, q), travel, relation)
        if not len(turned):
            return relation
        self.conversations.flipped[turned] ^= True
        self._relations.clear()
        return relate(grouped, pairing, travel_of(grouped, self._both(p, q), pairing))

    # ---- order ----
    def _components(self) -> list[list[int]]:
        """Points that share conversations, directly or through others, or whose places are given; largest first."""
        given = np.array([point.given_order is not None for point in self.points], np.bool_)
        shared = (self.shared > 0) | (given[:, None] & given[None, :])
        left, result = set(range(len(self.points))), []
        while left:
            todo, found = [min(left)], set[int]()
            while todo:
                point = todo.pop()
                found.add(point)
                todo += [other for other in left - found if shared[point, other] and other not in todo]
            result.append(sorted(found))
            left -= found
        return sorted(result, key=lambda component: (-len(component), component))

    def _placed(self, component: list[int]) -> tuple[list[int], dict[int, int], dict[int, float]]:
        """(points of a component in path order, their clock offsets, those whose place is not known).

        Clock offsets are to one point of the component. Of the last, what is missing at them tells on which side of
        others they lie: of one beyond 0, nearer the client.
        """
        start = max(component, key=lambda p: (int(self.shared[p, component].sum()), -p))
        places: dict[int, tuple[float, float]] = {start: (0.0, 0.0)}
        clocks, unknown = {start: 0}, dict[int, float]()
        while len(places) < len(component):
            known, new = max(
                ((a, b) for a in places for b in component if b not in places),
                key=lambda ab: (int(self.shared[ab]), self._on_one_node(*ab), -ab[0], -ab[1]),
            )
            relation = self._relation(known, new, is_new=True)
            places[new] = (places[known][0] + relation.hops, places[known][1] + relation.distance_ns)
            clocks[new] = clocks[known] + relation.offset_ns
            if not relation.known or known in unknown:
                unknown[new] = relation.distance_ns
        order, clocks = self._in_order(component, places, clocks)
        return self._out_of_nodes(order, unknown), clocks, unknown

    def _on_one_node(self, p: int, q: int) -> bool:
        """Whether two captures are known to be of one host: then of one clock, should they share no packet to tell."""
        return self.points[p].node == self.points[q].node != ""

    def _in_order(
        self, component: list[int], places: dict[int, tuple[float, float]], clocks: dict[int, int]
    ) -> tuple[list[int], dict[int, int]]:
        given = [self.points[p].given_order for p in component]
        if all(order is not None for order in given):
            return sorted(component, key=lambda p: self.points[p].given_order or 0), clocks
        order = self._nodes_together(sorted(component, key=lambda p: (places[p], p)), places)
        return self._neighbours_agree(order, places), clocks

    def _nodes_together(self, order: list[int], places: dict[int, tuple[float, float]]) -> list[int]:
        """The same order, and of points that nothing tells apart those of one node beside each other.

        A path that left a node does not come back to it; so a node on both sides of a loss is where it happened.
        """
        nodes = {p: self.points[p].node or f"unknown {p}" for p in order}
        groups = [list(group) for _, group in groupby(order, key=lambda p: places[p])]
        for group in groups:
            first = {nodes[p]: place for place, p in reversed(list(enumerate(group)))}
            group.sort(key=lambda p: first[nodes[p]])
        for before, behind in pairwise(groups):
            shared = {nodes[p] for p in before} & {nodes[p] for p in behind}
            before.sort(key=lambda p: nodes[p] in shared)
            behind.sort(key=lambda p: nodes[p] not in shared)
        return [p for group in groups for p in group]

    def _out_of_nodes(self, order: list[int], unknown: dict[int, float]) -> list[int]:
        """The same order, but of the `unknown` points none between two of another node, which no path comes back to.

        Nothing tells how far such a point is from the others, but on which side of them it lies: then of all of them.
        """
        nodes = [point.node for point in self.points]
        for point, side in unknown.items():
            at, rest = order.index(point), [p for p in order if p != point]
            left, come_to = ({nodes[p] for p in part} for part in (rest[:at], rest[at:]))
            around = (left & come_to) - {"", nodes[point]}
            if around:
                beside = [place for place, p in enumerate(rest) if nodes[p] in around]
                rest.insert(beside[0] if side < 0 else beside[-1] + 1, point)
                order = rest
        return order

    def _neighbours_agree(self, order: list[int], places: dict[int, tuple[float, float]]) -> list[int]:
        """The same order, with neighbours turned round where their own packets say so.

        Places come by way of other points, perhaps far and jittery, and points that lost other packets are compared
        by other packets. Two neighbours a few microseconds apart know better: every packet they share was delayed
        alike before. Each of them moves at most once past each other.
        """
        for end in range(len(order) - 1, 0, -1):
            for i in range(end):
                p, q = order[i], order[i + 1]
                relation = self._relation(p, q)
                routed = places[p][0] != places[q][0]  # TTL does not jitter
                if not routed and relation.known and relation.distance_ns < 0:
                    order[i], order[i + 1] = q, p
        return order

    # ---- result ----
    def result(self) -> Matching:
        """Points in path order with everything said in their numbers."""
        path: list[int] = []
        orders: list[int | None] = []
        offsets: list[int] = []
        hops: list[Hop] = []
        turned = [turned_ends(point) for point in self.captured]
        for rank, component in enumerate(self._components()):
            placed, clocks, unknown = self._placed(component)
            told = not rank and self._is_placed(placed, unknown)
            orders += [place + 1 if told else None for place in range(len(placed))]
            offsets += [clocks[placed[0]] - clocks[point] for point in placed]
            path += placed
            found = self._hops(placed, clocks)
            if any(turned):
                self._excuse_turned(found, placed, turned, told=told)
            hops += found
        number = {point: index for index, point in enumerate(path)}
        return Matching(
            points=tuple(self.captured[p] for p in path),
            order=tuple(orders),
            offsets_ns=tuple(offsets),
            conversations=Conversations(
                group=self.conversations.group[:, path], flipped=self.conversations.flipped[:, path]
            ),
            hops=tuple(_renumbered(hop, number) for hop in hops),
        )

    def _is_placed(self, placed: list[int], unknown: dict[int, float]) -> bool:
        """Whether the order of a path is known: given, found, or of a single point."""
        if all(self.points[p].given_order is not None for p in placed):
            return True
        return len(self.points) == 1 or (len(placed) > 1 and not unknown)

    def _hops(self, placed: list[int], clocks: dict[int, int]) -> list[Hop]:
        """Fates between each point and the next that saw the conversation, in both directions."""
        hops: dict[tuple[int, int, int], list[Int64s]] = {}
        orient_lonely(self.points, self.conversations)
        for direction in (CLIENT_TO_REMOTE, REMOTE_TO_CLIENT):
            path = placed if direction == REMOTE_TO_CLIENT else placed[::-1]
            points, grouped = [self.points[p] for p in path], [self.grouped[p] for p in path]
            table = Conversations(
                group=self.conversations.group[:, path], flipped=self.conversations.flipped[:, path]
            )
            for way in passing(points, grouped, table, direction):
                hops.setdefault((path[way.up], path[way.down], direction), []).append(way.members)
        place = {point: index for index, point in enumerate(placed)}
        in_order = sorted(hops.items(), key=lambda item: (place[item[0][0]], place[item[0][1]], item[0][2]))
        views = [self._view(key, np.concatenate(rows), clocks) for key, rows in in_order]
        hops_found = side_by_side(
            judge_hop, views, rows=sum(len(point.capture.packets) for point in self.points)
        )
        judged = []
        for hop in hops_found:
            path = placed if hop.direction == REMOTE_TO_CLIENT else placed[::-1]
            missed = self._believe_later_points(hop, path[path.index(hop.downstream) + 1 :])
            judged.append(replace(hop, missed=hop.missed + missed))
        self._doubt(judged)
        take_back_copies(self.points, self.grouped, judged)
        return judged

    def _excuse_turned(
        self, hops: list[Hop], placed: list[int], turned: list[frozenset[Ends]], *, told: bool
    ) -> None:
        """Losses of connections that a point shows twice are looked for at the other points, too."""
        for hop in hops:
            path = placed if hop.direction == REMOTE_TO_CLIENT else placed[::-1]
            beyond = path[path.index(hop.downstream) + 1 :] if told else path
            others = [p for p in beyond if p not in {hop.upstream, hop.downstream}]
            excuse_turned(hop, self.captured, turned, others, told=told)

    def _doubt(self, hops: list[Hop]) -> None:
        """Where a capture certainly missed packets, another one it does not have is lost only if the ends say so.

        So it is where which of them arrived is a guess.
        """
        gaps = {hop.downstream for hop in hops if hop.missed} | {hop.upstream for hop in hops if hop.unseen}
        gaps |= {
            n for n, point in enumerate(self.points) if point.dropped_packets or point.is_partial_listing
        }
        for hop in hops:
            if hop.downstream in gaps or hop.guessed:
                lost = hop.rows(LOST)
                hop.fate[np.setdiff1d(lost, hop.proven)] = UNPROVEN

    def _believe_later_points(self, hop: Hop, later: list[int]) -> int:
        """What was seen farther along the way passed the downstream point: its capture missed it. How many.

        Packets without an IP id are not believed: which of several equal ones was seen there is a guess.
        """
        packets = self.grouped[hop.upstream].packets
        missing = np.flatnonzero((hop.fate == LOST) | (hop.fate == UNPROVEN))
        sure = ((packets[missing, MISC] >> 24 & INFO_IP_ID) > 0) & (packets[missing, ID_WINDOW] >> 16 > 0)
        missing = missing[sure]
        before = len(missing)
        for point in later:
            if len(missing):
                seen = self.pairing(hop.upstream, point).p.partner[missing] >= 0
                hop.fate[missing[seen]] = OUTSIDE
                missing = missing[~seen]
        return before - len(missing)

    def _view(self, hop: tuple[int, int, int], members: Int64s, clocks: dict[int, int]) -> PairView:
        up, down, direction = hop
        return PairView(
            up=self.points[up],
            down=self.points[down],
            up_index=up,
            down_index=down,
            direction=direction,
            grouped_up=self.grouped[up],
            grouped_down=self.grouped[down],
            members=members,
            pairing=self.pairing(up, down),
            offset_ns=clocks[down] - clocks[up],
        )


def _renumbered(hop: Hop, number: dict[int, int]) -> Hop:
    return replace(hop, upstream=number[hop.upstream], downstream=number[hop.downstream])
