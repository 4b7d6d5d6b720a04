"""Options of the handshake that are there before a hop and gone behind it.

TCP ignores what it does not see: an option that only one side believes in costs throughput or a stall later, and no
counter on any host tells. The same packet at two points does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account
from lastseen.tables.points import Hop
from lastseen.tables.sources import Source

__all__ = ["HasOption", "Removed", "accounts", "removed"]

HasOption = Callable[[Track], npt.NDArray[np.bool_]]
"""bool[n]: which packets of a track carry the option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An option that a SYN had at `before` and not at `after` (point names)."""

    conversation: ConversationFacts
    hop: int
    before: str
    after: str
    source: Source


def removed(facts: Facts, has_option: HasOption) -> Iterator[Removed]:
    """Each hop of each connection in focus at which a SYN or SYN-ACK loses the option that `has_option` finds."""
    for conversation in facts.in_focus():
        for number, hop in enumerate(facts.matching.hops):
            found = _at_hop(facts, conversation, hop, has_option)
            if found is not None:
                points = facts.matching.points
                yield Removed(
                    conversation=conversation,
                    hop=number,
                    before=points[hop.upstream].name,
                    after=points[hop.downstream].name,
                    source=found,
                )


def _at_hop(facts: Facts, conversation: ConversationFacts, hop: Hop, has_option: HasOption) -> Source | None:
    """The SYN behind the hop that misses what it had before; None: none does."""
    if hop.upstream not in conversation.seen_at or hop.downstream not in conversation.seen_at:
        return None
    up = facts.tracks.of(conversation.number, hop.upstream)
    down = facts.tracks.of(conversation.number, hop.downstream)
    syns = up.only(up.flags("S") & has_option(up) & (hop.fate[up.rows] > 0))
    partners = hop.partner[syns.rows]
    bare = down.only(np.isin(down.rows, partners[partners >= 0]) & down.flags("S") & ~has_option(down))
    return bare.source() if len(bare) else None


def accounts(found: Iterator[Removed], make: Callable[[Removed, int], Account]) -> list[Account]:
    """One account a hop, with how many connections lost the option there."""
    by_hop: dict[int, list[Removed]] = {}
    for one in found:
        by_hop.setdefault(one.hop, []).append(one)
    return [make(many[0], len(many)) for many in by_hop.values()]
