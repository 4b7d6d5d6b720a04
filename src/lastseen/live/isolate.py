"""The experiment the case study did by hand: change one thing after the other and see which combination fails.

Each run is slow, failed or fast. The smallest combination that explains the bad runs is a conjunction of levels
("client php and origin vm"); chance failures stand everywhere alike, so a conjunction must be bad clearly more often
than what lies outside it (Fisher's exact test over runs, corrected for how many conjunctions were tried) and no part of
it may explain as much. Where the combinations are many, those that differ from a bad one in one factor only are enough
to find what matters (Zeller and Hildebrandt 2002, minimising one difference at a time); pairs are covered first.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lastseen.contrasts.fisher import log_probability
from lastseen.errors import LastseenError

__all__ = ["Answer", "Cell", "Factors", "Outcome", "conclude", "experiment", "filled", "parsed_factors"]

Outcome = Literal["fast", "slow", "failed"]
Factors = Mapping[str, tuple[str, ...]]
Combination = tuple[str, ...]
"""One level for each factor, in the factors' order."""

MOST_WHOLE: Final = 64
"""Combinations that are all run; more are reduced."""
LIKELY_CHANCE: Final = 0.01
"""Probability, after correction, below which a conjunction is no chance."""
OFTEN: Final = 0.5
"""A combination that fails less often than this is flaky, not the one."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,31})\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The runs of one combination."""

    combination: Combination
    outcomes: tuple[Outcome, ...]

    def count(self, kind: Outcome) -> int:
        """How many ended so."""
        return self.outcomes.count(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the runs say. `levels`: the smallest combination that is bad (factor, level), () for none.

    `kind`: how it is bad. `bad` of `runs` inside it and outside; `p_value` after correction; `background`: bad runs of
    either kind outside it, as a ratio. `next_factor`: what was not told apart, or is worth trying next.
    """

    kind: Outcome
    levels: tuple[tuple[str, str], ...]
    inside: tuple[int, int]
    outside: tuple[int, int]
    p_value: float
    background: float
    text: str
    next_factor: str


def parsed_factors(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """NAME=LEVEL,LEVEL,... for each word. Raises LastseenError for anything else."""
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, equals, levels = word.partition("=")
        values = tuple(dict.fromkeys(levels.split(",")))
        if not equals or not _NAME.fullmatch(name) or "" in values or name in found:
            raise LastseenError(f"--factor {word}: expected NAME=LEVEL,LEVEL, each name and level once")
        found[name] = values
    if not any(len(values) > 1 for values in found.values()):
        raise LastseenError(
            "nothing to compare: give at least one --factor with two levels, as client=php,curl"
        )
    return found


def filled(template: Sequence[str], factors: Factors, combination: Combination) -> list[str]:
    """The command of a combination: {NAME} replaced in each argument, never read by a shell."""
    levels = dict(zip(factors, combination, strict=True))
    unknown = {name for word in template for name in _PLACE.findall(word)} - set(levels)
    if unknown:
        raise LastseenError(f"{{{min(unknown)}}}: no such factor; there are {', '.join(factors)}")
    return [_PLACE.sub(lambda found: levels[found[1]], word) for word in template]


def experiment(
    factors: Factors, run: Callable[[Combination], Outcome | None], *, repeats: int
) -> tuple[list[Cell], bool]:
    """Run the combinations, each `repeats` times, and again as often where runs disagree; whether the plan was reduced.

    One round after the other, so that a change of the weather meets all combinations alike. A run without an outcome
    is none; what was not run at all has no cell.
    """
    whole = list(itertools.product(*factors.values()))
    reduced = len(whole) > MOST_WHOLE
    chosen = _pairs_covered(factors) if reduced else whole
    results = _rounds(chosen, run, repeats)
    if reduced:
        for base in _bad_bases(results):
            near = [c for c in _neighbours(factors, base) if c not in results]
            results |= _rounds(near, run, repeats)
    again = [c for c, outcomes in results.items() if len(set(outcomes)) > 1]
    for combination, more in _rounds(again, run, repeats).items():
        results[combination] += more
    return [Cell(combination=c, outcomes=tuple(o)) for c, o in results.items()], reduced


def _rounds(
    combinations: Sequence[Combination], run: Callable[[Combination], Outcome | None], repeats: int
) -> dict[Combination, list[Outcome]]:
    results: dict[Combination, list[Outcome]] = {combination: [] for combination in combinations}
    for _ in range(repeats):
        for combination, outcomes in results.items():
            if outcome := run(combination):
                outcomes.append(outcome)
    return {combination: outcomes for combination, outcomes in results.items() if outcomes}


def _pairs_covered(factors: Factors) -> list[Combination]:
    """Combinations that hold every pair of levels of two factors, chosen greedily."""
    names = list(factors)
    left = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(range(len(names)), 2)
        for x in factors[names[a]]
        for y in factors[names[b]]
    }
    chosen: list[Combination] = []
    while left:
        (a, x), (b, y) = min(left)
        best: dict[int, str] = {a: x, b: y}
        for place, name in enumerate(names):
            if place not in best:
                best[place] = max(factors[name], key=lambda level: _newly(left, best, place, level))
        chosen.append(tuple(best[place] for place in range(len(names))))
        left -= set(itertools.combinations(enumerate(chosen[-1]), 2))
    return chosen


def _newly(
    left: "set[tuple[tuple[int, str], tuple[int, str]]]", best: dict[int, str], place: int, level: str
) -> int:
    """How many uncovered pairs a level makes with the levels chosen so far."""
    return sum(tuple(sorted(((place, level), other))) in left for other in best.items())


def _bad_bases(results: Mapping[Combination, Sequence[Outcome]]) -> list[Combination]:
    """The combinations that were bad most often: from the worst of each kind one factor at a time is changed."""
    bases = []
    for kind in ("slow", "failed"):
        worst = max(results, key=lambda c: results[c].count(kind) / len(results[c]), default=None)
        if worst is not None and results[worst].count(kind) > OFTEN * len(results[worst]):
            bases.append(worst)
    return bases


def _neighbours(factors: Factors, base: Combination) -> Iterator[Combination]:
    for place, levels in enumerate(factors.values()):
        for level in levels:
            if level != base[place]:
                yield (*base[:place], level, *base[place + 1 :])


def conclude(factors: Factors, cells: Sequence[Cell]) -> Answer:
    """The smallest combination that is bad for sure, or that there is none."""
    runs = sum(len(cell.outcomes) for cell in cells)
    answers = [answer for kind in ("slow", "failed") if (answer := _of_kind(factors, cells, kind))]
    if answers:
        return min(answers, key=lambda answer: (answer.p_value, len(answer.levels)))
    bad = sum(cell.count("slow") + cell.count("failed") for cell in cells)
    always = bad > (1 - LIKELY_CHANCE) * runs
    text = (
        "every combination is bad: none of these factors matters"
        if always
        else (f"no combination fails more often than the others ({bad} of {runs} runs were bad)")
    )
    return Answer(
        kind="fast",
        levels=(),
        inside=(bad, runs),
        outside=(0, 0),
        p_value=1.0,
        background=bad / runs if runs else 0.0,
        text=text,
        next_factor="another factor: a setting of the client, the time of day, another target",
    )


def _of_kind(factors: Factors, cells: Sequence[Cell], kind: Outcome) -> Answer | None:
    """The best conjunction for one way of being bad."""
    tried = list(_conjunctions(factors))
    scored = []
    for levels in tried:
        inside, outside = _counts(factors, cells, kind, levels)
        if not inside[1] or not outside[1] or inside[0] <= OFTEN * inside[1]:
            continue
        if inside[0] / inside[1] <= outside[0] / outside[1]:
            continue
        corrected = min(1.0, _by_chance(inside, outside) * len(tried))
        if corrected < LIKELY_CHANCE:
            scored.append((corrected, len(levels), levels, inside, outside))
    if not scored:
        return None
    corrected, _, levels, inside, outside = min(scored)
    others = sum(c.count("slow") + c.count("failed") for c in cells if not _within(factors, c, levels))
    fine = outside[1]
    said = " and ".join(f"{name} {level}" for name, level in levels)
    word = "is slow" if kind == "slow" else "fails"
    rest = "all others are fine" if not others else "the others are bad by chance at most"
    return Answer(
        kind=kind,
        levels=levels,
        inside=inside,
        outside=outside,
        p_value=corrected,
        background=others / fine,
        text=f"only {said} {word} ({inside[0]}/{inside[1]}); {rest} ({others}/{fine})",
        next_factor=_next(factors, levels),
    )


def _by_chance(inside: tuple[int, int], outside: tuple[int, int]) -> float:
    """The probability of as many bad runs inside, or more, were they spread by chance (Fisher's exact test, one-sided).

    Fewer bad runs inside are no finding: two levels that mirror each other are then not counted twice.

    >>> round(_by_chance((5, 5), (0, 5)), 5)
    0.00397
    """
    bad, runs = inside[0] + outside[0], inside[1]
    tail = (
        math.exp(log_probability(k, runs - k, bad - k, outside[1] - bad + k))
        for k in range(inside[0], min(bad, runs) + 1)
    )
    return math.fsum(tail)


def _conjunctions(factors: Factors) -> Iterator[tuple[tuple[str, str], ...]]:
    """Every combination of levels of one factor, of two, ... of all that have a choice."""
    free = [name for name, levels in factors.items() if len(levels) > 1]
    for size in range(1, len(free) + 1):
        for names in itertools.combinations(free, size):
            for levels in itertools.product(*(factors[name] for name in names)):
                yield tuple(zip(names, levels, strict=True))


def _within(factors: Factors, cell: Cell, levels: tuple[tuple[str, str], ...]) -> bool:
    own = dict(zip(factors, cell.combination, strict=True))
    return all(own[name] == level for name, level in levels)


def _counts(
    factors: Factors, cells: Sequence[Cell], kind: Outcome, levels: tuple[tuple[str, str], ...]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(bad, runs) inside and outside a conjunction."""
    counts = [[0, 0], [0, 0]]
    for cell in cells:
        side = counts[0 if _within(factors, cell, levels) else 1]
        side[0] += cell.count(kind)
        side[1] += len(cell.outcomes)
    return (counts[0][0], counts[0][1]), (counts[1][0], counts[1][1])


def _next(factors: Factors, levels: tuple[tuple[str, str], ...]) -> str:
    """What to vary next: what the bad levels differ in from the good ones."""
    name, level = levels[-1]
    good = [each for each in factors[name] if each != level]
    return (
        f"what differs between {name} {level} and {name} {good[0]}: one setting of it as a factor of its own"
    )
