"""The whole matching: conversations, order of the points, clocks, and the fates between neighbours."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lastseen.matching.conversations import find_conversations
from lastseen.matching.fates import PairView, judge_hop
from lastseen.matching.grouping import Grouped, group_packets
from lastseen.matching.ordering import Relation, relate
from lastseen.matching.pairing import Pairing, pair_points
from lastseen.tables.points import (
    CLIENT_TO_REMOTE,
    REMOTE_TO_CLIENT,
    Conversations,
    Hop,
    Matching,
    Point,
)

__all__ = ["match"]


def match(points: Sequence[Point]) -> Matching:
    """Find what each packet became between the points, whatever their order in `points`.

    The result does not depend on the order of the arguments, on clock offsets, addresses, ports, tunnels, padding
    or snap lengths. Points come back in path order, remote end first; those without a known place come last.
    """
    work = _Work(sorted(points, key=lambda point: (point.given_order or 0, point.name, point.file)))
    return work.result()


class _Work:
    """Pairings and relations of points, each computed once."""

    def __init__(self, points: list[Point]) -> None:
        self.points = points
        self.grouped: list[Grouped] = [group_packets(point) for point in points]
        self.conversations = find_conversations(points, self.grouped)
        self._pairings: dict[tuple[int, int], Pairing] = {}

    # ---- pairs of points ----
    def _both(self, p: int, q: int) -> Conversations:
        return Conversations(
            group=self.conversations.group[:, [p, q]], flipped=self.conversations.flipped[:, [p, q]]
        )

    def pairing(self, p: int, q: int) -> Pairing:
        """The packets of points p and q paired, p's view; the smaller index is always paired first."""
        if p > q:
            back = self.pairing(q, p)
            return Pairing(back.partner_q, back.partner_p, back.how_q, back.how_p)
        if (p, q) not in self._pairings:
            pair = (self.points[p], self.points[q])
            self._pairings[p, q] = pair_points(pair, (self.grouped[p], self.grouped[q]), self._both(p, q))
        return self._pairings[p, q]

    def _relation(self, p: int, q: int) -> Relation:
        pair, grouped = (self.points[p], self.points[q]), (self.grouped[p], self.grouped[q])
        return relate(pair, grouped, self._both(p, q), self.pairing(p, q))

    # ---- order ----
    def _components(self) -> list[list[int]]:
        """Points that share conversations, directly or through others; largest first."""
        seen_at = self.conversations.group >= 0
        shared = seen_at.T.astype(np.int64) @ seen_at.astype(np.int64)
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

    def _placed(self, component: list[int]) -> tuple[list[int], dict[int, int]]:
        """(points of a component in path order, clock offset of each to the component's first)."""
        given = [self.points[p].given_order for p in component]
        places: dict[int, tuple[float, float]] = {component[0]: (0.0, 0.0)}
        clocks: dict[int, int] = {component[0]: 0}
        seen_at = self.conversations.group >= 0
        while len(places) < len(component):
            known, new = max(
                ((a, b) for a in places for b in component if b not in places),
                key=lambda ab: (int((seen_at[:, ab[0]] & seen_at[:, ab[1]]).sum()), -ab[0], -ab[1]),
            )
            relation = self._relation(known, new)
            if relation.distance_ns is None:
                places[new] = (float("inf"), 0.0)
            else:
                places[new] = (places[known][0] + relation.hops, places[known][1] + relation.distance_ns)
            clocks[new] = clocks[known] + relation.offset_ns
        if all(order is not None for order in given):
            return sorted(component, key=lambda p: self.points[p].given_order or 0), clocks
        return sorted(component, key=lambda p: (places[p], p)), clocks

    # ---- result ----
    def result(self) -> Matching:
        """Points in path order with everything said in their numbers."""
        path: list[int] = []
        orders: dict[int, int | None] = {}
        offsets: dict[int, int] = {}
        hops: list[Hop] = []
        for rank, component in enumerate(self._components()):
            placed, clocks = self._placed(component)
            for place, point in enumerate(placed):
                lone = len(placed) == 1 and self.points[point].given_order is None and len(self.points) > 1
                orders[point] = None if lone or rank else place + 1
                offsets[point] = clocks[placed[0]] - clocks[point]
            path += placed
            hops += self._hops(placed, clocks)
        number = {point: index for index, point in enumerate(path)}
        return Matching(
            points=tuple(self.points[p] for p in path),
            order=tuple(orders[p] for p in path),
            offsets_ns=tuple(offsets[p] for p in path),
            conversations=Conversations(
                group=self.conversations.group[:, path], flipped=self.conversations.flipped[:, path]
            ),
            hops=tuple(_renumbered(hop, number) for hop in hops),
        )

    def _hops(self, placed: list[int], clocks: dict[int, int]) -> list[Hop]:
        """Fates between each point and the next that saw the conversation, in both directions."""
        members: dict[tuple[int, int, int], list[tuple[int, int, int, int]]] = {}
        for number, (group, flipped) in enumerate(
            zip(self.conversations.group[:, placed], self.conversations.flipped[:, placed], strict=True)
        ):
            for direction in (CLIENT_TO_REMOTE, REMOTE_TO_CLIENT):
                for up, down in self._neighbours(number, group, placed, direction):
                    sender_up = direction ^ int(flipped[placed.index(up)])
                    sender_down = direction ^ int(flipped[placed.index(down)])
                    member = (
                        int(group[placed.index(up)]),
                        int(group[placed.index(down)]),
                        sender_up,
                        sender_down,
                    )
                    members.setdefault((up, down, direction), []).append(member)
        return [
            judge_hop(self._view(up, down, direction, np.array(rows, np.int64), clocks))
            for (up, down, direction), rows in sorted(
                members.items(),
                key=lambda item: (placed.index(item[0][0]), placed.index(item[0][1]), item[0][2]),
            )
        ]

    def _neighbours(
        self, number: int, group: npt.NDArray[np.int32], placed: list[int], direction: int
    ) -> list[tuple[int, int]]:
        """(upstream, downstream) pairs a conversation's packets of one direction pass.

        Where it was never seen beyond a point and nobody answered it there, the next point on the path counts as
        a neighbour; an answered one took another path or ended there (a proxy), so nothing is claimed.
        """
        path = placed if direction == REMOTE_TO_CLIENT else placed[::-1]
        seen = [p for p in path if group[placed.index(p)] >= 0]
        pairs = list(zip(seen, seen[1:], strict=False))
        if seen and path.index(seen[-1]) + 1 < len(path) and not self._answered(number, seen[-1], direction):
            pairs.append((seen[-1], path[path.index(seen[-1]) + 1]))
        return pairs

    def _answered(self, number: int, point: int, direction: int) -> bool:
        """Whether the point saw packets of this direction and of the other one."""
        group = int(self.conversations.group[number, point])
        flip = int(self.conversations.flipped[number, point])
        sent = len(self.grouped[point].of(group, direction ^ flip))
        answers = len(self.grouped[point].of(group, 1 ^ direction ^ flip))
        return bool(answers) or not sent

    def _view(
        self, up: int, down: int, direction: int, members: npt.NDArray[np.int64], clocks: dict[int, int]
    ) -> PairView:
        pairing = self.pairing(up, down)
        return PairView(
            up=self.points[up],
            down=self.points[down],
            up_index=up,
            down_index=down,
            direction=direction,
            grouped_up=self.grouped[up],
            grouped_down=self.grouped[down],
            members=members,
            partner=pairing.partner_p,
            how=pairing.how_p,
            down_how=pairing.how_q,
            reverse_how=pairing.how_p,
            offset_ns=clocks[down] - clocks[up],
        )


def _renumbered(hop: Hop, number: dict[int, int]) -> Hop:
    return Hop(
        upstream=number[hop.upstream],
        downstream=number[hop.downstream],
        direction=hop.direction,
        fate=hop.fate,
        partner=hop.partner,
        delays_ns=hop.delays_ns,
        rewritten=hop.rewritten,
        rewritten_packets=hop.rewritten_packets,
        reordered=hop.reordered,
        injected=hop.injected,
    )
