"""The whole answer: verdict, judgements, symptom, points, losses, contrasts, remedies, what next."""

from dataclasses import dataclass, field

from lastseen.tables.contrasts import Contrast
from lastseen.tables.grades import Grade
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import Matching
from lastseen.tables.quotes import Quote
from lastseen.tables.related import Related
from lastseen.tables.sources import EvidenceFile, Weird
from lastseen.tables.symptoms import Symptom

__all__ = ["Diagnosis", "Exonerated", "RankedConnection", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The best judgement with its grade.

    `last_seen` and `missing_at` are point names in the direction of the lost packets. `fault` is None for
    unattributed, healthy and blind, and at grade possible unless one is left.
    """

    fault: str | None
    grade: Grade
    summary: str
    component: str | None = None
    last_seen: str | None = None
    missing_at: str | None = None
    also: tuple[str, ...] = ()
    indistinguishable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exonerated:
    """Something that was suspected and is not to blame, with the reason."""

    what: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedConnection:
    """One connection of the case and why it stands where it does. `stall` is a kind of `tables.connections`.

    `ending`: which end's FIN is not there, seen nearest the client; "" where both are, or a reset is.
    """

    connection: str
    lost_packets: int
    unproven_packets: int
    stall: str
    stall_ns: int
    conversation: int
    ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagnosis:
    """Everything `lastseen diagnose` has to say of a case."""

    verdict: Verdict
    judgements: tuple[Judgement, ...]
    symptom: Symptom | None
    matching: Matching
    contrasts: tuple[Contrast, ...]
    remedies: tuple[Remedy, ...]
    next: tuple[Step, ...]
    exonerated: tuple[Exonerated, ...] = ()
    notes: tuple[Reason, ...] = ()
    """What else is worth saying: healthy findings, how the FIN looks at the tap, clocks, counts that differ."""
    connections: tuple[RankedConnection, ...] = ()
    ranking: str = ""
    evidence: tuple[EvidenceFile, ...] = ()
    weirds: tuple[Weird, ...] = ()
    partial: bool = False
    picture_hops: tuple[int, ...] = field(default=())
    """Numbers of the hops at which the packets that matter were lost, worst first."""
    related: tuple[Related, ...] = ()
    """Connections without a packet in common of which one goes on with what the other asked."""
    quotes: tuple[Quote, ...] = ()
    """ICMP errors that quote lost packets, and those of unproven fate."""
