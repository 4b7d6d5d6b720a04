"""Which conversations pass which neighbours: the members of every hop.

A conversation goes from each point that saw it to the next one that did; what lies between took no part (a path
that splits). Beyond the last one that saw it the next point counts as a neighbour only where nobody answered, or only
a reset came back from an address that lies beyond: a firewall in between may have sent it. An answered conversation
took another path or ended there (a proxy), so nothing is claimed. ICMP errors, which nobody answers, are for whoever
sent what they quote: they pass the next point only where that end's packets do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.ballots import LIKENESS, ballots_of, count_votes
from lastseen.matching.grouping import Grouped, are_icmp_errors
from lastseen.matching.stated_filters import passes
from lastseen.tables.packets import (
    ACK,
    FLAGS,
    FLOW,
    FLOW_A,
    FLOW_B,
    FLOW_PORTS,
    FLOW_PROTO,
    LENGTH_FLAGS,
    MISC,
    NO_FLOW,
)
from lastseen.tables.points import LOST, OUTSIDE, UNPROVEN, Conversations, Point

__all__ = ["Way", "passing"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Ends = npt.NDArray[np.uint64]
"""See `_facts`."""

_SYN: Final = FLAGS["S"]
_ACK_FLAG: Final = FLAGS["A"]
_RST: Final = FLAGS["R"]

_ICMP: Final = (1, 58)
_V6: Final = 6
_MULTICAST_V6, _LINK_LOCAL_V6 = (0xFF, 8), (0xFE80 >> 6, 10)
_MULTICAST_V4, _LINK_LOCAL_V4, _BROADCAST = (0xE, 4), (0xA9FE, 16), (0xFFFFFFFF, 32)
"""(the first bits of an address, how many)."""

_NOT_SENT, _NONE, _RESETS, _ANSWERED = range(4)
"""What came back for what a conversation sent in a direction. A reset need not be of the other end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """From place `up` to place `down` of a path; `members` as in `fates.PairView`."""

    up: int
    down: int
    members: Int64s = field(repr=False)


def passing(
    points: Sequence[Point], grouped: Sequence[Grouped], table: Conversations, direction: int
) -> Iterator[Way]:
    """The ways of one direction's packets along a path whose points come in that direction."""
    for seen, numbers in _by_presence(table.group >= 0):
        places = np.flatnonzero(seen).tolist()
        for up, down in pairwise(places):
            yield Way(up=up, down=down, members=_members(table, numbers, (up, down), direction))
        if places and places[-1] + 1 < len(points):
            way = _beyond(points, grouped, table, (numbers, places[-1], direction))
            if len(way.members):
                yield way


def _beyond(
    points: Sequence[Point], grouped: Sequence[Grouped], table: Conversations, of: tuple[Int64s, int, int]
) -> Way:
    """From the last place that saw some conversations to the next; `of`: their numbers, that place, the direction."""
    numbers, last, direction = of
    pair = points[last], points[last + 1]
    answers = _answers(grouped, table, numbers, direction)
    refused, open_ended = answers == _RESETS, np.isin(answers, (_NONE, _RESETS))
    members = _members(table, numbers[open_ended], (last, last + 1), direction)
    doubtful = refused[open_ended] | _are_errors(pair[0], grouped[last], members)
    if doubtful.any():
        both = np.flatnonzero((table.group[:, last : last + 2] >= 0).all(axis=1))
        shared = _members(table, both, (last, last + 1), direction)
        members = members[~doubtful | _leads_to(*pair, members, shared)]
    members = members[~_stays_on_link(pair[0], members)]
    if len(members):
        passed = table.group[numbers[answers == _ANSWERED], last].astype(np.int64)
        fate = _unless_filtered(*pair, members[:, 0], passed)
        seen = table.group[:, last : last + 2]
        alone = seen[(seen[:, 0] < 0) & (seen[:, 1] >= 0), 1].astype(np.int64)
        unsure = _not_comparable(pair, grouped[last], members[:, 0], alone)
        unsure |= _look_alike(grouped[last : last + 2], members[:, 0], alone)
        members[:, 4] = np.where(unsure & (fate == LOST), UNPROVEN, fate)
    return Way(up=last, down=last + 1, members=members)


def _are_errors(up: Point, grouped: Grouped, members: Int64s) -> Bools:
    """Which members' first packets are ICMP errors."""
    first = grouped.rows[grouped.starts[2 * members[:, 0] + members[:, 2]]]
    protocol = up.capture.flows[up.flows_of_groups()[members[:, 0]], FLOW_PROTO] & 0xFF
    return are_icmp_errors(grouped.packets[first], protocol)


def _by_presence(seen_at: Bools) -> Iterator[tuple[Bools, Int64s]]:
    """(where they were seen, numbers of the conversations seen exactly there)."""
    code = np.zeros(len(seen_at), np.int64)
    for column in seen_at.T:
        _, code = np.unique(2 * code + column, return_inverse=True)
    order = np.argsort(code, kind="stable")
    bounds = np.flatnonzero(np.diff(code[order])) + 1
    for numbers in np.split(order, bounds):
        if len(numbers):
            yield seen_at[numbers[0]], numbers


def _members(table: Conversations, numbers: Int64s, way: tuple[int, int], direction: int) -> Int64s:
    members = np.full((len(numbers), 5), LOST, np.int64)
    for column, place in enumerate(way):
        members[:, column] = table.group[numbers, place]
        members[:, 2 + column] = direction ^ table.flipped[numbers, place]
    return members


def _answers(grouped: Sequence[Grouped], table: Conversations, numbers: Int64s, direction: int) -> Int64s:
    """int64[n], see `_NONE`: what any point saw come back for what these conversations sent in a direction."""
    heard, sent, spoke = (np.zeros(len(numbers), np.bool_) for _ in range(3))
    for place, groups in enumerate(grouped):
        here = np.flatnonzero(table.group[numbers, place] >= 0)
        at = 2 * table.group[numbers[here], place].astype(np.int64)
        side = direction ^ table.flipped[numbers[here], place].astype(np.int64)
        size = np.diff(groups.starts)
        sent[here] |= size[at + side] > 0
        heard[here] |= size[at + 1 - side] > 0
        spoke[here] |= _speaks(groups.packets, groups.rows, groups.starts, at + 1 - side)
        spoke[here] |= _shows_answers(
            groups.packets, groups.rows, groups.starts, at + side, 2 * groups.connections
        )
    return np.where(sent, np.where(spoke, _ANSWERED, np.where(heard, _RESETS, _NONE)), _NOT_SENT)


@kernel
def _speaks(packets: Any, rows: Any, starts: Any, sides: Any) -> Any:
    """bool[n]: whether a side sent anything but resets."""
    result = np.zeros(sides.size, np.bool_)
    for k in range(sides.size):
        for i in range(starts[sides[k]], starts[sides[k] + 1]):
            if not packets[rows[i], LENGTH_FLAGS] & _RST:
                result[k] = True
                break
    return result


def _leads_to(up: Point, down: Point, members: Int64s, shared: Int64s) -> Bools:
    """Whether the address that members of a hop send to lies at down or beyond.

    It is known there, or what others send to it (`shared`: members that both points saw) was seen there, under whatever
    address. So it is where down saw nothing at all and its place on their path is given.
    """
    if not down.group_count and down.given_order is not None:
        return np.ones(len(members), np.bool_)
    known = _facts(down, np.arange(down.group_count))[:, 3:]
    result: Bools = np.isin(_receivers(up, members), np.append(known, _receivers(up, shared)))
    return result


def _receivers(up: Point, members: Int64s) -> npt.NDArray[np.uint64]:
    """uint64[n]: the addresses (folded) that members send to, as up shows them."""
    ends = _facts(up, members[:, 0])[:, 3:]
    sender = members[:, 2] ^ up.originators_of_groups()[members[:, 0]]
    result: npt.NDArray[np.uint64] = ends[np.arange(len(members)), 1 - sender]
    return result


def _stays_on_link(up: Point, members: Int64s) -> Bools:
    """Whether what the members send is for the link only, and no router passes it on.

    Multicast, broadcast and link-local ends (RFC 4291, 2.5.6 and 2.7; RFC 3927; RFC 1112).
    """
    words = up.capture.flows[up.flows_of_groups()[members[:, 0]]]
    is_v6 = words[:, FLOW_PROTO] >> 8 & 0xF == _V6
    result = np.zeros(len(members), np.bool_)
    for end in (FLOW_A, FLOW_B):
        high, low = words[:, end], words[:, end + 3]
        result |= np.where(
            is_v6,
            _begins(high, _MULTICAST_V6) | _begins(high, _LINK_LOCAL_V6),
            _begins(low, _MULTICAST_V4) | _begins(low, _LINK_LOCAL_V4) | _begins(low, _BROADCAST),
        )
    return result


def _begins(words: npt.NDArray[np.uint32], prefix: tuple[int, int]) -> Bools:
    bits, length = prefix
    result: Bools = words >> np.uint32(32 - length) == bits
    return result


@kernel
def _shows_answers(packets: Any, rows: Any, starts: Any, sides: Any, tcp_sides: Any) -> Any:
    """bool[n]: whether what a side of a TCP connection sent shows that it heard the other one, if not here.

    That is acknowledgments after a SYN or SYN-ACK, or acknowledgments that grow. A SYN-ACK alone is no sign: it heard
    the SYN, on whatever way that came, and waits for an answer itself.
    """
    result = np.zeros(sides.size, np.bool_)
    for k in range(sides.size):
        if sides[k] >= tcp_sides:
            continue
        opened, acked, first = False, False, np.int64(0)
        for i in range(starts[sides[k]], starts[sides[k] + 1]):
            row = packets[rows[i]]
            flags, ack = row[LENGTH_FLAGS], np.int64(row[ACK])
            if flags & _SYN:
                opened = True
            elif flags & _ACK_FLAG and not flags & _RST:
                if opened or (acked and ack != first):
                    result[k] = True
                    break
                acked, first = True, ack
    return result


def _look_alike(pair: Sequence[Grouped], groups: Int64s, alone: Int64s) -> Bools:
    """Which groups of the first point may be one of those that the second has `alone`, its numbers changed on the way.

    They have the same ends, or a packet of the same identification, length and flags.
    """
    up, down = pair
    ours = ballots_of(up, groups, np.arange(len(groups)), kind=LIKENESS)
    theirs = ballots_of(down, alone, np.arange(len(alone)), kind=LIKENESS)
    alike, *_ = count_votes(ours, theirs)
    result = np.isin(up.ends[groups], down.ends[alone])
    result[alike] = True
    return result


def _not_comparable(pair: tuple[Point, Point], up: Grouped, groups: Int64s, alone: Int64s) -> Bools:
    """Which groups of the first point may be at the second one unrecognised.

    A listing prints no payload to know a datagram by, and numbers relative to one that NAT may have made another.
    Where the snap length cut payloads, datagrams whose addresses were rewritten are not known again, nor are ICMP
    errors whose quoted packets were rewritten otherwise: they may be what the second point has of their protocol that
    the first has not (`alone`).
    """
    told = [point.capture.listed for point in pair if point.capture.listed is not None]
    is_relative = any(listed.is_relative for listed in told)
    others = groups >= up.connections
    result: Bools = others & bool(told) | is_relative
    if others.any():
        protocol = _facts(pair[0], groups)[:, 0]
        only_down = np.isin(protocol, _facts(pair[1], alone)[:, 0])
        result |= others & only_down & (np.isin(protocol, _ICMP) | (not up.has_digests))
    return result


def _unless_filtered(up: Point, down: Point, groups: Int64s, passed: Int64s) -> Int64s:
    """int64[n]: what it means of groups of up that down has none of them, as far as its filter shows.

    OUTSIDE where down says that it leaves them out. What it seems to leave out, as all it has is of one protocol, or
    has a port or a host in common that up knows, too, is LOST or filtered: a filter, and OUTSIDE, where others that
    `passed` (they were answered) are missing for the same reason; else UNPROVEN. Where down shows what is no IP packet
    (ARP, which tcpdump's "host" takes, too), no protocol and no port was asked for.
    """
    shown, known = (_facts(p, np.arange(p.group_count)) for p in (down, up))
    mine, others = _facts(up, groups), _facts(up, passed)
    result = np.full(len(groups), LOST, np.int64)
    if len(shown) and down.packets:
        first = _HOSTS if _shows_no_ip(down) else 0
        left_out = (list(_left_out(shown, known, each))[first:] for each in (mine, others))
        for missing, answered in zip(*left_out, strict=True):
            fate = OUTSIDE if answered.any() else UNPROVEN
            result[missing] = np.maximum(result[missing], fate)
    result[_stated(down, mine)] = OUTSIDE
    return result


def _left_out(shown: Ends, known: Ends, mine: Ends) -> Iterator[Bools]:
    """Which of `mine` lack what all that is `shown` has in common: the protocol, a port, a host."""
    yield (mine[:, 0] != shown[0, 0]) & (shown[:, 0] == shown[0, 0]).all()
    for ends in (slice(1, 3), slice(3, 5)):
        common = [end for end in shown[0, ends] if end and (shown[:, ends] == end).any(axis=1).all()]
        usable = np.full(len(mine), np.isin(known[:, ends], common).any())
        yield usable & ~np.isin(mine[:, ends], common).any(axis=1)


_HOSTS: Final = 2
"""Number of the first of `_left_out` that is not about protocol or port."""


def _shows_no_ip(point: Point) -> bool:
    """Whether the capture has whole packets that are not IP."""
    packets = point.capture.packets
    return bool(((packets[:, FLOW] == NO_FLOW) & (packets[:, MISC] == 0)).any())


def _stated(down: Point, facts: Ends) -> Bools:
    """Whether the filter that down says it has leaves them out."""
    plain = passes(down.filter)
    if plain is None:
        return np.zeros(len(facts), np.bool_)
    return np.array([plain.excludes(p, (a, b)) for p, a, b in facts[:, :3].tolist()], np.bool_)


def _facts(point: Point, groups: Int64s) -> Ends:
    """uint64[n, 5]: protocol, both ports, both addresses (folded) of groups."""
    words = point.capture.flows[point.flows_of_groups()[groups]].astype(np.uint64)
    facts = np.empty((len(words), 5), np.uint64)
    facts[:, 0] = words[:, FLOW_PROTO] & np.uint64(0xFF)
    facts[:, 1], facts[:, 2] = words[:, FLOW_PORTS] >> np.uint64(16), words[:, FLOW_PORTS] & np.uint64(0xFFFF)
    for column, end in ((3, FLOW_A), (4, FLOW_B)):
        facts[:, column] = (
            words[:, end] << np.uint64(32)
            ^ words[:, end + 1] << np.uint64(20)
            ^ words[:, end + 2] << np.uint64(8)
        ) ^ words[:, end + 3]
    return facts
