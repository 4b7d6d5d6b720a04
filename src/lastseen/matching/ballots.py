"""What a group's packets carry, as numbers that another point's sightings of the same packets give too.

Of each side of a group the smallest hashes are kept, not the first packets: captures that began at different times
still choose the same ones.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.grouping import Grouped
from lastseen.tables.packets import ACK, ID_WINDOW, INFO_IP_ID, LENGTH_FLAGS, MISC, SEQ

__all__ = [
    "CONTENT",
    "ENDS",
    "IDENTIFIED",
    "LIKENESS",
    "RELATIVE",
    "SAYS_MUCH",
    "Ballots",
    "ballots_of",
    "count_votes",
]

VOTERS: Final = 16
"""Packets that vote for each side of a group: more would not change a majority of 32-bit numbers."""
COMMON: Final = 4
"""A ballot that more than so many sides cast at one point tells nothing, and would cost its square."""

SAYS_MUCH: Final = 0xFFFF
"""TCP numbers up to this are not random: they are relative ones, or of a sender that counts from 0."""

CONTENT, ENDS, RELATIVE, IDENTIFIED, LIKENESS = range(5)
"""What a ballot holds. CONTENT: sequence and acknowledgment number, or payload digest and IP identification, with
length and flags; packets that say next to nothing do not vote. ENDS: these, of any packet, with the addresses and
ports. RELATIVE: TCP numbers counted from the initial ones, with IP identification, addresses and ports. IDENTIFIED: TCP
numbers as they are, however small, with IP identification. LIKENESS: length, flags and IP identification alone (TCP
without one: a small sequence number), which nothing on the way changes: too little to join groups, enough not to call
one of them gone."""

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """`keys`: uint64[n], ascending; `owner`: int64[n], who cast it; `sender`: int64[n], which side of it."""

    keys: npt.NDArray[np.uint64] = field(repr=False)
    owner: Int64s = field(repr=False)
    sender: Int64s = field(repr=False)


@kernel
def _mixed(high: Any, low: Any) -> Any:
    value = (np.uint64(high) * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(low)
    value *= np.uint64(0xD6E8FEB86659FD93)
    return value ^ (value >> np.uint64(32))


@kernel
def _ballot(row: Any, is_tcp: Any, kind: Any, ends: Any, own: Any, peer: Any) -> Any:
    """(the ballot of one packet, whether it votes); `own` and `peer` are the initial numbers of sender and receiver."""
    identification = np.int64(0)
    if (row[MISC] >> 24) & INFO_IP_ID:
        identification = np.int64(row[ID_WINDOW] >> 16)
    seq, ack = np.int64(row[SEQ]), np.int64(row[ACK])
    votes = kind == ENDS or (kind == CONTENT and is_tcp and seq > SAYS_MUCH and ack > SAYS_MUCH)
    if kind == CONTENT and not is_tcp:
        votes = seq != 0 and row[LENGTH_FLAGS] >> 8 != 0
    if kind == RELATIVE or kind == IDENTIFIED:
        votes = is_tcp and identification > 0
    if kind == LIKENESS:
        is_small = is_tcp and identification == 0 and seq <= SAYS_MUCH
        votes, seq, ack = identification > 0 or is_small, (seq if is_small else np.int64(0)), np.int64(0)
    if kind == RELATIVE:
        seq, ack = (seq - own) & 0xFFFFFFFF, (ack - peer) & 0xFFFFFFFF
    value = _mixed((seq << 32) | ack, np.int64(row[LENGTH_FLAGS]))
    if kind == RELATIVE or kind == IDENTIFIED or kind == LIKENESS or not is_tcp:
        value = _mixed(value, identification)
    if kind == ENDS or kind == RELATIVE:
        value = _mixed(value, ends)
    return value, votes


@kernel
def _cast(
    packets: Any,
    rows: Any,
    starts: Any,
    connections: Any,
    isn: Any,
    ends: Any,
    groups: Any,
    owners: Any,
    kind: Any,
) -> Any:
    """(keys, owner, sender) of the groups' ballots, unsorted: the VOTERS smallest different ones of each side."""
    room = np.int64(0)
    for group in groups:
        for side in range(2):
            room += min(VOTERS, starts[2 * group + side + 1] - starts[2 * group + side])
    keys, owner, sender = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
    count = 0
    for n in range(groups.size):
        group = groups[n]
        for side in range(2):
            begin = count
            own, peer = np.int64(isn[group, side]), np.int64(isn[group, 1 - side])
            for i in range(starts[2 * group + side], starts[2 * group + side + 1]):
                value, votes = _ballot(packets[rows[i]], group < connections, kind, ends[group], own, peer)
                if not votes or (count - begin == VOTERS and value >= keys[count - 1]):
                    continue
                place = count
                while place > begin and keys[place - 1] > value:
                    place -= 1
                if place > begin and keys[place - 1] == value:
                    continue
                if count - begin < VOTERS:
                    count += 1
                for k in range(count - 1, place, -1):
                    keys[k] = keys[k - 1]
                keys[place] = value
                owner[place], sender[place] = owners[n], side
            for k in range(begin, count):
                owner[k], sender[k] = owners[n], side
    return keys[:count], owner[:count], sender[:count]


def ballots_of(grouped: Grouped, groups: Int64s, owners: Int64s, *, kind: int) -> Ballots:
    """The ballots of some groups of a point; `owners`: int64, under which number each group votes."""
    keys, owner, sender = _cast(
        grouped.packets,
        grouped.rows,
        grouped.starts,
        grouped.connections,
        grouped.isn,
        grouped.ends,
        np.ascontiguousarray(groups),
        owners,
        kind,
    )
    order = np.argsort(keys, kind="stable")
    return Ballots(keys[order], owner[order], sender[order])


@kernel
def _meet(a_keys: Any, a_owner: Any, a_sender: Any, b_keys: Any, b_owner: Any, b_sender: Any) -> Any:
    """int64[n, 3]: owner of a, owner of b and whether the sides are crossed, for each ballot both have."""
    room = min(a_keys.size, b_keys.size) * COMMON
    met = np.empty((room, 3), np.int64)
    count, i, j = 0, 0, 0
    while i < a_keys.size and j < b_keys.size:
        if a_keys[i] < b_keys[j]:
            i += 1
        elif a_keys[i] > b_keys[j]:
            j += 1
        else:
            i_end, j_end = i, j
            while i_end < a_keys.size and a_keys[i_end] == a_keys[i]:
                i_end += 1
            while j_end < b_keys.size and b_keys[j_end] == b_keys[j]:
                j_end += 1
            if i_end - i <= COMMON and j_end - j <= COMMON:
                for m in range(i, i_end):
                    for n in range(j, j_end):
                        met[count, 0], met[count, 1] = a_owner[m], b_owner[n]
                        met[count, 2] = a_sender[m] != b_sender[n]
                        count += 1
            i, j = i_end, j_end
    return met[:count]


def count_votes(a: Ballots, b: Ballots) -> tuple[Int64s, Int64s, Int64s, npt.NDArray[np.bool_]]:
    """(owner of a, owner of b, votes, whether most of them are crossed), most votes first."""
    met = _meet(a.keys, a.owner, a.sender, b.keys, b.owner, b.sender)
    if not len(met):
        nothing = np.empty(0, np.int64)
        return nothing, nothing, nothing, np.empty(0, np.bool_)
    width = np.int64(met[:, 1].max()) + 1
    pairs, which = np.unique(met[:, 0] * width + met[:, 1], return_inverse=True)
    crossed = np.bincount(which, weights=met[:, 2], minlength=len(pairs)).astype(np.int64)
    same = np.bincount(which, minlength=len(pairs)) - crossed
    votes = np.maximum(same, crossed)
    order = np.argsort(-votes, kind="stable")
    return pairs[order] // width, pairs[order] % width, votes[order], (crossed > same)[order]
