"""From single facts to a judgement: the one place where required, agreeing and refuting facts are weighed.

A rule states its facts, each with its proof, in one `Account` for every place the fault may have happened at (a hop,
a connection, a host); what follows from them is the same for all faults and stands here. A fact that is
contradicted is never outvoted, a fact that is not known is never assumed, and "confirmed" needs a layer other than
the captures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Supported, Untestable

__all__ = [
    "Account",
    "Contradicted",
    "Fact",
    "Observed",
    "Unknown",
    "first_known",
    "first_observed",
    "holds",
    "observed_reasons",
    "weigh",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The evidence shows that it is so."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradicted:
    """The evidence shows that it is not so."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The evidence does not tell; `missing` is what would, in the user's words."""

    missing: str


Fact = Observed | Contradicted | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How the fault would have happened at one place of this case.

    `required`: all must be observed. `agreeing`: facts of layers other than the captures (log, counter, rule, setting,
    system call); one observed makes it confirmed. `refuting`: facts that contradict when observed.
    `context`: what bears on it without deciding. `telling`: what was observed so far points to this fault
    more than to others, so it is worth naming before it is proven. `alike`: faults it points to as much.
    """

    required: tuple[Fact, ...]
    agreeing: tuple[Fact, ...] = ()
    refuting: tuple[Fact, ...] = ()
    context: tuple[Reason, ...] = ()
    telling: bool = False
    general: bool = False
    summary: str = ""
    component: str = ""
    hop: int | None = None
    alike: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    next: tuple[Step, ...] = ()


def holds(condition: object, reason: Reason) -> Observed | Contradicted:
    """A fact of which the evidence tells either way; `reason` has to say which."""
    return Observed(reason=reason) if condition else Contradicted(reason=reason)


def first_observed(facts: Sequence[Fact]) -> Fact:
    """The first of several layers that says so; where none does, the first, which names what is missing."""
    return next((fact for fact in facts if isinstance(fact, Observed)), facts[0])


def first_known(facts: Sequence[Fact]) -> Fact:
    """The first of several layers that says anything, for or against; where none does, the first."""
    return next((fact for fact in facts if not isinstance(fact, Unknown)), facts[0])


def observed_reasons(facts: Iterable[Fact]) -> tuple[Reason, ...]:
    """The proofs of those facts that are observed."""
    return tuple(fact.reason for fact in facts if isinstance(fact, Observed))


def weigh(slug: str, accounts: Iterable[Account], *, otherwise: Judgement) -> Judgement:
    """The strongest judgement of all accounts; `otherwise` where the case has no place for the fault at all."""
    judged = [_judge(slug, account) for account in accounts]
    return min(judged, key=_strength) if judged else otherwise


def _strength(judgement: Judgement) -> int:
    """Smaller is stronger; the first of equals is taken, so the worst place comes first."""
    match judgement:
        case Supported(confirmed=confirmed):
            return 0 if confirmed else 1
        case Untestable(reasons=reasons):
            return 2 if reasons else 3
        case Refuted():  # pragma: no branch - the sum is closed
            return 4


def _judge(slug: str, account: Account) -> Judgement:
    required = observed_reasons(account.required)
    agreeing = observed_reasons(account.agreeing)
    reasons = tuple(
        dict.fromkeys((*required, *agreeing))
    )  # a text that is required may be what agrees as well
    against = [
        *(fact.reason for fact in account.required if isinstance(fact, Contradicted)),
        *observed_reasons(account.refuting),
    ]
    if against:
        return Refuted(fault=slug, against=tuple(against), reasons=reasons)
    missing = _missing(account.required)
    if missing:
        return Untestable(
            fault=slug,
            missing=missing,
            reasons=reasons if account.telling else (),
            component=account.component,
            hop=account.hop,
            next=account.next,
            alike=account.alike,
        )
    return Supported(
        fault=slug,
        confirmed=bool(agreeing),
        general=account.general,
        reasons=(*reasons, *account.context),
        missing=_missing(account.agreeing),
        summary=account.summary,
        component=account.component,
        hop=account.hop,
        remedies=account.remedies,
        next=account.next,
    )


def _missing(facts: Iterable[Fact]) -> tuple[str, ...]:
    return tuple(fact.missing for fact in facts if isinstance(fact, Unknown))
