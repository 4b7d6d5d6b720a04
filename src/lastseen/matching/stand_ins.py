"""What is missing at a point that has something else in its place: it may be the same packet, changed on the way.

Not all that passes keeps its numbers: what reads along changes payloads and every number behind them (application level
gateways, Linux nf_nat_ftp and nf_ct_seqadj), bits of ECN are cleared (RFC 3168, 18.1.1; RFC 8311), a firewall answers a
SYN itself (Linux SYNPROXY), routers cut datagrams into fragments and hosts put them together. A packet that only the
second point has is then the sign that nothing was lost, or at least that nothing proves it.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.grouping import Grouped
from lastseen.matching.pairs import NONE, Pairing
from lastseen.matching.sightings import TOO_EARLY_NS, time_of
from lastseen.tables.packets import (
    ACK,
    FLAGS,
    FLOW,
    FLOW_FIRST,
    FLOW_IS_DATAGRAM,
    FLOW_PORTS,
    FLOW_PROTO,
    ID_WINDOW,
    LENGTH_FLAGS,
    SEQ,
    Capture,
)

__all__ = ["replaced_by_others"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

_KEPT_FLAGS: Final = FLAGS["S"] | FLAGS["F"] | FLAGS["R"]
"""What a packet is for does not change on its way."""


def replaced_by_others(
    points: tuple[Capture, Capture], grouped: tuple[Grouped, Grouped], pairing: Pairing, *,
    lost: Int64s, members: Int64s, delays_ns: Int64s, offset_ns: int,
) -> Int64s:  # fmt: skip
    """Those of `lost` (int64[n, 2]: rows of up with their groups) in whose place down has a packet that up has not.

    `members` as in `PairView`; `delays_ns`: of what was delivered, clocks aligned; `offset_ns` takes that back.
    """
    up, down = grouped
    alone = np.flatnonzero(pairing.q.how == NONE)
    if not len(lost) or not len(alone):
        return np.empty(0, np.int64)
    usual_ns = offset_ns + (int(np.median(delays_ns)) if len(delays_ns) else 0)
    rows, tcp = lost[:, 0], lost[:, 1] < up.connections
    expected = up.times_ns(rows) + usual_ns
    found = tcp & _comes_then(
        _numbers(down.packets[alone]), down.times_ns(alone), _numbers(up.packets[rows]), expected
    )
    found |= _fragments_of(points, rows, expected)
    both = members[members[:, 1] >= 0]
    number = np.full(len(up), -1, np.int64)
    number[both[:, 0]] = np.arange(len(both))
    of = number[lost[:, 1]]
    left = np.flatnonzero(~found & (of >= 0))
    left = left[np.lexsort((expected[left], of[left]))]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(of[left], minlength=len(both)))])
    comparable = up.has_digests and down.has_digests
    stand_ins = _near(
        up.packets, rows[left], bounds, down.packets, down.rows, down.starts, pairing.q.how,
        both, 2 * up.connections, usual_ns, comparable,
    )  # fmt: skip
    found[left[stand_ins]] = True
    result: Int64s = rows[found]
    return result


def _comes_then(keys: Words, times: Int64s, wanted: Words, expected: Int64s) -> Bools:
    """Whether one of those with the wanted key came about when it is expected."""
    order = np.argsort(keys, kind="stable")
    keys, times = keys[order], times[order]
    bounds = (np.searchsorted(keys, wanted, side=side).tolist() for side in ("left", "right"))
    return np.array(
        [
            bool((np.abs(times[begin:end] - at) <= TOO_EARLY_NS).any())
            for begin, end, at in zip(*bounds, expected.tolist(), strict=True)
        ],
        np.bool_,
    )


def _numbers(packets: npt.NDArray[np.uint32]) -> Words:
    """uint64[n]: what the numbers of a packet and its identification make together."""
    words = packets.astype(np.uint64)
    result: Words = (words[:, SEQ] << np.uint64(32) | words[:, ACK]) * np.uint64(0x9E3779B97F4A7C15)
    result ^= words[:, LENGTH_FLAGS] << np.uint64(16) ^ words[:, ID_WINDOW] >> np.uint64(16)
    return result


def _fragments_of(points: tuple[Capture, Capture], rows: Int64s, expected: Int64s) -> Bools:
    """Which packets of the first point, whole there, the second one has fragments of: by identification and protocol.

    Identifications are not used again so soon (RFC 6864, 4.3).
    """
    up, down = points
    kinds = down.flows[:, FLOW_PROTO]
    cut = np.flatnonzero(kinds & FLOW_IS_DATAGRAM)
    keys = _datagrams(kinds[cut], down.flows[cut, FLOW_PORTS])
    first = down.times_ns()[down.flows[cut, FLOW_FIRST]]
    kind = up.flows[up.packets[rows, FLOW] >> 1, FLOW_PROTO]
    return _comes_then(keys, first, _datagrams(kind, up.packets[rows, ID_WINDOW] >> 16), expected)


def _datagrams(kinds: npt.NDArray[np.uint32], identifications: npt.NDArray[np.uint32]) -> Words:
    """uint64[n]: protocol and identification in one."""
    result: Words = (kinds & 0xFF).astype(np.uint64) << np.uint64(16) | (identifications & 0xFFFF).astype(
        np.uint64
    )
    return result


@kernel
def _may_be(one: Any, other: Any, is_tcp: Any, comparable: Any) -> Any:
    """Whether a packet may have become another one: it opens, closes, carries about as much; or begins alike.

    Addresses and names that a gateway writes into a payload are some bytes longer or shorter.
    """
    length, other_length = one[LENGTH_FLAGS] >> 8, other[LENGTH_FLAGS] >> 8
    if is_tcp:
        differ = (one[LENGTH_FLAGS] ^ other[LENGTH_FLAGS]) & _KEPT_FLAGS
        return differ == 0 and min(length, other_length) * 2 >= max(length, other_length)
    return length == other_length or (comparable and one[SEQ] == other[SEQ] and length > 0)


@kernel
def _near(
    up: Any, lost: Any, bounds: Any, down: Any, rows: Any, starts: Any, how: Any, members: Any, tcp_sides: Any,
    usual: Any, comparable: Any,
) -> Any:  # fmt: skip
    """bool[n]: for which of `lost`, those of member m at bounds[m] : bounds[m + 1] in order of time, down has another.

    That is one of the same direction and kind that came when the missing one should have come. Each stands for one.
    """
    result = np.zeros(lost.size, np.bool_)
    for m in range(members.shape[0]):
        if bounds[m] == bounds[m + 1]:
            continue
        place = 2 * members[m, 1] + members[m, 3]
        side = rows[starts[place] : starts[place + 1]]
        free = np.empty(side.size, np.bool_)
        for i in range(side.size):
            free[i] = how[side[i]] == NONE
        is_tcp, first = 2 * members[m, 0] < tcp_sides, 0
        for k in range(bounds[m], bounds[m + 1]):
            one = up[lost[k]]
            at = time_of(one) + usual
            while first < side.size and (not free[first] or time_of(down[side[first]]) < at - TOO_EARLY_NS):
                first += 1
            for i in range(first, side.size):
                other = down[side[i]]
                if time_of(other) > at + TOO_EARLY_NS:
                    break
                if free[i] and _may_be(one, other, is_tcp, comparable):
                    result[k], free[i] = True, False
                    break
    return result
