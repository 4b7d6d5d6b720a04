"""run.json read back: how the nodes of a case are reached, and what reproduced the trouble.

A case may come from anywhere, so nothing in it is run without being shown and agreed to first. Its hosts are asked what
they are before that: so only such options of ssh are taken from it as run no program here (ssh_config(5): ProxyCommand,
KnownHostsCommand, LocalCommand, providers and further files do).
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from lastseen.errors import LastseenError
from lastseen.hosts.names import ssh_target

__all__ = ["NodeRecord", "RunRecord", "read_record"]

LARGEST: Final = 1 << 20
RUN_JSON: Final = "run.json"
_OPTION: Final = re.compile(
    r"-[46CTqv]|-p\d+|-[ilJ].+|-o(?i:StrictHostKeyChecking|UserKnownHostsFile|GlobalKnownHostsFile|HostKeyAlias|LogLevel|Port"
    r"|User|HostName|IdentityFile|IdentitiesOnly|ConnectTimeout|ProxyJump|Compression|AddressFamily)=.*"
)
"""One word, as `--ssh-option` takes it."""


class NodeRecord(msgspec.Struct, frozen=True):
    """A node of the case: the arguments of ssh that reach it (none: this host), and its namespace there."""

    node: str
    ssh: tuple[str, ...] = ()
    host: str = ""
    netns: str = ""


class _Remote(msgspec.Struct, frozen=True):
    addresses: tuple[str, ...] = ()
    port: int | None = None


class RunRecord(msgspec.Struct, frozen=True):
    """What a run noted of itself."""

    schema: str
    command: tuple[str, ...] = ()
    target: str = ""
    remote: _Remote = _Remote()
    seconds: float | None = None
    status: int | None = None
    nodes: tuple[NodeRecord, ...] = ()


def read_record(folder: Path) -> RunRecord | None:
    """The record of a case folder; None where there is none. Raises LastseenError for one that cannot be read."""
    path = folder / RUN_JSON
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            record = msgspec.json.decode(stream.read(LARGEST), type=RunRecord)
    except (OSError, msgspec.DecodeError) as error:
        raise LastseenError(
            f"{path}: is no record of a run ({error}); remove it, or give --host and --netns"
        ) from error
    for node in record.nodes:
        _check(node.ssh, path)
    return record if record.schema == "lastseen.run/1" else None


def _check(ssh: Sequence[str], path: Path) -> None:
    """Raises LastseenError where the words after `ssh` are more than harmless options and whom to reach."""
    if not ssh:
        return
    odd = [word for word in ssh[:-2] if not _OPTION.fullmatch(word)]
    if odd or ssh[-2:-1] != ("--",):
        raise LastseenError(
            f"{path}: reaches a host by 'ssh {' '.join(ssh)}', which may run a program here and is not taken from a"
            " file; put such options into your ~/.ssh/config, and make the case anew"
        )
    ssh_target(ssh[-1])
