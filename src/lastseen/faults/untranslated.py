"""Packets that a translating hop let through as they came, and what the end made of the address it never spoke to.

NAT works on what connection tracking knows: a packet it calls invalid belongs to no entry and keeps its addresses
(Linux net/netfilter/nf_nat_core.c, nf_nat_inet_fn). Matching sees such a packet as lost with its connection and as
another connection behind the hop; here the two are put together.
"""

import numpy as np

from lastseen.faults.facts import LossSite
from lastseen.tables.endpoints import ends_at
from lastseen.tables.flow_text import address_and_port
from lastseen.tables.packets import ACK, ID_WINDOW, LENGTH_FLAGS, SEQ
from lastseen.tables.points import Point

__all__ = ["same_packet_at", "translated_ends"]


def same_packet_at(point: Point, row: int, other: Point) -> int | None:
    """Row of a TCP packet at another point where it has the very same addresses and ports; None: not there."""
    mine, theirs = point.capture.packets[row], other.capture.packets
    alike = np.ones(len(theirs), np.bool_)
    for word in (SEQ, ACK, LENGTH_FLAGS, ID_WINDOW):
        alike &= theirs[:, word] == mine[word]
    ends = ends_at(point.capture, row)
    return next((at for at in np.flatnonzero(alike).tolist() if ends_at(other.capture, at) == ends), None)


def translated_ends(site: LossSite, row: int) -> tuple[str, str] | None:
    """(before, after the hop) the end that a delivered packet of the same connection and direction changed there.

    None: nothing of it was delivered, or nothing was translated.
    """
    mine = site.upstream.group_of[site.delivered_rows] == site.upstream.group_of[row]
    for passed in site.delivered_rows[mine][:1].tolist():
        before = ends_at(site.upstream.capture, passed)
        after = ends_at(site.downstream.capture, int(site.hop.partner[passed]))
        for old, new in zip(before, after, strict=True):
            if old != new:
                return address_and_port(old), address_and_port(new)
    return None
