"""What makes the evidence of a run a case: case.toml, and run.json, which says how each node is reached again.

Points are left out of case.toml on purpose: there they are taken to stand in path order, and a switch's ports have
none that could be known beforehand. The packets tell it.

Both files are written before anything is captured, and run.json with room to spare: what is known in the end is written
over it, so that a disk that has filled up meanwhile does not lose it. As first written it says that every capture ended
early, which is what a run that is killed leaves.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lastseen.live.command import Ended
from lastseen.live.plan import Plan

__all__ = ["begin_case", "finish_case", "write_text"]

RESERVED_BYTES: Final = 128 << 10
"""What the end adds to run.json: the beginning of both outputs (64 KiB each at most, seldom so much), and notes."""


def write_text(path: Path, content: bytes) -> str:
    """Write a file of the case; "", or why it could not be written: then it is missing, and nothing else is lost."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        return error.strerror or "it cannot be written"
    return ""


def begin_case(plan: Plan, command: Sequence[str]) -> str:
    """Write case.toml, and run.json as a run leaves it that is killed; "", or why they could not be written."""
    title = " ".join(command) if command else f"collected at {time.strftime('%Y-%m-%d %H:%M:%S')}"
    lines = ["[case]", f"title = {json.dumps(title[:200])}"]
    names = dict.fromkeys(node for host in plan.hosts for _, node in host.nodes)
    lines += [f"[[node]]\nname = {json.dumps(name)}" for name in names]
    why = write_text(plan.folder / "case.toml", ("\n".join(lines) + "\n").encode())
    cut = [spot.file for _, spot in plan.spots]
    record = _record(plan, command, ended=None, cut=cut, notes=["the run did not come to its end"])
    return write_text(plan.folder / "run.json", record + b" " * RESERVED_BYTES + b"\n") or why


def finish_case(
    plan: Plan, notes: Sequence[str], *, command: Sequence[str], ended: Ended | None, cut: Sequence[str]
) -> None:
    """Write into run.json what is known in the end. `cut`: captures that ended before the run did."""
    record = _record(plan, command, ended=ended, cut=cut, notes=notes) + b"\n"
    path = plan.folder / "run.json"
    try:
        with path.open("r+b") as stream:
            reserved = stream.seek(0, 2)
            if len(record) <= reserved:  # no new room is needed, so that it succeeds on a full disk
                stream.seek(0)
                stream.write(record)
                stream.truncate()
                return
    except OSError:  # the folder was taken away, or the disk with it
        return
    write_text(path, record)


def _record(
    plan: Plan, command: Sequence[str], *, ended: Ended | None, cut: Sequence[str], notes: Sequence[str]
) -> bytes:
    said: dict[str, Any] = {
        "schema": "lastseen.run/1",
        "command": list(command),
        "target": plan.target,
        "remote": {"addresses": list(plan.end.addresses), "port": plan.end.port},
        "seconds": None if ended is None else round(ended.seconds, 3),
        "status": None if ended is None else ended.status,
        "ended_by": None if ended is None else ended.why or "itself",
        "stdout": None if ended is None else ended.out,
        "stderr": None if ended is None else ended.err,
        "stalled_at_s": None if ended is None else ended.stalled_at_s,
        "nodes": [
            {"node": node, "ssh": list(host.facts.host.ssh), "host": host.facts.name, "netns": netns}
            for host in plan.hosts
            for netns, node in host.nodes
        ],
        "clocks": [
            {
                "host": host.facts.name,
                "offset_ns": host.facts.clock_offset_ns,
                "error_ns": host.facts.clock_error_ns,
            }
            for host in plan.hosts
        ],
        "settings": [
            {"host": host.facts.name, "netns": want.netns, "key": want.key, "value": want.value}
            for host in plan.hosts
            for want in host.settings
        ],
        "cut": list(cut),
        "notes": list(notes),
    }
    return json.dumps(said).encode()
