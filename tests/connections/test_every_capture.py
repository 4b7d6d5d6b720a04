"""In every capture of the repository the connections hold what tshark and tcpdump see: packets, payload, flags.

Both are asked once about all captures behind one another, as starting them hundreds of times would take minutes; which
packet is of which capture follows from the captures' packet counts, whose sum they must agree with. tshark agrees in
everything; what tcpdump does not tell is named in `CUT_SYN`.
"""

import re
import subprocess
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Final

import pytest

from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.magic import is_capture_file
from lastseen.evidence.case import ReadCapture
from lastseen.evidence.case_toml import CaseToml
from lastseen.matching.points import build_points
from lastseen.report.jsons import connections_json

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("examples", "src/lastseen/faults", "tests/data")
LEAST_CAPTURES: Final = 600
"""There were 616 when this was written; far fewer would mean that they are looked for in the wrong place."""
ETHERNET: Final = 1

CUT_SYN: Final = (
    "tcpdump tells no length where the snap length cut the options off; a SYN carries no data here"
)
"""The one difference there is, explained: such a packet's payload is taken to be empty."""

FIELDS: Final = (
    "frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.flags",
)  # fmt: skip
PREFERENCES: Final = (
    "tcp.analyze_sequence_numbers:false", "tcp.desegment_tcp_streams:false", "ip.defragment:false",
    "ipv6.defragment:false",
)  # fmt: skip
SEGMENT: Final = re.compile(r"IP6? (\S+)\.(\d+) > (\S+)\.(\d+): Flags \[([^]]*)\],(.*)")
NUMBERED: Final = re.compile(r" *\d+  \S")
LENGTH: Final = re.compile(r", length (\d+)")

Key = tuple[str, str, str]
"""File, source, destination; the latter as "ip:port", v6 in brackets."""
Sums = dict[Key, Counter[str]]
"""-> packets, bytes, syn, fin, rst; those that are 0 left out."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All captures: their paths, how many packets each has, and what the connections say of them."""

    paths: list[Path]
    packets: list[int]
    sums: Sums


@cache
def everything() -> Everything:
    """Read each capture by itself, as `lastseen connections FILE --json` does."""
    files = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.is_file())
    paths = [path for path in files if is_capture_file(path)]
    packets, sums = [], defaultdict[Key, Counter[str]](Counter)
    for path in paths:
        name = str(path.relative_to(ROOT))
        with open_bytes(path) as source:
            capture, _ = read_capture(source, name)
        assert {interface.link_type for interface in capture.interfaces} <= {ETHERNET}, "merge by link type"
        packets.append(len(capture.packets))
        read = ReadCapture(capture=capture, node="", snapshot="", parts=path.relative_to(ROOT).parts)
        for row in connections_json(build_points([read], [], CaseToml())).connections:
            for side, ends in enumerate(((row.a, row.b), (row.b, row.a))):
                pairs = (row.packets, row.bytes, row.syn, row.fin, row.rst)
                found = zip(("packets", "bytes", "syn", "fin", "rst"), pairs, strict=True)
                sums[(name, *ends)] += Counter({word: pair[side] for word, pair in found})
    return Everything(paths, packets, {key: counts for key, counts in sums.items() if counts})


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All captures behind one another in one file, put there by mergecap."""
    path = tmp_path_factory.mktemp("merged") / "all.pcap"
    subprocess.run(["mergecap", "-a", "-F", "nsecpcap", "-w", path, *everything().paths], check=True)
    return path


def lines_of(*command: str | Path) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def numbered(printed: list[str]) -> list[str]:
    """One line a packet: tcpdump prints what VXLAN carries on a second one, and bytes it cannot name on more."""
    packets: list[str] = []
    for line in printed:
        if NUMBERED.match(line):
            packets.append(line)
        else:
            packets[-1] += f": {line}"
    return packets


def end(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def counted(
    ends: tuple[str, str], *, length: int, syn: bool, fin: bool, rst: bool
) -> tuple[str, str, Counter[str]]:
    """One segment."""
    counts = Counter(packets=1, bytes=length, syn=int(syn), fin=int(fin), rst=int(rst))
    return (*ends, +counts)


def of_tshark(line: str) -> tuple[str, str, Counter[str]]:
    """The innermost segment of a packet as tshark shows it."""
    seen = dict(zip(FIELDS, line.split("\t"), strict=True))
    flags = int(seen["tcp.flags"], 16)
    family = "ipv6" if seen["ipv6.src"] else "ip"
    return counted(
        (end(seen[f"{family}.src"], seen["tcp.srcport"]), end(seen[f"{family}.dst"], seen["tcp.dstport"])),
        length=int(seen["tcp.len"]), syn=bool(flags & 2), fin=bool(flags & 1), rst=bool(flags & 4),
    )  # fmt: skip


def of_tcpdump(line: str, explained: Counter[str]) -> tuple[str, str, Counter[str]] | None:
    """The innermost segment of a packet as tcpdump prints it; None: none."""
    match = SEGMENT.search(re.split(r": (?=IP6? )", line)[-1])
    if match is None:
        return None
    src, sport, dst, dport, flags, rest = match.groups()
    length = LENGTH.search(rest)
    if length is None:
        assert "S" in flags, line
        explained[CUT_SYN] += 1
    return counted(
        (end(src, sport), end(dst, dport)), length=int(length[1]) if length else 0,
        syn="S" in flags, fin="F" in flags, rst="R" in flags,
    )  # fmt: skip


def summed(segments: Iterator[tuple[int, tuple[str, str, Counter[str]] | None]]) -> Sums:
    """The segments, each with its number in the merged file, added up by capture and ends."""
    names = [str(path.relative_to(ROOT)) for path in everything().paths]
    last = list(accumulate(everything().packets))
    sums = defaultdict[Key, Counter[str]](Counter)
    for number, segment in segments:
        if segment is not None:
            src, dst, counts = segment
            sums[(names[bisect_right(last, number - 1)], src, dst)].update(counts)
    return dict(sums)


def differences(theirs: Sums) -> dict[Key, tuple[Counter[str] | None, Counter[str] | None]]:
    """What the outside program counts otherwise: (ours, theirs)."""
    ours = everything().sums
    return {
        key: (ours.get(key), theirs.get(key)) for key in ours | theirs if ours.get(key) != theirs.get(key)
    }


def test_every_capture_is_there() -> None:
    """And they hold connections: equal sums of nothing would show nothing."""
    assert len(everything().paths) >= LEAST_CAPTURES
    assert len({file for file, _, _ in everything().sums}) > 0.9 * len(everything().paths)


@pytest.mark.oracle("tshark", "mergecap")
def test_connections_of_every_capture_equal_tshark(merged: Path) -> None:
    asked = [part for field in FIELDS for part in ("-e", field)]
    preferences = [part for preference in PREFERENCES for part in ("-o", preference)]
    shown = (
        "tshark", "-n", "-r", merged, "-d", "udp.port==8472,vxlan", *preferences, "-T", "fields", "-E", "occurrence=l",
    )  # fmt: skip
    assert len(lines_of(*shown, "-e", "frame.number")) == sum(everything().packets)
    lines = lines_of(*shown, *asked, "-Y", "tcp && !icmp && !icmpv6")
    theirs = summed((int(line.split("\t")[0]), of_tshark(line)) for line in lines)
    assert differences(theirs) == {}


@pytest.mark.oracle("tcpdump", "mergecap")
def test_connections_of_every_capture_equal_tcpdump(merged: Path) -> None:
    explained = Counter[str]()
    lines = numbered(lines_of("tcpdump", "-n", "-t", "--number", "-r", merged))
    assert len(lines) == sum(everything().packets)
    theirs = summed((int(line.split(maxsplit=1)[0]), of_tcpdump(line, explained)) for line in lines)
    assert differences(theirs) == {}
    assert set(explained) == {CUT_SYN}
