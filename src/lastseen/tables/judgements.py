"""What a fault says of a case, and what cures it."""

from dataclasses import dataclass

from lastseen.tables.sources import Source

__all__ = ["Judgement", "Reason", "Refuted", "Remedy", "Step", "Supported", "Untestable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One statement for or against, with the place that proves it (None: it follows from the whole)."""

    text: str
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do next, with the commands to copy."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change that mends or hides a fault. `where`: the node and, where it matters, the network namespace."""

    title: str
    where: str
    commands: tuple[str, ...]
    price: str
    risk: str
    check: str
    undo: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """Every required fact was observed. `confirmed`: an independent layer agrees as well.

    `general`: what many causes look like; it gives way to a particular fault that explains the same loss. `alike`:
    faults whose own facts are not in evidence and which would look the same.
    """

    fault: str
    confirmed: bool
    reasons: tuple[Reason, ...]
    general: bool = False
    alike: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    summary: str = ""
    component: str = ""
    hop: int | None = None
    """Number of the hop in the matching that this fault explains; None: it is at no hop."""
    remedies: tuple[Remedy, ...] = ()
    next: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuted:
    """A required fact is contradicted."""

    fault: str
    against: tuple[Reason, ...]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Untestable:
    """Something required could not be tested; `missing` says what.

    Nothing contradicts the fault so far, and `reasons` is what speaks for it; without any it is a mere possibility.
    `alike`: faults that fit all of `reasons` as well.
    """

    fault: str
    missing: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    against: tuple[Reason, ...] = ()
    component: str = ""
    hop: int | None = None
    next: tuple[Step, ...] = ()
    alike: tuple[str, ...] = ()


Judgement = Supported | Refuted | Untestable
