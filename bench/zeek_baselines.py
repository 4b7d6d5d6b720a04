"""Compare our connections with Zeek's: the conn.log baselines of its own test suite, where the traces lie beside.

    PYTHONPATH=src python bench/zeek_baselines.py ZEEK_CHECKOUT [--all]

Every test that writes a conn.log and compares it (`btest-diff`) says in its `@TEST-EXEC` lines which trace it read and
how. Only TCP rows are compared; rows are paired by addresses and ports, in any order. Tests that run Zeek without `-C`
are left out unless `--all`: there Zeek drops packets with wrong checksums, which we keep.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import numpy as np

from lastseen.connections.tracking import connections
from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.tables import packets as rows
from lastseen.tables.connections import STATES
from lastseen.tables.packets import Capture

EXEC = re.compile(r"@TEST-EXEC(?:-FAIL)?:\s*(.*)")
TRACE = re.compile(r"-r\s*[\"']?\$\{?TRACES\}?/([^\s\"'|;&]+)")
RENAMED = re.compile(r"(?:mv|cp|cat)\s+(conn\.log)\s*(?:>+\s*)?([\w.\-]+)")
COMPARED = re.compile(r"btest-diff(?:-\w+)?\s+(\S*conn\S*)")
IPV6 = 6

Row = dict[str, str]
Tuple4 = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One baseline and the command whose conn.log it is."""

    test: str
    trace: Path
    baseline: Path
    command: str


def tests(suite: Path) -> Iterator[tuple[str, str]]:
    """(name, text) of each test; a file may hold several parts that share its commands."""
    for path in sorted(suite.rglob("*")):
        if not path.is_file() or path.suffix not in {".zeek", ".test", ".sh"}:
            continue
        if path.relative_to(suite).parts[0] in {"Traces", "Baseline"}:
            continue
        name = ".".join(path.relative_to(suite).with_suffix("").parts)
        parts = path.read_text(errors="replace").split("@TEST-START-NEXT")
        for number, part in enumerate(parts, 1):
            yield (name if number == 1 else f"{name}-{number}"), parts[0] + (part if number > 1 else "")


def runs(suite: Path) -> Iterator[Run]:
    """The baselines with a conn.log and the trace each was made from."""
    for name, text in tests(suite):
        made: dict[str, tuple[Path, str]] = {}
        for command in EXEC.findall(text):
            trace = TRACE.search(command)
            if trace and "zeek" in command:
                made["conn.log"] = suite / "Traces" / trace.group(1), command
            if "conn.log" in made:
                made.update({new: made["conn.log"] for _, new in RENAMED.findall(command)})
            for log in COMPARED.findall(command):
                baseline = suite / "Baseline" / name / log
                if log in made and baseline.exists() and made[log][0].exists():
                    yield Run(test=name, trace=made[log][0], baseline=baseline, command=made[log][1])


def read_log(path: Path) -> list[Row]:
    """The TCP rows of a conn.log with states and histories; none where it is no such log."""
    fields: list[str] = []
    found = []
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("#fields"):
            fields = line.split("\t")[1:]
        elif fields and not line.startswith("#"):
            found.append(dict(zip(fields, line.split("\t"), strict=False)))
    wanted = {"id.orig_h", "id.resp_h", "proto", "conn_state", "history", "orig_pkts"}
    return [row for row in found if wanted <= row.keys() and row["proto"] == "tcp"]


def address(words: np.ndarray, version: int) -> str:
    """The address in four big-endian words."""
    value = sum(int(word) << 32 * (3 - i) for i, word in enumerate(words))
    return str(IPv6Address(value) if version == IPV6 else IPv4Address(value & 0xFFFFFFFF))


def read_trace(path: Path) -> Capture:
    """One trace, decoded."""
    with open_bytes(path) as source:
        return read_capture(source, path.name)[0]


def our_rows(path: Path) -> list[Row]:
    """Our connections of a trace, with the names of conn.log."""
    capture = read_trace(path)
    found = []
    for entry in connections(capture.packets, capture.flows).table:
        flow = capture.flows[entry["flow"]]
        version = int(flow[rows.FLOW_PROTO]) >> 8 & 0xF
        ports = int(flow[rows.FLOW_PORTS])
        ends = [
            (address(flow[rows.FLOW_A : rows.FLOW_A + 4], version), str(ports >> 16)),
            (address(flow[rows.FLOW_B : rows.FLOW_B + 4], version), str(ports & 0xFFFF)),
        ]
        if entry["originator"]:
            ends.reverse()
        found.append(
            {
                "id.orig_h": ends[0][0],
                "id.orig_p": ends[0][1],
                "id.resp_h": ends[1][0],
                "id.resp_p": ends[1][1],
                "conn_state": STATES[entry["state"]],
                "history": entry["history"].decode(),
                "orig_pkts": str(entry["packets"][0]),
                "resp_pkts": str(entry["packets"][1]),
                "orig_bytes": str(entry["bytes"][0]),
                "resp_bytes": str(entry["bytes"][1]),
            }
        )
    return found


def key(row: Row) -> Tuple4:
    """Addresses and ports without direction."""
    ends = ((str(ip_address(row[f"id.{end}_h"])), row[f"id.{end}_p"]) for end in ("orig", "resp"))
    return tuple(part for end in sorted(ends) for part in end)


def aspects(theirs: Row, ours: Row) -> dict[str, bool]:
    """Which of the compared columns agree; bytes only where nothing was repeated or missed."""
    agree = {
        "originator": (theirs["id.orig_h"], theirs["id.orig_p"]) == (ours["id.orig_h"], ours["id.orig_p"]),
        "state": theirs["conn_state"] == ours["conn_state"],
        "history": theirs["history"] == ours["history"],
        "packets": all(theirs[f"{end}_pkts"] == ours[f"{end}_pkts"] for end in ("orig", "resp")),
    }
    if not set(theirs["history"]) & set("TtGgRrcC") and theirs["orig_bytes"] != "-":
        agree["bytes"] = all(theirs[f"{end}_bytes"] == ours[f"{end}_bytes"] for end in ("orig", "resp"))
    return agree


def pair(theirs: list[Row], ours: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Pair the rows of one set of addresses and ports: equal ones first, the rest in order."""
    left = list(ours)
    rest = []
    for row in theirs:
        same = next((mine for mine in left if all(aspects(row, mine).values())), None)
        if same is None:
            rest.append(row)
        else:
            left.remove(same)
            yield row, same
    for i in range(max(len(rest), len(left))):
        yield (rest[i] if i < len(rest) else None), (left[i] if i < len(left) else None)


def brief(row: Row | None) -> str:
    """One row in short."""
    if row is None:
        return "-"
    names = (
        "id.orig_p",
        "id.resp_p",
        "conn_state",
        "history",
        "orig_pkts",
        "resp_pkts",
        "orig_bytes",
        "resp_bytes",
    )
    return " ".join(row[name] for name in names)


def compare(run: Run, totals: Counter[str]) -> None:
    """Compare one baseline, count agreement, print differences."""
    grouped: dict[Tuple4, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    theirs = read_log(run.baseline)
    for row in theirs:
        grouped[key(row)][0].append(row)
    for row in our_rows(run.trace) if theirs else []:
        grouped[key(row)][1].append(row)
    for their_rows, my_rows in grouped.values():
        for their, mine in pair(their_rows, my_rows):
            if their is None or mine is None:
                totals["only theirs" if mine is None else "only ours"] += 1
                print(f"{run.test}: {run.command}\n    zeek {brief(their)}\n    ours {brief(mine)}")
                continue
            totals["rows"] += 1
            agree = aspects(their, mine)
            totals.update(name for name, equal in agree.items() if equal)
            totals.update(f"{name} compared" for name in agree)
            if not all(agree.values()):
                print(f"{run.test}: {run.command}\n    zeek {brief(their)}\n    ours {brief(mine)}")


def main() -> int:
    """Compare all baselines of a checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--all", action="store_true", help="also tests that run Zeek without -C")
    arguments = parser.parse_args()
    totals: Counter[str] = Counter()
    for run in runs(arguments.checkout / "testing" / "btest"):
        if arguments.all or re.search(r"\s-\w*C", run.command):
            totals["baselines"] += 1
            compare(run, totals)
    print(f"{totals['baselines']} baselines, {totals['rows']} connections paired,", end=" ")
    print(f"{totals['only theirs']} only Zeek's, {totals['only ours']} only ours")
    for name in ("originator", "state", "history", "packets", "bytes"):
        compared = totals[f"{name} compared"]
        print(f"{name}: {totals[name]} of {compared} agree ({totals[name] / max(compared, 1):.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
