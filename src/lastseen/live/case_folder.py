"""What makes the evidence of a run a case: case.toml, and run.json, which says how each node is reached again.

Points are left out of case.toml on purpose: there they are taken to stand in path order, and a switch's ports have
none that could be known beforehand. The packets tell it.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from lastseen.live.command import Ended
from lastseen.live.plan import Plan

__all__ = ["finish_case", "write_text"]


def write_text(path: Path, content: bytes) -> None:
    """Write a file of the case. On a full disk it is missing; nothing else is lost."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError:
        path.unlink(missing_ok=True)


def finish_case(plan: Plan, notes: Sequence[str], *, command: Sequence[str], ended: Ended | None) -> None:
    """Write case.toml and run.json."""
    title = " ".join(command) if command else f"collected at {time.strftime('%Y-%m-%d %H:%M:%S')}"
    lines = ["[case]", f"title = {json.dumps(title[:200])}"]
    names = dict.fromkeys(node for host in plan.hosts for _, node in host.nodes)
    lines += [f"[[node]]\nname = {json.dumps(name)}" for name in names]
    write_text(plan.folder / "case.toml", ("\n".join(lines) + "\n").encode())
    said = {
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
        "notes": list(notes),
    }
    write_text(plan.folder / "run.json", json.dumps(said).encode() + b"\n")
