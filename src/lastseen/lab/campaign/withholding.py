"""What a user does not have: points without a capture, texts nobody saved, other names, clocks that disagree.

Which it is follows from the plan and from the names of the recorded files alone; `withhold` then changes the folder.
"""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from random import Random
from typing import Final

from lastseen.lab.campaign.clocks import shift_capture, shift_log, shift_moment, shift_trace
from lastseen.lab.campaign.plan import Plan

__all__ = ["CaseFiles", "Withheld", "chosen", "withhold"]

CAPTURES: Final = "captures"
CLIENT: Final = "vm"
"""The node on which the user's program runs; its trace and output lie at the top of the case."""
_MOMENTS: Final = ("before", "mid", "after")
_TRACE: Final = ("strace", "cmd", "output")
_PCAP: Final = ".pcap"
_GZIP: Final = ".gz"
_OFFSETS_S: Final = (0.02, 0.5, 4.0, 90.0, 3600.0)
"""Of NTP at work, of NTP that has lost its server, and of a wrong time zone."""
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CaseFiles:
    """The files of a recorded case: paths relative to it, sorted."""

    paths: tuple[str, ...]

    @staticmethod
    def of(folder: Path) -> "CaseFiles":
        """Those of the folder."""
        return CaseFiles(tuple(sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())))

    @property
    def captures(self) -> dict[str, str]:
        """The capture file of each point, in path order."""
        files = [PurePosixPath(path) for path in self.paths if path.endswith(_PCAP)]
        numbered = [
            (int(number), point, file) for file in files for number, _, point in [file.stem.partition("_")]
        ]
        return {point: str(file) for _, point, file in sorted(numbered)}

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything beside the captures."""
        return tuple(path for path in self.paths if not path.endswith(_PCAP))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Those of which there are snapshots."""
        return tuple(sorted({node for path in self.texts if (node := _node_of_snapshot(path))}))

    def node_of(self, path: str) -> str:
        """Whose text it is; "" for one that belongs to the whole case, or to a capture."""
        if node := _node_of_snapshot(path):
            return node
        if kind_of(path) == _TRACE[0]:
            return CLIENT
        return next((node for node in self.nodes if path.startswith(f"{node}_")), "")


def _node_of_snapshot(path: str) -> str:
    moment, *below = path.split("/")
    return below[0] if moment in _MOMENTS and len(below) > 1 else ""


def kind_of(path: str) -> str:
    """What a text is, whosever and whenever: the name of its command; a trace is one with its command and output."""
    stem = PurePosixPath(path).stem.removeprefix("second_")
    return _TRACE[0] if stem in _TRACE else stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What becomes of a case."""

    captures: Mapping[str, str]
    """The points that are kept, in path order, and what their files are called then."""
    points: tuple[str, ...]
    """Those without a capture."""
    texts: tuple[str, ...]
    """Those that are not there."""
    shifted_ns: Mapping[str, int]
    """How far the clock of a node is ahead of where it was, for nodes whose clock is moved."""


def chosen(plan: Plan, files: CaseFiles) -> Withheld:
    """What this plan withholds of these files."""
    random = Random(plan.withheld_seed)  # noqa: S311 - repeatable on purpose
    points = list(files.captures)
    missing = _points_left_out(plan, points, random)
    unsaid = _texts_left_out(plan, files, random) | {f"{CAPTURES}/{point}_tcpdump.txt" for point in missing}
    kept = [point for point in points if point not in missing]
    return Withheld(
        captures=_named(plan, {point: files.captures[point] for point in kept}, random),
        points=tuple(missing),
        texts=tuple(path for path in files.texts if path in unsaid),
        shifted_ns=_offsets(points, random) if plan.clocks == "apart" else {},
    )


def _points_left_out(plan: Plan, points: Sequence[str], random: Random) -> list[str]:
    """In path order; one capture is always there."""
    match plan.points:
        case "all":
            return []
        case "one less":
            return [random.choice(points)]
        case "few":
            kept = random.sample(points, random.randint(1, len(points) - 2))
            return [point for point in points if point not in kept]


def _texts_left_out(plan: Plan, files: CaseFiles, random: Random) -> set[str]:
    match plan.texts:
        case "all":
            return set()
        case "none":
            return set(files.texts)
        case "nothing before":
            return {path for path in files.texts if path.startswith("before/")}
        case "a node less":
            node = random.choice(files.nodes)
            return {path for path in files.texts if files.node_of(path) == node}
        case "some kinds":
            kinds = sorted({kind_of(path) for path in files.texts})
            gone = set(random.sample(kinds, len(kinds) // 2))
            return {path for path in files.texts if kind_of(path) in gone}


def _named(plan: Plan, captures: Mapping[str, str], random: Random) -> dict[str, str]:
    """The points' files under other names, which still say node and interface, as people's do."""
    match plan.names:
        case "numbered":
            return dict(captures)
        case "plain":
            return {point: f"{CAPTURES}/{point}{_PCAP}" for point in captures}
        case "compressed":
            return {point: f"{file}{_GZIP}" for point, file in captures.items()}
        case "misnumbered":
            numbers = random.sample(range(1, len(captures) + 1), len(captures))
            return {
                point: f"{CAPTURES}/{number}_{point}{_PCAP}"
                for number, point in zip(numbers, captures, strict=True)
            }


def _offsets(points: Sequence[str], random: Random) -> dict[str, int]:
    """An offset for each node with captures, in ns; one node keeps the time."""
    nodes = sorted({point.partition("_")[0] for point in points})
    right = random.choice(nodes)
    return {
        node: int(random.choice((-1, 1)) * random.choice(_OFFSETS_S) * random.uniform(0.5, 1) * _NS)
        for node in nodes
        if node != right
    }


def withhold(folder: Path, withheld: Withheld) -> None:
    """Change the recorded case accordingly."""
    files = CaseFiles.of(folder)
    for path in withheld.texts:
        (folder / path).unlink()
    for node, offset_ns in withheld.shifted_ns.items():
        _shift(folder, node, offset_ns)
    for point, path in files.captures.items():
        if point not in withheld.captures:
            (folder / path).unlink()
            continue
        aside = folder / CAPTURES / f".{point}"
        (folder / path).rename(aside)  # first all aside: a new name may be another's old one
    for point, path in withheld.captures.items():
        aside = folder / CAPTURES / f".{point}"
        if path.endswith(_GZIP):
            (folder / path).write_bytes(gzip.compress(aside.read_bytes()))
            aside.unlink()
        else:
            aside.rename(folder / path)


def _shift(folder: Path, node: str, offset_ns: int) -> None:
    """Move what the node's clock has stamped."""
    for capture in (folder / CAPTURES).glob(f"*_{node}_*{_PCAP}"):
        shift_capture(capture, offset_ns)
    stamped = ((f"{node}_syslogemu.log", shift_log), (f"*/{node}/when.txt", shift_moment))
    for pattern, shift in (*stamped, *((("*strace.txt", shift_trace),) if node == CLIENT else ())):
        for text in folder.glob(pattern):
            text.write_text(shift(text.read_text("utf-8"), offset_ns), "utf-8")
