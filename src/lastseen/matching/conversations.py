"""Find the same connection at several points, whatever was rewritten on the way.

Addresses and ports are no evidence: NAT changes them. Initial sequence numbers are what no common middlebox
changes; where they are missing or not unique, packets vote with what they carry.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped
from lastseen.tables.packets import ACK, ID_WINDOW, LENGTH_FLAGS, SEQ
from lastseen.tables.points import Conversations, Point

__all__ = ["find_conversations"]

VOTERS: Final = 64
"""Packets a group's vote is taken from: its first ones; more would not change a majority of 32-bit numbers."""

Member = tuple[int, int]
"""(point, group)."""


def find_conversations(points: Sequence[Point], grouped: Sequence[Grouped]) -> Conversations:
    """One row a conversation, in order of the first point that saw it. Every group of every point is in one."""
    links = _Links(points, grouped)
    links.by_initial_numbers()
    links.by_votes()
    return links.table()


class _Links:
    """Members found to be the same conversation so far. A conversation has at most one member a point."""

    def __init__(self, points: Sequence[Point], grouped: Sequence[Grouped]) -> None:
        self._points, self._grouped = points, grouped
        self._sizes = [len(g.starts) // 2 for g in grouped]
        self._root = [np.full(size, -1, np.int64) for size in self._sizes]
        self._members: list[dict[int, int]] = []
        self._flips: dict[Member, bool] = {}

    # ---- linking ----
    def _join(self, members: Sequence[Member], flips: Sequence[bool]) -> None:
        """Make one conversation of members of different points (those already in one bring it along)."""
        numbers = {int(self._root[p][g]) for p, g in members} - {-1}
        if len(numbers) > 1:
            return
        number = numbers.pop() if numbers else len(self._members)
        if number == len(self._members):
            self._members.append({})
        conversation = self._members[number]
        for (point, group), flip in zip(members, flips, strict=True):
            if point not in conversation:
                conversation[point] = group
                self._root[point][group] = number
                self._flips[point, group] = flip

    def by_initial_numbers(self) -> None:
        """Join by the originator's initial sequence number, then by the responder's for what is left."""
        for side in (0, 1):
            for members in self._sharing(side):
                for same in self._one_a_point(members):
                    self._join(same, [False] * len(same))

    def _sharing(self, side: int) -> Iterator[list[Member]]:
        """Members with the same initial sequence number of one side, where more than one point has it."""
        found: dict[int, list[Member]] = defaultdict(list)
        for point, grouped in enumerate(self._grouped):
            known = np.flatnonzero(grouped.isn_known[:, side])
            if side:
                known = known[self._root[point][known] < 0]
            for group, number in zip(known.tolist(), grouped.isn[known, side].tolist(), strict=True):
                found[number].append((point, group))
        for members in found.values():
            if len({point for point, _ in members}) > 1:
                yield members

    def _one_a_point(self, members: list[Member]) -> Iterator[list[Member]]:
        """Split members that share a number into conversations with one member a point each.

        Usually there is nothing to split. Else the pair of numbers decides, and among equal pairs (replayed or
        scanning traffic) the order in time.
        """
        if len({point for point, _ in members}) == len(members):
            yield members if self._agree(members) else members[:1]
            return
        by_pair: dict[tuple[int, ...], dict[int, list[Member]]] = defaultdict(lambda: defaultdict(list))
        for point, group in members:
            isn, known = self._grouped[point].isn[group], self._grouped[point].isn_known[group]
            pair = tuple(int(number) if is_known else -1 for number, is_known in zip(isn, known, strict=True))
            by_pair[pair][point].append((point, group))
        for at_points in by_pair.values():
            for rank in range(max(len(same) for same in at_points.values())):
                yield [same[rank] for same in at_points.values() if rank < len(same)]

    def _agree(self, members: list[Member]) -> bool:
        """Whether the initial numbers both sides show do not contradict each other."""
        for side in (0, 1):
            shown = {
                int(self._grouped[p].isn[g, side]) for p, g in members if self._grouped[p].isn_known[g, side]
            }
            if len(shown) > 1:
                return False
        return True

    # ---- votes ----
    def by_votes(self) -> None:
        """Join what shares no handshake by what its packets carry: sequence numbers, lengths, flags, digests."""
        ballots: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for point in range(len(self._points)):
            for group in self._voting(point):
                for sender in (0, 1):
                    for key in self._keys(point, group, sender):
                        ballots[key].append((point, group, sender))
        for (one, other), (same, crossed) in self._count(ballots):
            if int(self._root[other[0]][other[1]]) < 0 or int(self._root[one[0]][one[1]]) < 0:
                flip = self._flips.get(one, False) != (crossed > same)
                self._join([one, other], [self._flips.get(one, False), flip])

    def _voting(self, point: int) -> list[int]:
        """Groups that are in no conversation with another point yet, or whose conversation lacks a point."""
        lonely = self._root[point] < 0
        incomplete = np.array([len(c) < len(self._points) for c in self._members] + [True])
        return list(np.flatnonzero(lonely | incomplete[self._root[point]]).tolist())

    def _keys(self, point: int, group: int, sender: int) -> list[int]:
        """A number for each of the first packets of a side, equal at every point that saw the packet.

        TCP: sequence and acknowledgment number, length and flags. Others: payload digest, length and IP id.
        Packets that say next to nothing (no numbers, no digest) do not vote.
        """
        rows = self._grouped[point].of(group, sender)[:VOTERS]
        packets = self._points[point].capture.packets[rows].astype(np.uint64)
        is_tcp = group < len(self._points[point].connections)
        tail = packets[:, ACK] if is_tcp else packets[:, ID_WINDOW] >> np.uint64(16)
        key = (packets[:, SEQ] << np.uint64(32) | tail) ^ (packets[:, LENGTH_FLAGS] * np.uint64(0x9E3779B97F4A7C15))
        says_much = (packets[:, SEQ] > np.uint64(0xFFFF)) & ((tail > np.uint64(0xFFFF)) | ~np.bool_(is_tcp))
        return [int(value) for value in key[says_much]]

    def _count(
        self, ballots: dict[int, list[tuple[int, int, int]]]
    ) -> list[tuple[tuple[Member, Member], tuple[int, int]]]:
        """Pairs of members of different points with their votes (same direction, crossed), most votes first."""
        votes: dict[tuple[Member, Member], list[int]] = defaultdict(lambda: [0, 0])
        for voters in ballots.values():
            if len(voters) > 2 * len(self._points) + 2:
                continue  # a key that stands everywhere tells nothing, and would cost its square
            for index, (point, group, sender) in enumerate(voters):
                for point2, group2, sender2 in voters[index + 1 :]:
                    if point != point2:
                        votes[(point, group), (point2, group2)][sender != sender2] += 1
        ranked = sorted(votes.items(), key=lambda item: (-max(item[1]), item[0]))
        return [(pair, (counts[0], counts[1])) for pair, counts in ranked]

    # ---- result ----
    def table(self) -> Conversations:
        """All conversations; those of one point only come last of that point."""
        for point, size in enumerate(self._sizes):
            for group in np.flatnonzero(self._root[point] < 0).tolist():
                self._root[point][group] = len(self._members)
                self._members.append({point: group})
        group_at = np.full((len(self._members), len(self._points)), -1, np.int32)
        flipped = np.zeros(group_at.shape, np.bool_)
        for number, members in enumerate(self._members):
            for point, group in members.items():
                group_at[number, point] = group
                flipped[number, point] = self._flips.get((point, group), False)
        return Conversations(group=group_at, flipped=flipped)


