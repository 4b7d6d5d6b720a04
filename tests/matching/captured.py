"""From frames to a matching, and what it says of each frame, as short as a test wants to read it."""

import tempfile
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import packet_writer as w

from lastseen.evidence.captures import ByteSource, read_capture
from lastseen.evidence.captures.details import read_details
from lastseen.evidence.case import ReadCapture
from lastseen.evidence.case_toml import CaseToml, PointToml
from lastseen.matching import match
from lastseen.matching.points import build_points
from lastseen.tables.details import DetailRows, Details
from lastseen.tables.packets import Capture
from lastseen.tables.points import DIRECTIONS, FATES, LOST, Matching, Point


def read(data: bytes, file: str = "tap.pcap", *, node: str = "", snapshot: str = "") -> ReadCapture:
    """A capture file held in memory, as the case would have read it."""
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ByteSource
    stream.write(data)
    stream.flush()
    with ByteSource(stream) as source:
        capture, _ = read_capture(source, file)
    return ReadCapture(capture=capture, node=node, snapshot=snapshot, parts=tuple(file.split("/")))


def points_of(
    captures: Mapping[str, Sequence[w.Packet] | bytes], *, order: Sequence[str] = ()
) -> list[Point]:
    """One point a capture, named by its key; `order`: the places a case.toml gives."""
    files = {
        name: packets if isinstance(packets, bytes) else w.pcap(packets, nanoseconds=True)
        for name, packets in captures.items()
    }
    said = CaseToml(point=tuple(PointToml(name=name, file=f"{name}.pcap") for name in order))
    return build_points([read(data, f"{name}.pcap") for name, data in files.items()], [], said)


def details_of(files: Mapping[str, bytes]) -> Details:
    """What decodes packets of these captures thoroughly; each by its point's name."""

    def details(capture: Capture, rows: npt.NDArray[np.int64]) -> DetailRows:
        with tempfile.TemporaryFile() as stream:
            stream.write(files[capture.file.removesuffix(".pcap")])
            stream.flush()
            with ByteSource(stream) as source:
                return read_details(source, capture, rows)

    return details


def matched(captures: Mapping[str, Sequence[w.Packet] | bytes], *, order: Sequence[str] = ()) -> Matching:
    """The matching of `points_of`."""
    return match(points_of(captures, order=order))


def fates(matching: Matching) -> dict[tuple[str, str, str], dict[str, list[int]]]:
    """(from, to, direction) -> fate -> frames of `from`; delivered packets left out."""
    names = [point.name for point in matching.points]
    return {
        (names[hop.upstream], names[hop.downstream], DIRECTIONS[hop.direction]): {
            fate: (hop.rows(number) + 1).tolist()
            for number, fate in enumerate(FATES)
            if number > 1 and hop.count(number)
        }
        for hop in matching.hops
    }


def losses(matching: Matching) -> dict[tuple[str, str, str], list[int]]:
    """(from, to, direction) -> frames of `from` that were lost, where any were."""
    return {hop: found["lost"] for hop, found in fates(matching).items() if "lost" in found}


def lost_packets(matching: Matching) -> int:
    """All lost packets of all hops."""
    return sum(hop.count(LOST) for hop in matching.hops)


def path_of(matching: Matching) -> list[str]:
    """Names of the points whose place is known, in order."""
    return [p.name for p, order in zip(matching.points, matching.order, strict=True) if order is not None]


def summary(matching: Matching) -> object:
    """Everything that must not depend on what was only recorded differently."""
    return path_of(matching), fates(matching), int(np.sum([hop.injected for hop in matching.hops]))
