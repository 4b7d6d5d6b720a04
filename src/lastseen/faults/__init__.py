"""What is known: one folder a fault. A rule reads facts and returns a judgement; it opens nothing.

A fault is found by being in this folder: `faults/<slug>/rule.py` with `judge(facts)`, `SINCE`, `CONFUSED_WITH`.
"""

import functools
import pkgutil
from importlib import import_module
from typing import Protocol

from lastseen.faults.facts import Facts
from lastseen.tables.judgements import Judgement

__all__ = ["Rule", "rules"]


class Rule(Protocol):
    """What every rule module offers."""

    __doc__: str | None
    TITLE: str
    SINCE: str
    CONFUSED_WITH: dict[str, str]

    def judge(self, facts: Facts) -> Judgement:
        """What this fault says of the case."""


@functools.cache
def rules() -> dict[str, Rule]:
    """All rules by slug, in alphabetical order."""
    slugs = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {slug: import_module(f"{__name__}.{slug}.rule") for slug in slugs}
