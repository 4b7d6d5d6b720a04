"""Find the same connection at several points, whatever was rewritten on the way.

Addresses and ports are no evidence: NAT changes them. Initial sequence numbers are what no common middlebox
changes; where they are missing or not unique, packets vote with what they carry (`ballots`). Point after point is
joined to the conversations found so far, by the surest mark first.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.ballots import (
    CONTENT,
    ENDS,
    IDENTIFIED,
    RELATIVE,
    SAYS_MUCH,
    Ballots,
    ballots_of,
    count_votes,
)
from lastseen.matching.grouping import Grouped
from lastseen.matching.middle import median
from lastseen.tables.packets import ACK, FLAGS, LENGTH_FLAGS, SEQ
from lastseen.tables.points import Conversations

__all__ = ["find_conversations", "nearest_in_order", "with_common_numbers"]

RELATIVE_VOTES: Final = 2
"""Packets that must agree before two connections are taken for one whose numbers a firewall moved: a proxy that
keeps the addresses gives its packets identifications of its own."""

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_PAIR, _FIRST, _SECOND = (True, True), (True, False), (False, True)
"""Which sides' initial numbers a key is made of."""
_LEVELS: Final = (
    (_PAIR, _PAIR, _PAIR),
    (_FIRST, _FIRST, _PAIR),
    (_FIRST, _PAIR, _FIRST),
    (_FIRST, _FIRST, _FIRST),
    (_SECOND, _SECOND, _PAIR),
    (_SECOND, _PAIR, _SECOND),
    (_SECOND, _SECOND, _SECOND),
)
"""(the key, numbers known of the new group, of the conversation): both numbers first; where one side knows only one
of them, there is nothing that could contradict."""


def find_conversations(grouped: Sequence[Grouped]) -> Conversations:
    """One row a conversation, in order of the first point that saw it. Every group of every point is in one."""
    found = _Found(len(grouped))
    for number, groups in enumerate(grouped):
        found.join(number, grouped[:number], groups)
    return Conversations(group=found.group, flipped=found.flipped)


class _Found:
    """Conversations of the points so far, one row each: `group`, `flipped`, and what marks them.

    `times` are those of the point that saw it first, put into the clock of the first point as well as known.
    """

    def __init__(self, points: int) -> None:
        self.group = np.empty((0, points), np.int32)
        self.flipped = np.empty((0, points), np.bool_)
        self.isn = np.empty((0, 2), np.uint32)
        self.known = np.empty((0, 2), np.bool_)
        self.ends = np.empty(0, np.uint64)
        self.times = np.empty(0, np.int64)

    def join(self, point: int, before: Sequence[Grouped], new: Grouped) -> None:
        """Give each group of a point its conversation, an old or a new one."""
        self._left = np.arange(len(new), dtype=np.int64)
        self._open = np.arange(len(self.times), dtype=np.int64)
        self._shift: int | None = None
        if point:
            for with_ends in (True, False):
                for level in _LEVELS:
                    self._by_numbers(point, new, level, with_ends=with_ends)
            for kind in (ENDS, CONTENT, RELATIVE, IDENTIFIED):
                self._by_votes(point, before, new, kind)
        self._add(point, new)

    # ---- initial sequence numbers ----
    def _by_numbers(
        self, point: int, new: Grouped, level: tuple[tuple[bool, bool], ...], *, with_ends: bool
    ) -> None:
        key, of_new, of_old = level
        mine = self._left[_knows(new.isn_known[self._left], of_new)]
        theirs = self._open[_knows(self.known[self._open], of_old)]
        if not with_ends:
            mine, theirs = mine[_are_random(new.isn[mine], key)], theirs[_are_random(self.isn[theirs], key)]
        if not len(mine) or not len(theirs):
            return
        a = _number_keys(new.isn[mine], new.ends[mine], key, with_ends=with_ends)
        b = _number_keys(self.isn[theirs], self.ends[theirs], key, with_ends=with_ends)
        i, j = self._same_keys((a, new.times[mine]), (b, self.times[theirs]))
        self._link(point, new, (mine[i], theirs[j]), np.zeros(len(i), np.bool_))

    def _same_keys(
        self, mine: tuple[Uint64s, Int64s], theirs: tuple[Uint64s, Int64s]
    ) -> tuple[Int64s, Int64s]:
        """Places in both of pairs with the same key; of several with one key those nearest in time, in order."""
        order_a, order_b = (np.lexsort((times, keys)) for keys, times in (mine, theirs))
        lists = mine[0][order_a], mine[1][order_a], theirs[0][order_b], theirs[1][order_b]
        alone = _pair_runs(*lists, np.int64(0), np.True_)
        if self._shift is None:
            some = np.flatnonzero(alone >= 0)
            if len(some):
                self._shift = int(median(lists[1][some] - lists[3][alone[some]]))
        shift = self._shift if self._shift is not None else _likely_shift(mine[1], theirs[1])
        partner = _pair_runs(*lists, np.int64(shift), np.False_)
        found = np.flatnonzero(partner >= 0)
        return order_a[found], order_b[partner[found]]

    # ---- votes ----
    def _by_votes(self, point: int, before: Sequence[Grouped], new: Grouped, kind: int) -> None:
        """Join what shares no handshake by what its packets carry."""
        mine, theirs = self._voters(new, kind)
        if not len(mine) or not len(theirs):
            return
        ours = ballots_of(new, mine, mine, kind=kind)
        other = _merged(
            [
                ballots_of(grouped, self.group[at, p].astype(np.int64), at, kind=kind)
                for p, grouped in enumerate(before)
                if len(at := theirs[self.group[theirs, p] >= 0])
            ],
            self.flipped,
            [p for p in range(len(before)) if (self.group[theirs, p] >= 0).any()],
        )
        a, b, votes, crossed = count_votes(ours, other)
        enough = votes >= self._needed(new, kind, (a, b), (ours, other))
        chosen = _best_of_both(a[enough], b[enough], np.int64(len(new)), np.int64(len(self.times)))
        pairs = a[enough][chosen], b[enough][chosen]
        self._link(point, new, pairs, crossed[enough][chosen])

    def _voters(self, new: Grouped, kind: int) -> tuple[Int64s, Int64s]:
        if kind == RELATIVE:
            mine = self._left[new.isn_known[self._left].all(axis=1)]
            return mine, self._open[self.known[self._open].all(axis=1)]
        if kind == IDENTIFIED:
            mine = self._left[self._left < new.connections]
            small = ~_are_random(new.isn[mine], _PAIR), ~_are_random(self.isn[self._open], _PAIR)
            return mine[small[0]], self._open[small[1]]
        return self._left, self._open

    def _needed(
        self, new: Grouped, kind: int, pairs: tuple[Int64s, Int64s], ballots: tuple[Ballots, Ballots]
    ) -> Int64s:
        """Votes a pair needs: one packet of TCP, or of the same ends, is enough.

        A payload alone may repeat, so then half of what the smaller side said must agree. Initial numbers that
        contradict each other forbid the pair.
        """
        a, b = pairs
        contradict = (new.isn_known[a] & self.known[b] & (new.isn[a] != self.isn[b])).any(axis=1)
        if kind == RELATIVE:
            return np.full(len(a), RELATIVE_VOTES, np.int64)
        needed = np.full(len(a), RELATIVE_VOTES if kind == IDENTIFIED else 1, np.int64)
        if kind == CONTENT:
            cast = [np.bincount(side.owner, minlength=int(owners.max(initial=-1)) + 1)[owners]
                    for side, owners in zip(ballots, pairs, strict=True)]  # fmt: skip
            others = a >= new.connections
            needed[others] = ((np.minimum(*cast) + 1) // 2)[others]
        needed[contradict] = np.iinfo(np.int64).max
        return needed

    # ---- linking ----
    def _link(self, point: int, new: Grouped, pairs: tuple[Int64s, Int64s], crossed: Bools) -> None:
        groups, numbers = pairs
        self.group[numbers, point] = groups
        self.flipped[numbers, point] = crossed
        side = np.where(crossed[:, None], [1, 0], [0, 1])
        known, isn = new.isn_known[groups[:, None], side], new.isn[groups[:, None], side]
        learnt = known & ~self.known[numbers]
        self.isn[numbers] = np.where(learnt, isn, self.isn[numbers])
        self.known[numbers] |= learnt
        self._left = _without(self._left, groups)
        self._open = _without(self._open, numbers)

    def _add(self, point: int, new: Grouped) -> None:
        """What is left begins conversations of its own."""
        left = self._left
        group = np.full((len(left), self.group.shape[1]), -1, np.int32)
        group[:, point] = left
        self.group = np.concatenate([self.group, group])
        self.flipped = np.concatenate([self.flipped, np.zeros(group.shape, np.bool_)])
        self.isn = np.concatenate([self.isn, new.isn[left]])
        self.known = np.concatenate([self.known, new.isn_known[left]])
        self.ends = np.concatenate([self.ends, new.ends[left]])
        self.times = np.concatenate([self.times, new.times[left] - (self._shift or 0)])


def _likely_shift(mine: Int64s, theirs: Int64s) -> int:
    """Between clocks of which nothing is known: none when the times overlap, else the first is the first."""
    if mine.min() <= theirs.max() and theirs.min() <= mine.max():
        return 0
    return int(mine.min() - theirs.min())


def _knows(known: Bools, wanted: tuple[bool, bool]) -> Bools:
    """Of which rows exactly these initial numbers are known."""
    result: Bools = (known[:, 0] == wanted[0]) & (known[:, 1] == wanted[1])
    return result


def _are_random(isn: npt.NDArray[np.uint32], sides: tuple[bool, bool]) -> Bools:
    """Which initial numbers tell a connection: small ones are relative, or of a sender that counts from 0."""
    result: Bools = np.any(isn[:, list(sides)] > SAYS_MUCH, axis=1)
    return result


def _number_keys(
    isn: npt.NDArray[np.uint32], ends: Uint64s, sides: tuple[bool, bool], *, with_ends: bool
) -> Uint64s:
    words = [
        isn[:, side].astype(np.uint64) if sides[side] else np.zeros(len(isn), np.uint64) for side in (0, 1)
    ]
    keys = words[0] << np.uint64(32) | words[1]
    return (keys * _MIX) ^ ends if with_ends else keys


def _without(numbers: Int64s, taken: Int64s) -> Int64s:
    """`numbers` (ascending) without those taken."""
    if not len(taken):
        return numbers
    stays = np.ones(int(numbers[-1]) + 1, np.bool_)
    stays[taken] = False
    return numbers[stays[numbers]]


def _merged(parts: list[Ballots], flipped: Bools, points: list[int]) -> Ballots:
    """Ballots of several points as one, the sides as the conversations name them."""
    keys = np.concatenate([part.keys for part in parts])
    owner = np.concatenate([part.owner for part in parts])
    sender = np.concatenate(
        [part.sender ^ flipped[part.owner, p] for part, p in zip(parts, points, strict=True)]
    )
    order = np.lexsort((sender, owner, keys))
    keys, owner, sender = keys[order], owner[order], sender[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = (keys[1:] != keys[:-1]) | (owner[1:] != owner[:-1]) | (sender[1:] != sender[:-1])
    return Ballots(keys[new], owner[new], sender[new])


@kernel
def _best_of_both(a: Any, b: Any, a_size: Any, b_size: Any) -> Any:
    """Places of the pairs kept, each member once; the pairs come best first."""
    used_a, used_b = np.zeros(a_size, np.bool_), np.zeros(b_size, np.bool_)
    kept = np.empty(a.size, np.int64)
    count = 0
    for k in range(a.size):
        if not used_a[a[k]] and not used_b[b[k]]:
            used_a[a[k]] = used_b[b[k]] = True
            kept[count] = k
            count += 1
    return kept[:count]


@kernel
def nearest_in_order(few: Any, many: Any, shift: Any) -> Any:
    """int64[f]: for each time of `few` (ascending) the place in `many` that is nearest to it + shift.

    None is taken twice and the order is kept; `many` has at least as many.
    """
    picks = np.empty(few.size, np.int64)
    place = 0
    for i in range(few.size):
        nearest = abs(many[place] - few[i] - shift)
        last = many.size - (few.size - i)
        for k in range(place + 1, last + 1):  # copies are equally far: go on behind them
            distance = abs(many[k] - few[i] - shift)
            if distance > nearest:
                break
            if distance < nearest:
                nearest, place = distance, k
        picks[i] = place
        place += 1
    return picks


@kernel
def _pair_runs(a_keys: Any, a_times: Any, b_keys: Any, b_times: Any, shift: Any, only_alone: Any) -> Any:
    """int64[a]: the place in b of the same key; a's clock is `shift` ahead. `only_alone`: where both have one only."""
    partner = np.full(a_keys.size, -1, np.int64)
    i, j = 0, 0
    while i < a_keys.size and j < b_keys.size:
        if a_keys[i] < b_keys[j]:
            i += 1
        elif a_keys[i] > b_keys[j]:
            j += 1
        else:
            i_end, j_end = i + 1, j + 1
            while i_end < a_keys.size and a_keys[i_end] == a_keys[i]:
                i_end += 1
            while j_end < b_keys.size and b_keys[j_end] == b_keys[j]:
                j_end += 1
            if i_end - i == 1 and j_end - j == 1:
                partner[i] = j
            elif not only_alone and i_end - i <= j_end - j:
                picks = nearest_in_order(a_times[i:i_end], b_times[j:j_end], -shift)
                partner[i:i_end] = j + picks
            elif not only_alone:
                picks = nearest_in_order(b_times[j:j_end], a_times[i:i_end], shift)
                for k in range(picks.size):
                    partner[i + picks[k]] = j + k
            i, j = i_end, j_end
    return partner


# ---- numbers that were moved ----


def with_common_numbers(grouped: Sequence[Grouped], found: Conversations) -> list[Grouped]:
    """The groups with the sequence numbers of each conversation as the first point saw them.

    Only connections whose numbers a firewall moved are changed.
    """
    base, known = np.zeros((len(found.group), 2), np.uint32), np.zeros((len(found.group), 2), np.bool_)
    offsets = np.zeros((len(grouped), len(found.group), 2), np.uint32)
    settled = np.zeros((len(grouped), len(found.group)), np.bool_)
    for point, groups in enumerate(grouped):
        here = np.flatnonzero(found.group[:, point] >= 0)
        side = np.where(found.flipped[here, point][:, None], [1, 0], [0, 1])
        at = found.group[here, point].astype(np.int64)[:, None]
        isn, isn_known = groups.isn[at, side], groups.isn_known[at, side]
        offsets[point, here] = np.where(known[here] & isn_known, base[here] - isn, np.uint32(0))
        settled[point, here] = isn_known.all(axis=1)
        base[here] = np.where(known[here], base[here], isn)
        known[here] |= isn_known
    for number in np.flatnonzero(offsets.any(axis=(0, 2))).tolist():
        _settle(grouped, found, number, (offsets[:, number], settled[:, number]))
    return [_with(groups, found, point, offsets[point]) for point, groups in enumerate(grouped)]


def _settle(
    grouped: Sequence[Grouped], found: Conversations, number: int, of: tuple[npt.NDArray[np.uint32], Bools]
) -> None:
    """Where a point saw no handshake of a conversation, its numbers are as those it has in common with a point say.

    `of`: uint32[points, 2], how far the conversation's numbers are moved, filled in, and which of these are known.
    """
    offsets, settled = of
    seen = np.flatnonzero(found.group[number] >= 0).tolist()
    numbers = {p: _numbers(grouped[p], found, number, p) for p in seen}
    like = [p for p in seen if settled[p]]
    left = [p for p in seen if not settled[p]]
    while like and left:
        _, point, other = max((len(numbers[p] & numbers[q]), p, q) for p in left for q in like)
        offsets[point] = offsets[other]
        like.append(point)
        left.remove(point)


def _numbers(groups: Grouped, found: Conversations, number: int, point: int) -> set[tuple[int, ...]]:
    """(who sent it, sequence and acknowledgment number, length and flags) of a conversation's packets at a point."""
    group, flipped = int(found.group[number, point]), int(found.flipped[number, point])
    result: set[tuple[int, ...]] = set()
    for side in (0, 1):
        rows = groups.packets[groups.of(group, side ^ flipped)][:, [SEQ, ACK, LENGTH_FLAGS]]
        result |= {(side, *row) for row in rows.tolist()}
    return result


def _with(groups: Grouped, found: Conversations, point: int, offsets: npt.NDArray[np.uint32]) -> Grouped:
    """A point's groups with uint32[k, 2] added to the numbers of each conversation's sides."""
    here = np.flatnonzero(offsets.any(axis=1))
    if not len(here):
        return groups
    side = np.where(found.flipped[here, point][:, None], [1, 0], [0, 1])
    return _moved(groups, found.group[here, point].astype(np.int64), offsets[here], side)


def _moved(grouped: Grouped, groups: Int64s, offsets: npt.NDArray[np.uint32], sides: Int64s) -> Grouped:
    """With offsets (of each conversation's sides) added to the numbers of some groups."""
    packets = grouped.packets.copy()
    for group, offset, side in zip(groups.tolist(), offsets, sides, strict=True):
        for k in (0, 1):
            rows = grouped.of(group, int(side[k]))
            packets[rows, SEQ] += offset[k]
            acking = rows[(packets[rows, LENGTH_FLAGS] & FLAGS["A"]) > 0]
            packets[acking, ACK] += offset[1 - k]
    return replace(grouped, packets=packets)
