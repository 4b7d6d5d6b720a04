"""The rule that refused an attempt, or ignored it: read as text it takes those packets, and it was hit as often.

Beside `firewall_deny`, whose own this is, other faults ask whether a rule in evidence explains what they see.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lastseen.faults.counting import LAYERS, agrees, moved_text
from lastseen.faults.facts import Facts
from lastseen.faults.refusals import Refusal
from lastseen.faults.rule_match import NO, YES, Passage, takes
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Fact, Observed, Unknown
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Reason

__all__ = ["rejecting_rule", "taking_rule"]


def rejecting_rule(refusal: Refusal, others: list[Refusal], facts: Facts) -> Fact:
    """A rule that rejects, and was hit as often as attempts that it takes were refused. `others`: all refusals."""

    def rejects(rule: Rule) -> bool:
        return rule.drops and "reject" in f"{rule.match} {rule.actions}".lower()

    return taking_rule(refusal.refused, [r.refused for r in others], facts, wanted=rejects)


def taking_rule(
    mine: Track, all_of_them: list[Track], facts: Facts, *, wanted: Callable[[Rule], bool]
) -> Fact:
    """A rule of the wanted kind that takes each of `mine` and was hit: as often as it takes any of them all.

    Where its text leaves nothing open, that it was hit is enough.
    """
    for layer in LAYERS:
        for rule, delta in facts.rule_deltas(None, layer):
            if not wanted(rule) or not len(mine):
                continue
            answers = _taken(rule, mine)
            if (answers == NO).any():
                continue
            count = sum(int((_taken(rule, track) > NO).sum()) for track in all_of_them)
            if agrees(delta.value, count) or (delta.value > 0 and (answers == YES).all()):
                text = moved_text(f"the rule '{rule.place}: {rule.match} {rule.actions}'", delta, count)
                return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(
        missing="the rules of the host that refuses, with their hits, before and after (nft list ruleset)"
    )


def _taken(rule: Rule, packets: Track) -> npt.NDArray[np.int8]:
    point = packets.point
    return takes(rule, packets.details, Passage(enters=point.interface if point.node == rule.node else ""))
