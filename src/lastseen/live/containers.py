"""The process of a container, asked of whatever runs containers on the host.

Sources: docker-container-inspect(1) and podman-container-inspect(1) fill in a template; crictl prints JSON, in whose
`info` containerd and CRI-O put the number of the process (cri-tools, docs/crictl.md; crictl-inspect of 1.20 and newer).
A container that does not run has the number 0. Of a pod crictl answers for its sandbox, whose namespace all its
containers share.
"""

import json
import re
from typing import Final

from lastseen.hosts.host import run
from lastseen.hosts.probing import HostFacts

__all__ = ["process_of"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
"""Names and ids of docker and podman (moby, daemon/names), and of Kubernetes' pods (RFC 1123)."""
_ID: Final = re.compile(r"[0-9a-f]{12,64}")
_FORM: Final = "{{.State.Pid}}"
_LARGEST_PROCESS: Final = 1 << 22
"""PID_MAX_LIMIT of 64-bit Linux (include/linux/threads.h)."""
_KINDS: Final = ((("ps",), "inspect"), (("pods", "--state", "Ready"), "inspectp"))
"""crictl's commands that list what runs and that show one: of containers, of pods."""


def process_of(facts: HostFacts, name: str) -> int | None:
    """The first process of the running container (or pod) of that name or id; None where none is known."""
    if not _NAME.fullmatch(name):
        return None
    for program in ("docker", "podman"):
        if program in facts.tools:
            said = run(facts.host, (program, "container", "inspect", "--format", _FORM, name))
            if said.ok and (process := _number(said.text.strip())) is not None:
                return process
    return _of_crictl(facts, name) if "crictl" in facts.tools else None


def _of_crictl(facts: HostFacts, name: str) -> int | None:
    """Of a container by name or id, then of a pod; crictl takes a name as a regular expression."""
    for listing, showing in _KINDS:
        pattern = "^" + name.replace(".", r"\.") + "$"
        listed = run(facts.host, ("crictl", *listing, "--quiet", "--name", pattern))
        found = [line.strip() for line in listed.text.splitlines()] if listed.ok else []
        ids = [line for line in found if _ID.fullmatch(line)] or ([name] if _ID.fullmatch(name) else [])
        for each in ids[:1]:  # the newest stands first
            said = run(facts.host, ("crictl", showing, "--output", "json", each))
            if said.ok and (process := _in_info(said.text)) is not None:
                return process
    return None


def _in_info(text: str) -> int | None:
    """`info.pid` of what crictl inspect prints."""
    try:
        info = json.loads(text).get("info")
    except (ValueError, AttributeError):
        return None
    return _number(str(info.get("pid", ""))) if isinstance(info, dict) else None


def _number(text: str) -> int | None:
    """The number of a process that runs."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_PROCESS))
    return int(text) if is_number and 0 < int(text) <= _LARGEST_PROCESS else None
