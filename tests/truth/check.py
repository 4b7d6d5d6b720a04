"""Hold what lastseen says of a case against what happened."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from captured import read
from cases import Case
from network import Sent

from lastseen.evidence.case_toml import CaseToml
from lastseen.matching import match
from lastseen.matching.points import build_points
from lastseen.report.contracts import LossesJson
from lastseen.report.jsons import losses_json
from lastseen.tables.points import FATES, LOST, Matching

__all__ = ["Complaint", "complaints", "losses_of"]

TWINS_NS = 3_000_000
"""More than links here jitter and reorder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong: "false loss" or "missed loss", the hop, the frame (from 1), the packet as sent."""

    kind: str
    hop: tuple[str, str]
    frame: int
    what: str


def losses_of(case: Case) -> tuple[Matching, LossesJson]:
    """What lastseen makes of the captures."""
    points = build_points([read(data, f"{name}.pcap") for name, data in case.files.items()], [], CaseToml())
    matching = match(points)
    return matching, losses_json(matching)


def complaints(case: Case) -> Iterator[Complaint]:
    """Everything that is wrong."""
    matching, found = losses_of(case)
    place = {f"p{p}": p for p in range(len(case.views))}
    passed = [{uid for _, uid in seen} for seen in case.network.passed]
    named: set[tuple[str, str, int]] = set()
    for loss in found.losses:
        for frame in loss.frames:
            named.add((loss.from_, loss.to, frame))
            uids = case.frames[place[loss.from_]][frame - 1].uids
            way = place[loss.from_], place[loss.to]
            if all(uid in passed[way[1]] for uid in uids) and not _could_be(case, way, uids):
                yield Complaint(
                    kind="false loss", hop=(loss.from_, loss.to), frame=frame, what=_what(case, uids)
                )
    for hop in matching.hops:
        a, b = matching.points[hop.upstream].name, matching.points[hop.downstream].name
        for row, fate in enumerate(hop.fate.tolist()):
            if fate and fate != LOST:
                uids = case.frames[place[a]][row].uids
                if all(uid not in passed[place[b]] for uid in uids):
                    yield Complaint(
                        kind=f"missed loss: {FATES[fate]}", hop=(a, b), frame=row + 1, what=_what(case, uids)
                    )


def _could_be(case: Case, way: tuple[int, int], uids: tuple[int, ...]) -> bool:
    """Whether nobody can tell that these packets passed the second point.

    Its capture missed them and they were lost farther along; or a second copy made by the network was lost; or packets
    of the same numbers and no identification were sent at the same time, and one of these was lost or copied.
    """
    network, (up, down) = case.network, way
    if case.views[down].missed and all(uid in network.lost for uid in uids):
        return True
    if any(_often(case, up, uid) > _often(case, down, uid) for uid in uids) and "duplicate" in case.hostile:
        return True
    copied = case.hostile & {"twice", "duplicate"}
    others = network.sent if copied else [network.sent[uid] for uid in network.lost]
    ours = [network.sent[uid] for uid in uids]
    if "snap" in case.hostile:  # of a datagram's payload too little may be left to tell it by
        ours, others = (
            [s if s.flags else replace(s, payload=b"", seq=0) for s in some] for some in (ours, others)
        )
    return any(_same(one, other) for one in ours for other in others)


def _often(case: Case, point: int, uid: int) -> int:
    return sum(uid in frame.uids for frame in case.frames[point])


def _same(one: Sent, other: Sent) -> bool:
    numbers = (
        one.talk,
        one.side,
        one.seq,
        one.ack,
        one.flags,
        one.length,
        one.payload,
        one.stamp,
        one.quoted,
    )
    theirs = (
        other.talk,
        other.side,
        other.seq,
        other.ack,
        other.flags,
        other.length,
        other.payload,
        other.stamp,
        other.quoted,
    )
    return numbers == theirs and one.uid != other.uid and abs(one.time_ns - other.time_ns) < TWINS_NS


def _what(case: Case, uids: tuple[int, ...]) -> str:
    s = case.network.sent[uids[0]]
    kind = f"error about {s.quoted}" if s.quoted is not None else s.flags or "datagram"
    return f"talk {s.talk} side {s.side} {kind} len {s.length} n {len(uids)} id {s.identification}"
