"""Options of the handshake that are there before a hop and gone behind it.

TCP ignores what it does not see: an option that only one side believes in costs throughput or a stall later, and no
counter on any host tells. The same packet at two points does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Observed, Unknown, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.points import Hop
from lastseen.tables.sources import Source

__all__ = ["PASS_OPTIONS", "HasOption", "judge_removal"]

HasOption = Callable[[Track], npt.NDArray[np.bool_]]
"""bool[n]: which packets of a track carry the option."""


def judge_removal(
    slug: str, facts: Facts, has_option: HasOption, *, name: str, harm: str, remedies: tuple[Remedy, ...]
) -> Judgement:
    """Supported where a SYN or SYN-ACK carries the option at one point and not at the next.

    `name`: the option in words; `harm`: what follows where it is missing.
    """
    accounts = [_account(found, name, harm, remedies) for found in _by_hop(_removed(facts, has_option))]
    return weigh(slug, accounts, otherwise=_otherwise(slug, facts, name))


def _account(found: list["_Removed"], name: str, harm: str, remedies: tuple[Remedy, ...]) -> Account:
    """Of what was removed at one hop."""
    one = found[0]
    many = f"{len(found)} connections" if len(found) > 1 else one.conversation.text
    text = f"a SYN of {many} has the {name} option at {one.before} and not at {one.after}"
    return Account(
        required=(Observed(reason=Reason(text=text, source=one.source)),),
        agreeing=(Unknown(missing="the configuration of the device between the two points"),),
        summary=f"the {name} option of {many} is removed between {one.before} and {one.after}: {harm}",
        component=f"a device between {one.before} and {one.after} that rewrites TCP options",
        hop=one.hop,
        remedies=remedies,
        next=_NEXT,
    )


def _otherwise(slug: str, facts: Facts, name: str) -> Judgement:
    if any(len(c.seen_at) > 1 for c in facts.in_focus()):
        text = f"no SYN lost its {name} option between the points"
        return Refuted(fault=slug, against=(Reason(text=text),))
    return Untestable(fault=slug, missing=("the handshake at two points of the path",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Removed:
    """An option that a SYN had at `before` and not at `after` (point names)."""

    conversation: ConversationFacts
    hop: int
    before: str
    after: str
    source: Source


def _removed(facts: Facts, has_option: HasOption) -> Iterator[_Removed]:
    """Each hop of each connection in focus at which a SYN or SYN-ACK loses the option that `has_option` finds."""
    for conversation in facts.in_focus():
        for number, hop in enumerate(facts.matching.hops):
            found = _at_hop(facts, conversation, hop, has_option)
            if found is not None:
                points = facts.matching.points
                yield _Removed(
                    conversation=conversation,
                    hop=number,
                    before=points[hop.upstream].name,
                    after=points[hop.downstream].name,
                    source=found,
                )


def _at_hop(facts: Facts, conversation: ConversationFacts, hop: Hop, has_option: HasOption) -> Source | None:
    """The SYN behind the hop that misses what it had before; None: none does, or its options may be cut off."""
    if hop.upstream not in conversation.seen_at or hop.downstream not in conversation.seen_at:
        return None
    up = facts.tracks.of(conversation.number, hop.upstream)
    down = facts.tracks.of(conversation.number, hop.downstream)
    syns = up.only(up.flags("S") & has_option(up) & (hop.fate[up.rows] > 0))
    partners = hop.partner[syns.rows]
    lengths = down.point.capture.lengths[down.rows]
    whole = lengths[:, 0] >= lengths[:, 1]
    bare = down.only(
        np.isin(down.rows, partners[partners >= 0]) & down.flags("S") & whole & ~has_option(down)
    )
    return bare.source() if len(bare) else None


def _by_hop(found: Iterator[_Removed]) -> list[list[_Removed]]:
    """What was removed, by the hop it happened at."""
    hops: dict[int, list[_Removed]] = {}
    for one in found:
        hops.setdefault(one.hop, []).append(one)
    return list(hops.values())


PASS_OPTIONS: Final = Remedy(
    title="Let the device pass TCP options",
    where="the device between the two points: its TCP normalisation or options filter",
    commands=(),
    price="a change of its configuration",
    risk="low",
    check="the SYN carries the option at both points",
    undo=("the former configuration of the device",),
)
_NEXT: Final = (
    Step(
        text="Capture the handshakes on both sides of each device of the path.",
        commands=("tcpdump -ni DEVICE -vv 'tcp[tcpflags] & tcp-syn != 0'",),
    ),
)
