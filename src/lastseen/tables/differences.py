"""What differs between two runs: before and after a fix, a good client and a bad one."""

from dataclasses import dataclass

from lastseen.tables.diagnosis import Verdict
from lastseen.tables.sources import Source

__all__ = ["Changed", "Difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One thing that is not the same in both runs. `first`, `second`: what it was; "" where it was not there.

    `kind`: "setting", "version", "loss" (packets lost between two points), "wait" or "point". `node` "" where it has
    none or is the unnamed one. `source`: where the second run (else the first) says it.
    """

    kind: str
    name: str
    first: str
    second: str
    node: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Both verdicts, what became of the faults, and what else changed.

    `gone`: faults supported in the first run that the second refutes, or in whose place it is healthy; `remaining`:
    supported in both; `appeared`: only in the second; `untold`: supported in the first, while the second's evidence
    cannot tell.
    """

    first: Verdict
    second: Verdict
    gone: tuple[str, ...]
    remaining: tuple[str, ...]
    appeared: tuple[str, ...]
    untold: tuple[str, ...]
    changed: tuple[Changed, ...]
