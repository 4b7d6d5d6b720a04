"""Which remedy `fix` is about, and where it belongs: from a case's verdict, or from what a fault's own case teaches."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lastseen.errors import LastseenError
from lastseen.tables.judgements import Remedy

if TYPE_CHECKING:
    from lastseen.hosts.host import Host
    from lastseen.live.record import RunRecord
    from lastseen.tables.diagnosis import Diagnosis

__all__ = ["Subject", "chosen", "examined", "host_of", "subject_of"]

ELSEWHERE = re.compile(r"\b(client|server|remote|application)\b")
"""A remedy for an end of the connection; its place cannot be told from the hop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be fixed. `nodes`: where the verdict places the loss, none for a fault without a case."""

    fault: str
    summary: str
    remedies: tuple[Remedy, ...]
    nodes: tuple[str, ...] = ()
    record: "RunRecord | None" = None


def subject_of(subject: str) -> Subject:
    """A case folder or a fault's name. Raises LastseenError where nothing is known to be wrong, or to help."""
    from lastseen.faults.pages import slugs
    from lastseen.live.record import read_record

    if subject in slugs():
        return _of_fault(subject)
    folder = Path(subject)
    if not folder.exists():
        raise LastseenError(
            f"{subject}: neither a case folder nor a fault; 'lastseen faults' lists the faults"
        )
    diagnosis = examined(folder)
    verdict = diagnosis.verdict
    if verdict.fault is None or not diagnosis.remedies:
        raise LastseenError(
            f"{subject}: the verdict is {verdict.grade}, and no remedy follows from it: {verdict.summary}"
        )
    names = {name for name in (verdict.last_seen, verdict.missing_at) if name}
    nodes = dict.fromkeys(
        point.node for point in diagnosis.matching.points if point.name in names and point.node
    )
    return Subject(
        fault=verdict.fault,
        summary=verdict.summary,
        remedies=diagnosis.remedies,
        nodes=tuple(nodes),
        record=read_record(folder) if folder.is_dir() else None,
    )


def examined(folder: Path) -> "Diagnosis":
    """The diagnosis of a case, whole."""
    from lastseen.cli.pipeline import matched, opened
    from lastseen.cli.progress import Progress
    from lastseen.diagnosis import Question
    from lastseen.diagnosis import diagnose as answer

    with Progress() as progress, opened([folder], progress) as case:
        return answer(
            matched(case, progress),
            case.rows,
            case.details,
            question=Question(),
            files=tuple(case.files),
            weirds=tuple(case.weirds),
            partial=case.partial,
            progress=progress,
        )


def _of_fault(slug: str) -> Subject:
    """The remedies as the fault's own cases show them; where they belong only the user knows."""
    from lastseen import faults

    cases = sorted(Path(faults.__path__[0], slug, "cases/positive").iterdir())
    for case in cases:
        found = next((j for j in examined(case).judgements if j.fault == slug), None)
        remedies = getattr(found, "remedies", ())
        if remedies:
            return Subject(fault=slug, summary=f"taken to be {slug}, without a case", remedies=remedies)
    raise LastseenError(f"{slug}: no remedy is known; see 'lastseen explain {slug}'")


def chosen(subject: Subject, number: int | None) -> Remedy:
    """The remedy of that number, or the first one that lastseen can apply itself."""
    from lastseen.remedies.forms import is_applicable

    if number is not None:
        if not 1 <= number <= len(subject.remedies):
            raise LastseenError(f"--remedy {number}: there are 1 to {len(subject.remedies)}")
        remedy = subject.remedies[number - 1]
    else:
        applicable = [each for each in subject.remedies if is_applicable(each.commands)]
        remedy = (applicable or list(subject.remedies))[0]
    if not is_applicable(remedy.commands):
        by_hand = "; ".join(remedy.commands) or "no command does it"
        raise LastseenError(
            f"{remedy.title} ({remedy.where}): lastseen does not do this by itself; do it by hand: {by_hand}"
        )
    return remedy


def host_of(subject: Subject, remedy: Remedy, at: str, *, over_ssh: "Host | None", netns: str) -> "Host":
    """Where the remedy is applied. Raises LastseenError where that is not clear."""
    from lastseen.hosts.host import HERE, Host

    if over_ssh is not None or netns:
        file = netns if not netns or "/" in netns else f"/run/netns/{netns}"
        return (over_ssh or HERE).inside(file)
    record = {node.node: node for node in subject.record.nodes} if subject.record else {}
    node = at or _node(subject, remedy, list(record))
    if node == "":
        return HERE
    if node not in record:
        raise LastseenError(
            f"--at {node}: the case reached {', '.join(record) or 'no node'}; or give --host and --netns"
        )
    where = record[node]
    return Host(name=where.host, ssh=where.ssh, netns=where.netns)


def _node(subject: Subject, remedy: Remedy, known: Sequence[str]) -> str:
    """The node of the case the remedy is for; "" is this host, where the case names none."""
    if not known:
        return ""
    mentioned = [node for node in known if re.search(rf"\b{re.escape(node)}\b", remedy.where)]
    if len(mentioned) == 1:
        return mentioned[0]
    # a virtual machine cannot be the hop: what lies between it and its host is the host's
    hosts = {node.node for node in subject.record.nodes if not node.netns} if subject.record else set()
    nodes = [node for node in subject.nodes if node in hosts] or list(subject.nodes)
    if len(nodes) == 1 and not ELSEWHERE.search(remedy.where):
        return nodes[0]
    raise LastseenError(
        f"it is not clear where {remedy.title.lower()!r} belongs ({remedy.where}); say it with --at NODE, one of"
        f" {', '.join(known)}"
    )
