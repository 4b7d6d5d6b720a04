"""Silences that are nobody's fault: both ends had all of each other, and the client rested or was done.

A pool of connections, a person who reads, a query every minute: the client speaks when it has something to say, or
the server closes what nobody uses (RFC 9112, 9.5). Nothing tells that somebody waited, so it must not be taken for a
stall. What separates it from waiting is that nothing is outstanding when it begins and what ends it is answered.
"""

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track

__all__ = ["rested"]

_HALF = 1 << 31
"""Sequence numbers further ahead than this are behind (RFC 9293, 3.4)."""


def rested(conversation: ConversationFacts, facts: Facts) -> bool:
    """Whether the longest silence of a connection was its client's rest between two requests, or after the last.

    The client's next data or the server's closing has to end it, and the other side to answer.
    """
    if conversation.stall != "waiting_for_request":
        return False
    track = facts.near_client(conversation)
    ended_ns = conversation.stall_from_ns + conversation.stall_ns
    before, after = (track.only(chosen) for chosen in (track.times_ns < ended_ns, track.times_ns >= ended_ns))
    if not len(after) or before.flags("F").any():  # none after: of a long track only the beginning is kept
        return False
    by_client = bool(after.from_client[0])
    speaks = after.of("payload_len")[0] > 0 if by_client else after.flags("F")[0]
    both = all(_has_all(before, client=client) for client in (True, False))
    return bool(speaks) and both and _has_all(after, client=by_client)


def _has_all(track: Track, *, client: bool) -> bool:
    """Whether the other side has acknowledged everything that one side sent; not where it sent nothing."""
    sizes = track.of("payload_len") + track.flags("S") + track.flags("F")
    ends = (track.of("tcp_seq") + sizes)[(track.from_client == client) & (sizes > 0)]
    acks = track.of("tcp_ack")[(track.from_client != client) & track.flags("A")]
    if not len(ends) or not len(acks):
        return False
    return bool(((acks[-1] - ends) % (1 << 32) < _HALF).all())
