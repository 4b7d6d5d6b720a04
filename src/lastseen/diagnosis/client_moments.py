"""When a connection's first packets passed the point nearest the client: what bounds the client's own clock."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.tables.packets import FLAGS, LENGTH_FLAGS

__all__ = ["Moments", "moments_of"]


@dataclass(frozen=True, slots=True)
class Moments:
    """First moments of a connection by the first point's clock; None: not seen."""

    syn: int | None
    syn_ack: int | None
    sent: int | None
    came: int | None
    closed: int | None
    ended: int | None


def moments_of(facts: Facts, conversation: ConversationFacts) -> Moments:
    """When things were first seen at the point nearest the client."""
    matching, number = facts.matching, conversation.seen_at[-1]
    mine, from_client = facts.tracks.rows.sides(matching, conversation.number, number)
    capture = matching.points[number].capture
    times = capture.times_ns()[mine] + matching.offsets_ns[number]
    word = capture.packets[mine, LENGTH_FLAGS]
    flags, data = word & 0xFF, (word >> 8) > 0
    syn, fin, ends = ((flags & bits) > 0 for bits in (FLAGS["S"], FLAGS["F"], FLAGS["F"] | FLAGS["R"]))

    def first(chosen: npt.NDArray[np.bool_]) -> int | None:
        return int(times[chosen].min()) if chosen.any() else None

    return Moments(
        syn=first(from_client & syn),
        syn_ack=first(~from_client & syn),
        sent=first(from_client & data),
        came=first(~from_client & data),
        closed=first(from_client & ends),
        ended=first(~from_client & fin),
    )
