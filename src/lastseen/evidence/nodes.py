"""Which node and snapshot a file speaks of, from its path and its leading `$ command` line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lastseen.evidence.case_toml import CaseToml
from lastseen.evidence.files import CaseFile
from lastseen.evidence.reports import hosts_of

__all__ = ["Place", "ends_with", "node_of_command", "places"]

SNAPSHOTS = ("before", "mid", "after")

_FROM_COMMAND = (
    re.compile(r"^(?:sudo )?ip netns exec (?P<node>[\w.-]+) "),
    re.compile(r"^(?:sudo )?ip (?:-\w+ )*?(?:-n|-netns) (?P<node>[\w.-]+) "),
    re.compile(r"^ssh (?:-\S+ )*(?:[\w.-]+@)?(?P<node>[\w.-]+) "),
)
_LEADING_NUMBER = re.compile(r"^\d+[_.-]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file belongs."""

    node: str
    snapshot: str


def node_of_command(command: str) -> str:
    """The namespace or host a command ran in, or ''."""
    found = next((match for pattern in _FROM_COMMAND if (match := pattern.match(command))), None)
    return found["node"] if found else ""


def places(files: Iterable[tuple[CaseFile, str]], said: CaseToml) -> list[Place]:
    """The place of each (file, leading command), in order."""
    files = list(files)
    aliases = {alias: node.name for node in said.node for alias in (node.name, *node.alias)}
    sure = [_sure_node(file, command, said, aliases) for file, command in files]
    known = {node for node in sure if node} | set(aliases)
    hosts = hosts_of([file for file, _ in files])
    return [
        Place(
            aliases.get(node, node) or _node_of_name(file, known, aliases) or aliases.get(host, host),
            _snapshot(file, said),
        )
        for (file, _), node, host in zip(files, sure, hosts, strict=True)
    ]


def _sure_node(file: CaseFile, command: str, said: CaseToml, aliases: dict[str, str]) -> str:
    """The node that case.toml, the command line or the folder names."""
    for point in said.point:
        if point.node and ends_with(file, point.file):
            return point.node
    for snapshot in said.snapshot:
        if snapshot.node and _inside(file, snapshot.folder):
            return snapshot.node
    if node := node_of_command(command):
        return aliases.get(node, node)
    folders = file.parts[:-1]
    at = next((i for i, part in enumerate(folders) if part in SNAPSHOTS), None)
    return folders[at + 1] if at is not None and at + 1 < len(folders) else ""


def _node_of_name(file: CaseFile, known: set[str], aliases: dict[str, str]) -> str:
    """The known node that the file's name begins with, or ''."""
    name = _LEADING_NUMBER.sub("", file.parts[-1])
    fitting = [node for node in known if name.startswith((f"{node}_", f"{node}-", f"{node}."))]
    best = max(fitting, key=len, default="")
    return aliases.get(best, best)


def _snapshot(file: CaseFile, said: CaseToml) -> str:
    for snapshot in said.snapshot:
        if _inside(file, snapshot.folder):
            return snapshot.when
    return next((part for part in file.parts if part in SNAPSHOTS), "")


def ends_with(file: CaseFile, path: str) -> bool:
    """Whether a path of case.toml, relative to anywhere in the case, means this file."""
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    return file.parts[-len(parts) :] == parts if parts else False


def _inside(file: CaseFile, folder: str) -> bool:
    parts = tuple(part for part in folder.split("/") if part not in ("", "."))
    folders = file.parts[:-1]
    return (
        any(folders[i : i + len(parts)] == parts for i in range(len(folders) - len(parts) + 1))
        if parts
        else False
    )
