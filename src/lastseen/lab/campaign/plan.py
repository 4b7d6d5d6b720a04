"""What a campaign will do, drawn before anything is recorded: a function of the seed and of the scenes alone.

The first runs of a longer campaign are those of a shorter one with the same seed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from random import Random
from typing import Final, Literal, TypeVar, get_args

from lastseen.errors import LastseenError
from lastseen.lab.scene import Scene
from lastseen.lab.topologies import name_of

__all__ = ["Clocks", "Kind", "Names", "Plan", "Points", "Stock", "Texts", "drawn", "stock_of"]

Kind = Literal["faulty", "healthy", "two faults"]
Points = Literal["all", "one less", "few"]
"""At which points there is a capture."""
Texts = Literal["all", "nothing before", "a node less", "some kinds", "none"]
"""Which texts of the hosts there are beside the captures."""
Names = Literal["numbered", "plain", "misnumbered", "compressed"]
"""What the capture files are called: in path order, without a number, in another order, plain and gzipped."""
Clocks = Literal["one", "apart"]
"""Whether the nodes agree on the time."""

BLOCK: Final[tuple[Kind, ...]] = ("two faults", *("healthy",) * 2, *("faulty",) * 7)
"""Of ten runs one has two faults at once and two are healthy."""
SEEDS: Final = 1 << 31
_POINTS: Final[Mapping[Points, int]] = {"all": 14, "one less": 3, "few": 3}
_TEXTS: Final[Mapping[Texts, int]] = {
    "all": 13, "nothing before": 2, "a node less": 2, "some kinds": 2, "none": 1,
}  # fmt: skip
_NAMES: Final[Mapping[Names, int]] = {"numbered": 8, "plain": 4, "misnumbered": 4, "compressed": 4}
_CLOCKS: Final[Mapping[Clocks, int]] = {"one": 1, "apart": 1}
"""How often each is drawn, relative to the others: people are asked for whole evidence, and the rest happens."""

Value = TypeVar("Value")
Shown = tuple[str, str | None]
"""A scene, and a second one whose fault is there too."""
Stock = Mapping[Kind, Sequence[Shown]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run. `seed` draws the scene's parameters; `withheld_seed` which points, texts, names and clocks are meant."""

    number: int
    kind: Kind
    scene: str
    second: str | None
    seed: int
    withheld_seed: int
    points: Points
    texts: Texts
    names: Names
    clocks: Clocks

    @property
    def scenes(self) -> tuple[str, ...]:
        """The one scene, or both."""
        return (self.scene,) if self.second is None else (self.scene, self.second)


def stock_of(scenes: Mapping[str, Scene], wanted: Collection[str] = (), *, root: bool = True) -> Stock:
    """What runs can show: all scenes or the wanted ones; without root those that need none.

    What changes the machine outside its namespaces has to be wanted by its name.

    Raises LastseenError where nothing is left.
    """
    usable = {
        name: scene
        for name, scene in scenes.items()
        if (name in wanted if wanted else not scene.machine) and (root or not scene.root)
    }
    if not usable:
        raise LastseenError(
            "lab: none of these scenes can run without root; 'lastseen lab list' shows which can"
        )
    return {
        "faulty": [(name, None) for name, scene in usable.items() if not scene.truth.healthy],
        "healthy": [(name, None) for name, scene in usable.items() if scene.truth.healthy],
        "two faults": [
            (first, second) for first, second in permutations(usable, 2) if _go_together(usable[first], usable[second])
        ],
    }  # fmt: skip


def _go_together(first: Scene, second: Scene) -> bool:
    """Whether both faults show: on one network, the second hits its own service only, the first lets it through."""
    return (
        name_of(first.topology) == name_of(second.topology)
        and second.hits == "its service"
        and first.hits != "everything"
        and first.truth.fault is not None
        and first.truth.fault != second.truth.fault
    )


def drawn(seed: int, runs: int, stock: Stock) -> tuple[Plan, ...]:
    """The first `runs` plans of this seed; within one kind each scene comes once before any comes twice."""
    decks = {kind: _dealt(Random(f"{seed} {kind}"), stock[kind]) for kind in get_args(Kind) if stock[kind]}  # noqa: S311
    kinds = islice(_dealt(Random(f"{seed} kinds"), BLOCK), runs)  # noqa: S311 - repeatable on purpose
    return tuple(
        _plan(seed, number, kind, next(decks[kind]))
        for number, kind in enumerate((kind if kind in decks else next(iter(decks)) for kind in kinds), 1)
    )


def _dealt(random: Random, cards: Sequence[Value]) -> Iterator[Value]:
    """The cards without end, shuffled anew each time all are dealt."""
    while True:
        yield from random.sample(cards, len(cards))


def _plan(seed: int, number: int, kind: Kind, shown: Shown) -> Plan:
    random = Random(f"{seed} {number}")  # noqa: S311 - repeatable on purpose
    return Plan(
        number=number,
        kind=kind,
        scene=shown[0],
        second=shown[1],
        seed=random.randrange(SEEDS),
        withheld_seed=random.randrange(SEEDS),
        points=_one_of(random, _POINTS),
        texts=_one_of(random, _TEXTS),
        names=_one_of(random, _NAMES),
        clocks=_one_of(random, _CLOCKS),
    )


def _one_of(random: Random, weights: Mapping[Value, int]) -> Value:
    return random.choices(list(weights), list(weights.values()))[0]
