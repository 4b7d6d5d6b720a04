"""Whole reports of a host: sosreport, ovs-bugtool, an OpenShift must-gather. Which host, which files, which commands.

A report holds thousands of files of which some hundred speak of the network, it is one host's, and its files lack the
command that made them, but have it in their names. Layouts: sos 3.x and 4.x (sos/report/plugins, the archive's folder
`sosreport-HOST-...` with `sos_commands/PLUGIN/COMMAND` and the files of the host below their own paths), Open vSwitch
utilities/bugtool (3.1: `bug-report-TIME/` with `inventory.xml`), openshift/must-gather (`nodes/NODE/`, `namespaces/`).
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lastseen.evidence.files import CaseFile

__all__ = ["command_in_name", "hosts_of"]

SOS_COMMANDS: Final = "sos_commands"
BUGTOOL_INVENTORY: Final = "inventory.xml"
_NODES: Final = "nodes"
_MUST_GATHER: Final = frozenset(
    {"namespaces", "cluster-scoped-resources", "host_service_logs", "network_logs"}
)
_SMALL_BYTES: Final = 65_536
"""What is read of a file that may name the host."""

_HOST: Final = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$")
_UNAME: Final = re.compile(r"^Linux (?P<host>\S{1,253}) ")
_INVENTORY: Final = re.compile(r"<system-summary\b[^<>]{0,2000}?\bhostname=\"(?P<host>[^\"]{1,253})\"")
_HOST_FILES: Final = (
    "sos_commands/host/hostname",
    "sos_commands/general/hostname",
    "etc/hostname",
    "hostname",
    "sos_commands/kernel/uname_-a",
    "uname",
    BUGTOOL_INVENTORY,
)
"""Where a report says whose it is, the surest first."""
_COMMAND: Final = re.compile(r"^(?:ovs|ovn)-[a-z]{2,10}_\S{1,200}$")


def hosts_of(files: Sequence[CaseFile]) -> list[str]:
    """For each file the short name of the host whose report it stands in; "" for a file of no report."""
    roots = {root: "" for file in files if (root := _root(file)) is not None}
    by_place = {file.parts: file for file in files} if roots else {}
    for root in roots:
        roots[root] = _host(root, by_place)
    return [_node(file) or roots.get(_longest(file.parts, roots), "") for file in files]


def command_in_name(file: CaseFile) -> str:
    """The command of sos that a file's name holds, as in "ovs-ofctl_dump-ports_br-int"; "" for any other file.

    Only for reading (it tells the bridge), never for recognising: names are not evidence.
    """
    name = file.parts[-1]
    if SOS_COMMANDS not in file.parts[:-1] or not _COMMAND.match(name):
        return ""
    return name.replace("_", " ")


def _root(file: CaseFile) -> tuple[str, ...] | None:
    """The folders above a report, from a file that only a report has."""
    if SOS_COMMANDS in file.parts[:-1]:
        return file.parts[: file.parts.index(SOS_COMMANDS)]
    return file.parts[:-1] if file.parts[-1] == BUGTOOL_INVENTORY else None


def _longest(parts: tuple[str, ...], roots: dict[tuple[str, ...], str]) -> tuple[str, ...]:
    """The innermost report a file stands in; what is no report's root otherwise."""
    for length in range(len(parts) - 1, -1, -1):
        if parts[:length] in roots:
            return parts[:length]
    return (*parts, "")


def _host(root: tuple[str, ...], by_place: dict[tuple[str, ...], CaseFile]) -> str:
    for path in _HOST_FILES:
        file = by_place.get((*root, *path.split("/")))
        if file is not None and (host := _host_in(file.path)):
            return host.partition(".")[0]
    return ""


def _host_in(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            text = stream.read(_SMALL_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    if found := _UNAME.match(text) or _INVENTORY.search(text):
        return found["host"] if _HOST.match(found["host"]) else ""
    return text if _HOST.match(text) else ""


def _node(file: CaseFile) -> str:
    """The node of a must-gather that a folder `nodes/NODE` names."""
    folders = file.parts[:-1]
    if _NODES not in folders[:-1] or not _MUST_GATHER.intersection(folders) | {
        part for part in folders if "must-gather" in part
    }:
        return ""
    name = folders[folders.index(_NODES) + 1]
    return name.partition(".")[0] if _HOST.match(name) else ""
