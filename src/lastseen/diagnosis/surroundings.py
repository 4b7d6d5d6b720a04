"""What came before each packet of a connection at a point: silence of the other end, age, bytes sent."""

import numpy as np
import numpy.typing as npt

from lastseen.contrasts.surroundings import BEFORE, UNKNOWN
from lastseen.tables.packets import FLOW, SEQ
from lastseen.tables.points import Point

__all__ = ["before"]

Int64s = npt.NDArray[np.int64]
_MS = 1_000_000
_HALF, _WHOLE = 1 << 31, 1 << 32


def before(point: Point, rows: Int64s) -> Int64s:
    """int64[k, 3]: the columns BEFORE of some packets of connections and flows (rows of the capture)."""
    every = np.flatnonzero(np.isin(point.group_of, np.unique(point.group_of[rows])))
    place = np.searchsorted(every, rows)
    times = point.capture.times_ns()[every]
    order = np.lexsort((times, point.group_of[every]))
    every, times = every[order], times[order]
    group = point.group_of[every]
    first = np.searchsorted(group, group)
    side = (point.capture.packets[every, FLOW] & 1).astype(np.int64)
    sent = np.where(group < len(point.connections), _sent(point, every, side, first), UNKNOWN)
    found = np.empty((len(every), len(BEFORE)), np.int64)
    found[order] = np.stack([_silences(times, side, first), (times - times[first]) // _MS, sent], axis=1)
    return found[place]


def _silences(times: Int64s, side: Int64s, first: Int64s) -> Int64s:
    """ms since the last packet of the other side; UNKNOWN before there is one. `first`: where its connection begins."""
    place = np.arange(len(times))
    last = [np.maximum.accumulate(np.where(side == one, place, -1)) for one in (0, 1)]
    other = np.where(side == 0, last[1], last[0])
    silence: Int64s = np.where(other >= first, (times - times[other]) // _MS, UNKNOWN)
    return silence


def _sent(point: Point, every: Int64s, side: Int64s, first: Int64s) -> Int64s:
    """Bytes the sender had sent before: its sequence number less that of its first packet, modulo 2^32 (RFC 9293)."""
    number = point.capture.packets[every, SEQ].astype(np.int64)
    place = np.arange(len(every))
    begin = np.full((2, len(every)), len(every), np.int64)
    for one in (0, 1):
        mine = place[side == one]
        np.minimum.at(begin[one], first[mine], mine)
    base = number[begin[side, first]]
    ahead: Int64s = (number - base) % _WHOLE
    return np.where(ahead < _HALF, ahead, 0)
