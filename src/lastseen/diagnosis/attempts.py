"""Attempts that nobody answered and that were not repeated: no silence of theirs is measured, and yet nothing worked.

A client that sends one SYN and is closed, or whose next SYN the capture no longer has, shows no stall.
"""

from lastseen.faults.facts import Facts
from lastseen.tables.connections import STALL_NS

__all__ = ["unanswered_attempt"]


def unanswered_attempt(facts: Facts) -> str:
    """A connection of which only SYNs were seen although its answer had a second to come; "": none."""
    for conversation in facts.in_focus():
        track = facts.near_client(conversation)
        syns = track.only(track.flags("S") & ~track.flags("A"))
        if conversation.answered or not len(syns) or len(syns) < len(track):
            continue
        until_ns = max(track.point.watch.end_ns or 0, track.point.last_ns or 0)
        if until_ns - int(syns.times_ns[0]) >= STALL_NS:
            return f"{conversation.text} got no answer at all"
    return ""
