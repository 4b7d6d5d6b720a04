"""What `run`, `collect` and `fix` share: hosts probed, the plan shown and agreed to, the verdict at the end."""

import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from lastseen.hosts.journal import Session
    from lastseen.hosts.probing import HostFacts
    from lastseen.live.other_end import OtherEnd
    from lastseen.live.plan import Bounds, Plan
    from lastseen.live.record import RunRecord

__all__ = [
    "CloudOption",
    "HostOption",
    "JsonOption",
    "LogOption",
    "MaxOption",
    "OutOption",
    "RemoteOption",
    "SshOption",
    "TargetOption",
    "YesOption",
    "agreed",
    "case_name",
    "in_cloud",
    "plain",
    "planned",
    "probed",
    "probed_again",
    "say",
    "startable",
    "to_width",
    "verdict",
    "watching",
]

_COPIED = re.compile(r"\s+(?:run|set|what|then|undo|persisted) ")
LEAST_WIDTH = 20
"""Columns; narrower ones wrap words by themselves."""
DEEPER = 4
"""Columns by which what does not fit is indented."""

TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="T",
        help="Whose path is captured: a tap, interface, MAC, IP, namespace, process, container, libvirt domain,"
        " Neutron port or OpenStack server; several with commas. Default: the namespace the command runs in, else"
        " this host.",
    ),
]
CloudOption = Annotated[
    str,
    typer.Option(
        "--cloud",
        metavar="NAME",
        help="Ask this cloud of your clouds.yaml for the server of that name or id (extra lastseen[openstack])."
        " Default: the cloud of OS_CLOUD or OS_AUTH_URL, where no host knows the target.",
    ),
]
RemoteOption = Annotated[
    str,
    typer.Option(
        "--remote",
        metavar="HOST[:PORT]",
        help="Whom it talks to. Default: the URL in the command, else everyone.",
    ),
]
HostOption = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="USER@NODE", help="Also capture there, over your ssh; repeatable."),
]
SshOption = Annotated[
    list[str] | None,
    typer.Option("--ssh-option", metavar="OPTION", help="Given to ssh, e.g. -p2222 or -iKEY; repeatable."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="The case folder to make. Default: lastseen-DATE-TIME here."
    ),
]
MaxOption = Annotated[
    int, typer.Option("--max-mb", metavar="MB", help="Most bytes of all captures together.", min=1)
]
LogOption = Annotated[
    bool,
    typer.Option(
        "--log/--no-log",
        help="Let conntrack log invalid packets meanwhile (a setting, changed and set back).",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Agree to the plan without being asked.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object (schema lastseen.diagnosis/1).")
]


def say(text: str) -> None:
    """One line of progress for people; nothing where nobody watches."""
    if sys.stderr.isatty():
        typer.echo(f"lastseen: {text}", err=True)


def plain(line: str) -> str:
    """A line as data: names in it come from hosts, guests and clouds, and a terminal obeys control characters."""
    return "".join(c if c.isprintable() else "?" for c in line)


def to_width(lines: Iterable[str], stream: TextIO) -> Iterator[str]:
    """Lines as wide as the terminal, what does not fit indented below; unchanged where the stream is none.

    What may be copied stays in one piece: commands, settings, names of files.
    """
    if not stream.isatty():
        yield from lines
        return
    width = max(shutil.get_terminal_size().columns - 1, LEAST_WIDTH)
    for line in lines:
        if _COPIED.match(line):
            yield line
            continue
        indent = " " * (len(line) - len(line.lstrip()) + DEEPER)
        yield from textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]


def probed(targets: Sequence[str], options: Sequence[str]) -> "list[HostFacts]":
    """Every host, this one first, asked what they are and have; none has the name of another.

    Raises LastseenError where one cannot be reached: whoever asked for its evidence would miss it in the end.
    """
    from lastseen.hosts.host import HERE, remote
    from lastseen.hosts.probing import probe, told_apart

    over_ssh = [(target, probe(remote(target, options))) for target in targets]
    for target, facts in over_ssh:
        if not facts.reached:
            raise LastseenError(
                f"--host {target}: not reached ({facts.why}); see that 'ssh {target}' works without a question,"
                " or leave it out"
            )
    return told_apart([probe(HERE), *(facts for _, facts in over_ssh)])


def startable(command: Sequence[str]) -> None:
    """Raises LastseenError where there is no such program: before anything else is begun for it."""
    if shutil.which(command[0]) is None:
        raise LastseenError(f"{command[0]}: no such program here; give what reproduces the trouble after --")


def probed_again(record: "RunRecord | None") -> "list[HostFacts]":
    """The hosts of an earlier run; without one, this host."""
    from lastseen.hosts.host import HERE, Host
    from lastseen.hosts.probing import probe, told_apart

    if record is None:
        return [probe(HERE)]
    ways = dict.fromkeys((node.host, node.ssh) for node in record.nodes)
    return told_apart([probe(Host(name=name, ssh=ssh) if ssh else HERE) for name, ssh in ways])


def in_cloud(target: str, cloud: str, hosts: "Sequence[HostFacts]") -> str:
    """The target; or the ports of the OpenStack server that is called so, where a cloud is to be asked.

    Raises LastseenError where no host reached has any of the ports, and says which host should have.
    """
    from lastseen.live.openstack import has_credentials, ports_of
    from lastseen.live.targets import is_known, look

    if not target or not (cloud or has_credentials()):
        return target
    reached = [look(facts, target) for facts in hosts if facts.reached]
    if not cloud and any(is_known(seen, part) for seen in reached for part in target.split(",")):
        return target
    ports = ports_of(target, cloud=cloud)
    here = [port for port in ports if any(is_known(seen, port.id) for seen in reached)]
    if not here:
        names = dict.fromkeys(port.host for port in ports if port.host)
        where = f"; go there, or give --host USER@{next(iter(names))}" if names else ""
        raise LastseenError(f"{target}: not on this host: {'; '.join(map(str, ports))}{where}")
    return ",".join(port.id for port in here)


def case_name() -> Path:
    """A new folder's name in the current one."""
    return Path(time.strftime("lastseen-%Y%m%d-%H%M%S"))


def planned(
    hosts: "Sequence[HostFacts]",
    target: str,
    end: "OtherEnd",
    *,
    bounds: "Bounds",
    out: Path | None,
    log: bool,
) -> "Plan":
    """The plan, into a folder that does not exist yet."""
    from lastseen.live.plan import make_plan

    folder = out or case_name()
    if folder.exists():
        raise LastseenError(f"--out {folder}: exists already; name a folder to be made")
    return make_plan(hosts, target, end, bounds=bounds, folder=folder, log=log)


def agreed(lines: Iterable[str], *, yes: bool) -> None:
    """Show what will be done and wait for a yes. Raises LastseenError without one."""
    typer.echo("\n".join(to_width(map(plain, lines), sys.stderr)), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise LastseenError("nothing is done without consent: look at the plan, then add --yes")
    if not typer.confirm("Go on?", default=False, err=True):
        raise LastseenError("nothing was done")


@contextmanager
def watching(folder: Path | None = None) -> Iterator["Session"]:
    """A session that signals end, too; it is then said where the evidence is, if there is any."""
    from lastseen.hosts.interrupts import interruptible
    from lastseen.hosts.restore import sweeping

    with interruptible():
        try:
            with sweeping() as session:
                yield session
        except KeyboardInterrupt:
            if folder is not None and folder.exists():
                typer.echo(f"lastseen: the evidence so far is in {folder}", err=True)
            raise


def verdict(folder: Path, notes: Sequence[str], *, json: bool) -> None:
    """Say what could not be had and where the case is, then diagnose it."""
    from lastseen.cli.diagnose import diagnose

    for note in notes:
        typer.echo(plain(f"lastseen: note: {note}"), err=True)
    typer.echo(f"lastseen: the case is in {folder}", err=True)
    diagnose([folder], json=json)
