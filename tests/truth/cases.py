"""Random cases: a network, what was said over it, and how each point recorded it; and what lastseen says of them."""

import random
from dataclasses import dataclass, field, replace
from typing import Final

import packet_writer as w
from capturing import Ends, Frame, View, captured, written
from network import SECOND, Link, Network, Talk

__all__ = ["KINDS", "MORE_KINDS", "Case", "make"]

START: Final = 1_700_000_000 * SECOND
HOUR: Final = 3600 * SECOND
KINDS: Final = (
    "loss", "reorder", "duplicate", "nat", "tunnel", "offload", "late", "early", "snap", "drift", "missed",
    "missed counted", "twice", "unsorted", "v6", "udp", "moved", "bursts", "one way", "ids",
)  # fmt: skip
"""What may be different at some point of a case."""
MORE_KINDS: Final = ("errors", "sctp")
"""These, too; drawn apart, so that without them a number makes the case it always made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`names[p]` is the point at place p (0: next to the server); `files` are in random order."""

    network: Network
    views: list[View]
    frames: list[list[Frame]]
    files: dict[str, bytes] = field(repr=False)
    hostile: frozenset[str]


def make(seed: int, kinds: frozenset[str] | None = None, *, more: bool = True) -> Case:
    """The case of a number. `kinds`: what may go wrong, None for a random choice; `more`: MORE_KINDS among them."""
    rng, apart = random.Random(seed), random.Random(f"{seed} more")
    some = frozenset(kind for kind in KINDS if rng.random() < 0.3)
    some |= {kind for kind in MORE_KINDS if more and apart.random() < 0.3}
    wanted = some if kinds is None else kinds
    points = rng.randint(2, 4)
    links = [_link(rng, wanted) for _ in range(points + 1)]
    if "errors" in wanted:
        links = [replace(link, refuse=apart.choice([0.0, 0.01, 0.1])) for link in links]
    talks = [_talk(rng, wanted) for _ in range(rng.randint(1, 5))]
    if "sctp" in wanted:
        talks = [replace(t, kind="sctp") if t.kind == "udp" or apart.random() < 0.3 else t for t in talks]
    network = Network(rng=rng, links=links)
    network.play(talks, START + 30 * SECOND)
    ends = [_ends(number, wanted, rng) for number in range(len(talks))]
    nat_below = rng.randint(0, points) if "nat" in wanted else 0
    last = max((t for seen in network.passed for t, _ in seen), default=START)
    views, frames, files = [], [], {}
    for p in range(points):
        view = _view(rng, wanted, last)
        seen_ends = [_natted(pair, number) for number, pair in enumerate(ends)] if p < nat_below else ends
        found, dropped = captured(network, p, view, talks, seen_ends, rng)
        views.append(view)
        frames.append(found)
        files[f"p{p}"] = written(found, view, dropped)
    shuffled = list(files.items())
    rng.shuffle(shuffled)
    return Case(network=network, views=views, frames=frames, files=dict(shuffled), hostile=wanted)


def _link(rng: random.Random, wanted: frozenset[str]) -> Link:
    base = rng.choice([20_000, 200_000, 2_000_000])
    return Link(
        delay_ns=(base, base + rng.choice([0, 0, 3000])),
        jitter_ns=rng.choice([0, 2000, 20_000]),
        loss=rng.choice([0.0, 0.02, 0.1, 0.3]) if "loss" in wanted and rng.random() < 0.6 else 0.0,
        reorder=rng.choice([0.02, 0.2]) if "reorder" in wanted and rng.random() < 0.5 else 0.0,
        duplicate=rng.choice([0.02, 0.1]) if "duplicate" in wanted and rng.random() < 0.5 else 0.0,
    )


def _talk(rng: random.Random, wanted: frozenset[str]) -> Talk:
    kind = rng.choice(["tcp", "tcp", "udp", "icmp"]) if "udp" in wanted else "tcp"
    sizes = [1, 40, 200, 1448, 3000, 20_000] if kind == "tcp" else [0, 1, 20, 40, 500, 1200]
    exchanges = tuple((rng.choice(sizes[:4]), rng.choice(sizes)) for _ in range(rng.randint(1, 4)))
    isn = rng.choice(
        [(rng.randrange(2**32), rng.randrange(2**32))] * 4 + [(0, 0), (2**32 - 500, 2**32 - 2000)]
    )
    return Talk(
        kind=kind, exchanges=exchanges, start_ns=START + rng.randint(0, 3 * SECOND), isn=isn,
        closer=rng.choice(["server", "client", "reset", "none"]), pauses_ns=rng.choice([0, 1_000_000, SECOND]),
        identifications=rng.choice(["random", "zero", "zero for bare"]) if "ids" in wanted else "counter",
        mss=rng.choice([1448, 1448, 536]),
    )  # fmt: skip


def _ends(number: int, wanted: frozenset[str], rng: random.Random) -> Ends:
    if "v6" in wanted and rng.random() < 0.7:
        return ("2001:db8::5", 40000 + number), ("2001:db8:1::80", rng.choice([443, 80]))
    return ("10.0.0.5", 40000 + number), ("192.0.2.80", rng.choice([443, 80]))


def _natted(pair: Ends, number: int) -> Ends:
    (client, _), server = pair
    return (("2001:db8:99::1" if ":" in client else "203.0.113.7"), 1024 + 77 * number), server


def _geneve(packet: bytes) -> bytes:
    return w.ethernet(
        w.ipv4("10.9.0.1", "10.9.0.2", w.geneve(w.ethernet(packet, pad_to=60), vni=7), identification=5)
    )


def _vxlan(packet: bytes) -> bytes:
    return w.ethernet(w.ipv4("10.9.0.1", "10.9.0.2", w.vxlan(w.ethernet(packet), vni=7), identification=0))


def _gre(packet: bytes) -> bytes:
    return w.ethernet(
        w.ipv4("10.9.0.1", "10.9.0.2", w.gre(packet, key=4), identification=5), tags=[(0x8100, 5)]
    )


def _view(rng: random.Random, wanted: frozenset[str], last: int) -> View:
    view = View(
        pcapng=rng.random() < 0.5, tail=rng.choice([(0, b""), (60, b""), (60, b"\1\2\3\4")]), ttl=64,
    )  # fmt: skip
    chance = lambda kind: kind in wanted and rng.random() < 0.5  # noqa: E731
    if chance("drift"):
        view = replace(
            view,
            clock=(
                rng.choice([-5, 0, 3]) * HOUR + rng.randint(-(10**9), 10**9),
                rng.choice([0, 0, 1, -20, 100]),
            ),
        )
    if chance("tunnel"):
        view = replace(view, wrap=rng.choice([_geneve, _vxlan, _gre]))
    if chance("offload"):
        view = replace(view, merged=rng.choice([2, 4, 44]))
    if chance("late"):
        view = replace(view, span=(rng.randint(START, last), view.span[1]))
    if chance("early"):
        view = replace(
            view,
            span=(view.span[0], rng.randint(view.span[0] if view.span[0] > 0 else START, last)),
            closes=rng.random() < 0.5,
        )
    if chance("snap"):
        view = replace(view, snap_length=rng.choice([96, 128, 192]))
    if chance("missed"):
        view = replace(view, missed=rng.choice([0.02, 0.1]), bursts="bursts" in wanted)
    if chance("missed counted"):
        view = replace(
            view, missed=rng.choice([0.02, 0.1]), bursts="bursts" in wanted, says_missed=True, pcapng=True
        )
    if chance("twice"):
        view = replace(view, twice=rng.choice([0.1, 1.0]))
    if chance("unsorted"):
        view = replace(view, unsorted_ns=rng.choice([10_000, 1_000_000]))
    if chance("moved") and "moved" in wanted and rng.random() < 0.3:
        view = replace(view, moved=(rng.randrange(2**32), rng.randrange(2**32)))
    if "one way" in wanted and rng.random() < 0.2:
        view = replace(view, one_way=rng.randint(0, 1))
    return view
