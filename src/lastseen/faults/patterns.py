"""Shapes of loss that several faults have: only the large, only the first of a flow, only those with a property.

Each returns a fact with its proof, so that a rule reads as a list of what it requires. What a shape means is the
rule's to say: a size step is a path's MTU, a bridge's, or a filter's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.contrasts.fisher import fisher_exact
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown
from lastseen.tables.counted import agreed, all_of, counted, some_of
from lastseen.tables.details import DetailRows, column
from lastseen.tables.judgements import Judgement, Reason, Refuted, Untestable
from lastseen.tables.packets import FLAGS, MISC, PacketRows
from lastseen.tables.points import DELIVERED, MERGED, SPLIT
from lastseen.tables.sources import Source

__all__ = [
    "LIKELY_CHANCE",
    "SMALLEST_MTU",
    "SizeStep",
    "exactly_these",
    "first_of_flow",
    "gone_for_good",
    "has_flags",
    "is_tcp",
    "no_size_step",
    "only_first_of_flow",
    "passed_shortly_before",
    "size_step",
    "ttl_unchanged",
    "without_loss",
]

Bools = npt.NDArray[np.bool_]

LIKELY_CHANCE: Final = 0.05
"""Fisher's p-value above which the lost packets may share a property by chance: one lost beside few delivered."""
SMALLEST_MTU: Final = 576
"""A step below what every IPv4 host accepts (RFC 1122, 3.3.2) is no path's MTU; below it a filter is likelier."""


def is_tcp(rows: DetailRows) -> Bools:
    """bool[n]: which packets are TCP segments whose header was captured."""
    result: Bools = column(rows, "tcp_hdr_len") > 0
    return result


def has_flags(rows: DetailRows, letters: str) -> Bools:
    """bool[n]: which packets carry all of these TCP flags (tcpdump's letters)."""
    bits = sum(FLAGS[letter] for letter in letters)
    result: Bools = is_tcp(rows) & ((column(rows, "tcp_flags") & bits) == bits)
    return result


def exactly_these(site: LossSite, lost: Bools, delivered: Bools, what: str) -> Fact:
    """That every lost packet is `what` ("packets with ECN bits") and no delivered one of its direction is.

    `lost` and `delivered` say it of `site.lost` and `site.delivered`. Unknown where there is nothing to compare
    with, or where so few may differ by chance.
    """
    if not lost.all():
        others = int((~lost).sum())
        text = f"{some_of(others, len(lost), 'packet')} lost at this hop {agreed(others, 'are')} no {what}"
        return Contradicted(reason=Reason(text=text, source=_first(site, site.lost, ~lost)))
    if delivered.any():
        text = f"{int(delivered.sum())} {what} of the same direction passed this hop"
        return Contradicted(reason=Reason(text=text, source=_first(site, site.delivered, delivered)))
    if not len(delivered):
        return Unknown(missing="a delivered packet of the same direction and connection to compare with")
    if fisher_exact(len(lost), 0, 0, len(delivered)) > LIKELY_CHANCE:
        return Unknown(missing=f"more packets: that just the {what} of so few were lost may be chance")
    text = f"{all_of(len(lost), 'lost packet', 'are')} {what}, and none of the {len(delivered)} delivered"
    return Observed(reason=Reason(text=text, source=_first(site, site.lost, lost)))


def _first(site: LossSite, rows: DetailRows, where: Bools) -> Source:
    return site.source(int(column(rows, "frame_number")[int(np.argmax(where))]) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeStep:
    """A clean step in size: everything of at most `passes` bytes (IP length) arrives, from `lost` bytes on nothing."""

    passes: int
    lost: int


def size_step(site: LossSite) -> SizeStep | None:
    """The step in IP length at a hop; None where there is none, or no delivered packet shows its lower side."""
    if not len(site.lost) or not len(site.delivered):
        return None
    lost, passed = int(column(site.lost, "ip_len").min()), int(column(site.delivered, "ip_len").max())
    return SizeStep(passes=passed, lost=lost) if lost > passed else None


def no_size_step(site: LossSite) -> Fact:
    """What it means that `size_step` found none: sizes do not tell, or nothing passed to compare with."""
    if not len(site.delivered):
        return Unknown(missing="a smaller packet of the same connection that passed")
    text = "sizes do not separate lost from delivered: packets as large as the smallest lost one passed"
    return Contradicted(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def ttl_unchanged(site: LossSite) -> Fact:
    """That no router lies between the two points: delivered packets have the same TTL on both sides."""
    rows = np.flatnonzero(site.hop.partner >= 0)
    if not len(rows):
        return Unknown(
            missing="a packet that passed, whose TTL tells whether a router lies between the points"
        )
    before = _ttl(site.upstream.capture.packets[rows])
    after = _ttl(site.downstream.capture.packets[site.hop.partner[rows]])
    source = site.source(int(rows[0]))
    if not (before.all() and after.all()):
        return Unknown(missing="the TTL of the packets (a capture, or a listing of tcpdump -v)")
    if (before == after).all():
        text = f"no router lies between the points: the TTL of {all_of(len(rows), 'packet')} that passed is unchanged"
        return Observed(reason=Reason(text=text, source=source))
    text = "a router lies between the points: it lowered the TTL"
    return Contradicted(reason=Reason(text=text, source=source))


def _ttl(packets: PacketRows) -> npt.NDArray[np.int64]:
    return (packets[:, MISC].astype(np.int64) >> 8) & 0xFF


def first_of_flow(site: LossSite) -> Bools:
    """bool[len(site.lost_rows)]: which lost packets came before their flow was known behind the hop.

    Known is a flow once one of its packets was delivered, or one of the other direction came from there.
    """
    group, times = site.upstream.group_of, site.upstream.capture.times_ns()
    groups = np.unique(group[site.lost_rows])
    mine = np.flatnonzero(np.isin(group, groups))
    fate = site.hop.fate[mine]
    knows = mine[(fate == 0) | np.isin(fate, (DELIVERED, MERGED, SPLIT))]
    known_ns = dict.fromkeys(groups.tolist(), np.iinfo(np.int64).max)
    for number, at in zip(group[knows].tolist(), times[knows].tolist(), strict=True):
        known_ns[number] = min(known_ns[number], at)
    earliest = np.array([known_ns[number] for number in group[site.lost_rows].tolist()], np.int64)
    result: Bools = times[site.lost_rows] < earliest
    return result


def only_first_of_flow(site: LossSite) -> Fact:
    """That nothing was lost of flows that were known behind the hop."""
    first = first_of_flow(site)
    if not first.all():
        text = f"{some_of(int((~first).sum()), len(first), 'lost packet', 'are')} of flows that had passed before"
        return Contradicted(reason=Reason(text=text, source=site.source(int(site.lost_rows[~first][0]))))
    flows = len(np.unique(site.upstream.group_of[site.lost_rows]))
    text = (
        f"{all_of(len(first), 'lost packet', 'are')} the first of "
        f"{'its flow' if len(first) == 1 else 'their flows'} ({flows}); flows known "
        "before lost nothing"
    )
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def gone_for_good(site: LossSite) -> Fact:
    """That from the first lost packet of each flow on nothing more of it passed: what drops it does so always.

    Packets from before are no objection: rules and versions change while connections live.
    """
    group, times = site.upstream.group_of, site.upstream.capture.times_ns()
    begins: dict[int, int] = {}
    for number, at in zip(group[site.lost_rows].tolist(), times[site.lost_rows].tolist(), strict=True):
        begins[number] = min(begins.get(number, at), at)
    later = [
        row for row in site.delivered_rows.tolist() if times[row] > begins.get(int(group[row]), times[row])
    ]
    if later:
        text = f"{counted(len(later), 'packet')} of the same flows and direction passed later"
        return Contradicted(reason=Reason(text=text, source=site.source(later[0])))
    text = f"from its first lost packet on, nothing of a flow passed ({counted(len(begins), 'flow')})"
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def passed_shortly_before(site: LossSite, within_ns: int) -> npt.NDArray[np.int64]:
    """int64[len(site.lost_rows)]: packets of its flow and direction that passed so shortly before each lost one."""
    group, times = site.upstream.group_of, site.upstream.capture.times_ns()
    passed: dict[int, list[int]] = {}
    for number, at in zip(
        group[site.delivered_rows].tolist(), times[site.delivered_rows].tolist(), strict=True
    ):
        passed.setdefault(number, []).append(at)
    known = {number: np.sort(np.array(at, np.int64)) for number, at in passed.items()}
    counts = [
        int(np.subtract(*np.searchsorted(known[number], (at, at - within_ns)))) if number in known else 0
        for number, at in zip(group[site.lost_rows].tolist(), times[site.lost_rows].tolist(), strict=True)
    ]
    return np.array(counts, np.int64)


def without_loss(slug: str, facts: Facts, *, missing: str, hints: tuple[Reason, ...] = ()) -> Judgement:
    """What a fault that loses packets says of a case without a loss that mattered.

    Refuted where several points saw the connections and nobody waited; else it may have happened where no capture
    looked: untestable, with `hints` from other layers.
    """
    watched = [c for c in facts.in_focus() if len(c.seen_at) > 1]
    waited = bool(facts.symptoms) or any(c.stall for c in facts.in_focus())
    unproven = any(len(site.unproven_rows) for site in facts.sites)
    if watched and not waited and not unproven:
        text = "nothing that anybody waited for was lost between the points"
        return Refuted(fault=slug, against=(Reason(text=text),))
    return Untestable(fault=slug, missing=(missing,), reasons=hints)
