"""Attempts that nobody answered and that did not last: a client that an ICMP error tells at once keeps nobody waiting.

Nothing stands still there for as long as a stall, so that silence alone would call it healthy (RFC 1122, 4.2.3.9: soft
errors; connect(2): EHOSTUNREACH).
"""

import numpy as np

from lastseen.faults.facts import Facts
from lastseen.faults.tracks import Track
from lastseen.tables.connections import STALL_NS
from lastseen.tables.points import Point

__all__ = ["unanswered_attempt"]


def unanswered_attempt(facts: Facts) -> str:
    """A connection of which only SYNs were seen, though its answer had a second to come or an error came; "": none."""
    for conversation in facts.in_focus():
        track = facts.near_client(conversation)
        syns = track.only(track.flags("S") & ~track.flags("A"))
        if conversation.answered or not len(syns) or len(syns) < len(track):
            continue
        told = _error_about(syns, facts)
        if told is not None:
            return (
                f"{conversation.text} got an ICMP error for an answer, seen at {told.name}, and nothing else"
            )
        until_ns = max(track.point.watch.end_ns or 0, track.point.last_ns or 0)
        if until_ns - int(syns.times_ns[0]) >= STALL_NS:
            return f"{conversation.text} got no answer at all"
    return ""


def _error_about(syns: Track, facts: Facts) -> Point | None:
    """The point that saw an ICMP message quoting these ports and addresses."""
    names = ("src_port", "dst_port")
    for number, point in enumerate(facts.matching.points):
        said = facts.tracks.datagrams(number)
        about = np.ones(len(said), np.bool_)
        for name in names:
            about &= said.of(f"quoted_{name}") == syns.of(name)[0]
        if about.any():
            return point
    return None
