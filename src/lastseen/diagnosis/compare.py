"""Compare two diagnosed runs: is the fault gone, and what else is not the same.

A fault that is merely not found in the second run is not gone: its evidence may be thinner. Gone is what the second
run refutes, or what a healthy verdict over the path leaves no room for.
"""

from collections.abc import Iterable, Iterator, Sequence

from lastseen.tables.counted import counted
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.differences import Changed, Difference
from lastseen.tables.facts_from_texts import Row, Setting, Version
from lastseen.tables.judgements import Refuted, Supported
from lastseen.tables.points import DIRECTIONS, LOST, Matching

__all__ = ["compare"]

Run = tuple[Diagnosis, Sequence[Row]]
Key = tuple[str, str]
"""(node, name)."""
_CHANGING = ("nf_conntrack_count", "file-nr", "inode-nr", "random.", "dentry-state")
"""Counts under the names of settings: they differ at every look (Linux Documentation/admin-guide/sysctl)."""


def compare(first: Run, second: Run) -> Difference:
    """What became of the first run's faults, and which settings, versions, losses and waits are not the same."""
    before, after = _supported(first[0]), _supported(second[0])
    refuted = {j.fault for j in second[0].judgements if isinstance(j, Refuted)}
    healthy = second[0].verdict.grade == "healthy"
    lost = [fault for fault in before if fault not in after]
    return Difference(
        first=first[0].verdict,
        second=second[0].verdict,
        gone=tuple(fault for fault in lost if fault in refuted or healthy),
        remaining=tuple(fault for fault in before if fault in after),
        appeared=tuple(fault for fault in after if fault not in before),
        untold=tuple(fault for fault in lost if fault not in refuted and not healthy),
        changed=(
            *_waits(first[0], second[0]),
            *_losses(first[0].matching, second[0].matching),
            *_values("setting", _settings(first[1]), _settings(second[1])),
            *_values("version", _versions(first[1]), _versions(second[1])),
            *_points(first[0].matching, second[0].matching),
        ),
    )


def _supported(diagnosis: Diagnosis) -> list[str]:
    return [j.fault for j in diagnosis.judgements if isinstance(j, Supported)]


def _waits(first: Diagnosis, second: Diagnosis) -> Iterator[Changed]:
    said = [_wait(first), _wait(second)]
    if said[0] != said[1]:
        source = second.symptom.sources[0] if second.symptom and second.symptom.sources else None
        yield Changed(kind="wait", name="the longest wait", first=said[0], second=said[1], source=source)


def _wait(diagnosis: Diagnosis) -> str:
    """The wait as the client's calls tell it, else the longest stall of a connection; "": nobody waited."""
    felt = diagnosis.symptom
    if felt is not None and felt.waited_ns:
        return f"{felt.call} {felt.waited_ns / 1e9:.2f} s, ended by {felt.ended_by}"
    stalls = [c for c in diagnosis.connections if c.stall]
    if not stalls:
        return ""
    longest = max(stalls, key=lambda c: c.stall_ns)
    return f"{longest.stall.replace('_', ' ')} {longest.stall_ns / 1e9:.2f} s"


def _losses(first: Matching, second: Matching) -> Iterator[Changed]:
    """Hops that both runs have (by the names of their points) and that lost another number of packets."""
    before, after = _lost(first), _lost(second)
    for name in before:
        if name in after and before[name] != after[name]:
            first_said, second_said = (
                f"{counted(count, 'packet')} lost" for count in (before[name], after[name])
            )
            yield Changed(kind="loss", name=name, first=first_said, second=second_said)


def _lost(matching: Matching) -> dict[str, int]:
    points = matching.points
    return {
        f"{points[hop.upstream].name} > {points[hop.downstream].name}, {DIRECTIONS[hop.direction]}": hop.count(
            LOST
        )
        for hop in matching.hops
    }


def _settings(rows: Iterable[Row]) -> dict[Key, Row]:
    """The last value of each setting."""
    found: dict[Key, Row] = {}
    for row in rows:
        if isinstance(row, Setting) and not any(word in row.name for word in _CHANGING):
            found[row.node, f"{row.scope} {row.name}".removeprefix("sysctl ")] = row
    return found


def _versions(rows: Iterable[Row]) -> dict[Key, Row]:
    return {(row.node, row.name): row for row in rows if isinstance(row, Version)}


def _value(row: Row | None) -> str:
    if isinstance(row, Setting):
        return row.value
    return row.version if isinstance(row, Version) else ""


def _values(kind: str, first: dict[Key, Row], second: dict[Key, Row]) -> Iterator[Changed]:
    """Values that both runs know and that differ; what only one run looked at says nothing."""
    for (node, name), row in second.items():
        earlier = first.get((node, name))
        if earlier is not None and _value(earlier) != _value(row):
            yield Changed(
                kind=kind, name=name, node=node, first=_value(earlier), second=_value(row), source=row.source
            )


def _points(first: Matching, second: Matching) -> Iterator[Changed]:
    """Points that only one of the runs has."""
    names = [{point.name for point in matching.points} for matching in (first, second)]
    for name in sorted(names[0] ^ names[1]):
        yield Changed(
            kind="point",
            name=name,
            first="captured" if name in names[0] else "",
            second="captured" if name in names[1] else "",
        )
