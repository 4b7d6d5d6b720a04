"""A verdict against what was right to say: the outcome of one run, and the three marks public benchmarks give.

Detection, localisation and root cause are those of NIKA (arXiv 2512.16381): whether anything is wrong, where, and what.
As there, a run in which nothing is wrong has the empty set for place and cause, so that accusing nobody is right.
"""

from dataclasses import dataclass
from typing import Final, Literal

from lastseen.lab.campaign.asking import Answer
from lastseen.lab.campaign.expecting import Expected

__all__ = ["FAILED", "Outcome", "Score", "score"]

Outcome = Literal["right", "located", "silent", "mislocated", "missed", "wrong", "accused", "failed"]
"""right: what was expected. located: 'unattributed' at the right hop, where a cause could be named. silent: no fault
named and no place, health not claimed. mislocated: 'unattributed' at a wrong hop. missed: 'healthy', though a fault is
there. wrong: another fault named first. accused: a fault named where nothing is wrong. failed: the run did not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One run's outcome. Marks are None where there is nothing to be found: a fault without a hop has no place."""

    outcome: Outcome
    detected: bool
    located: bool | None
    explained: bool | None
    wrongly_confirmed: bool = False
    both_named: bool | None = None
    """Of two faults; None where there are not two."""


FAILED: Final = Score(outcome="failed", detected=False, located=False, explained=False)
"""Of a run that did not end: it is counted, never dropped."""


def score(answer: Answer, right: Expected) -> Score:
    """The marks of this answer."""
    if right.healthy:
        return _of_healthy(answer, right)
    outcome = _of_faulty(answer, right)
    return Score(
        outcome=outcome,
        detected=answer.grade not in ("healthy", "blind"),
        located=answer.hop in right.hops if right.hops else None,
        explained=answer.fault in right.faults if right.causes else None,
        wrongly_confirmed=outcome == "wrong" and answer.grade == "confirmed",
        both_named=_both(answer, right) if right.causes > 1 else None,
    )


def _of_healthy(answer: Answer, right: Expected) -> Score:
    true = answer.fault is None or answer.fault in right.faults
    quiet = true and answer.hop == (None, None)
    outcome: Outcome = "right"
    if not true:
        outcome = "accused"
    elif answer.fault is None and answer.grade != "healthy":
        outcome = "silent" if quiet else "mislocated"
    return Score(
        outcome=outcome,
        detected=quiet,
        located=quiet,
        explained=true,
        wrongly_confirmed=not true and answer.grade == "confirmed",
    )


def _of_faulty(answer: Answer, right: Expected) -> Outcome:
    if answer.fault:
        if answer.fault not in right.faults:
            return "wrong"
        return (
            "mislocated"
            if right.hops and None not in answer.hop and answer.hop not in right.hops
            else "right"
        )
    if right.unseen and answer.hop == (None, None):
        return "right"
    if answer.grade == "healthy":
        return "missed"
    if answer.hop == (None, None):
        return "silent"
    if answer.hop in right.hops or (not right.hops and None in answer.hop):
        return "right" if None in right.faults else "located"
    return "mislocated"


def _both(answer: Answer, right: Expected) -> bool:
    """Whether two of the faults were named, whichever came first."""
    return len({answer.fault, *answer.also} & set(right.faults)) > 1
