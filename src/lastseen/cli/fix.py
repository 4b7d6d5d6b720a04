"""`lastseen fix`: a remedy applied, verified by repeating the trouble, and only then made persistent."""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastseen.cli.around import HostOption, OutOption, SshOption, YesOption
from lastseen.errors import LastseenError

if TYPE_CHECKING:
    from lastseen.cli.remedy_choice import Subject
    from lastseen.hosts.probing import HostFacts
    from lastseen.remedies.applying import Applied
    from lastseen.remedies.persisting import Persisted
    from lastseen.tables.judgements import Remedy

__all__ = ["fix"]

NOT_CURED = 1
MOST_BYTES = 100 << 20


def fix(
    subject: Annotated[
        str, typer.Argument(metavar="CASE|FAULT", help="A case folder, or a fault of 'lastseen faults'.")
    ],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND...]", help="What reproduces the trouble; default: the case's own command."
        ),
    ] = None,
    remedy: Annotated[
        int | None, typer.Option(metavar="N", help="Which remedy, as numbered by diagnose.", min=1)
    ] = None,
    at: Annotated[str, typer.Option(metavar="NODE", help="On which node of the case.")] = "",
    host: HostOption = None,
    ssh_option: SshOption = None,
    netns: Annotated[str, typer.Option(metavar="NAME", help="In which network namespace.")] = "",
    root: Annotated[
        str, typer.Option(metavar="DIR", help="Where the persistent form is written below (etc/sysctl.d).")
    ] = "/",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For the repetition.", min=1)] = 300.0,
    out: OutOption = None,
    yes: YesOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.fix/1).")
    ] = False,
) -> None:
    """Apply a remedy where it belongs, repeat what hung, and keep it only if it is cured.

    Shown first: what, on which host and in which namespace, its price, its risk, how to undo it. What does not cure is
    taken back at once (exit status 1). What cures is written to sysctl.d, with its module loaded first, and checked.
    'lastseen undo' takes it back, also weeks later.
    """
    from lastseen.cli.around import agreed, case_name, startable
    from lastseen.cli.remedy_choice import chosen, host_of, subject_of
    from lastseen.hosts.host import remote
    from lastseen.hosts.interrupts import interruptible
    from lastseen.hosts.probing import probe

    began = time.monotonic()
    if root and not root.startswith("/"):
        root = str(Path(root).resolve())
    if len(host or ()) > 1:
        raise LastseenError("--host: a remedy is applied on one host; give one")
    about = subject_of(subject)
    cure = chosen(about, remedy)
    over_ssh = remote(host[0], ssh_option or ()) if host else None
    where = host_of(about, cure, at, over_ssh=over_ssh, netns=netns)
    facts = probe(where.inside(""))
    if not facts.reached:
        raise LastseenError(f"{where.name}: not reached ({facts.why}); nothing was changed")
    repeat = list(command or (about.record.command if about.record else ()))
    if repeat:
        startable(repeat)
    agreed(_described(about, cure, facts, where.netns, root=root, repeat=repeat), yes=yes)
    with interruptible():
        said = _carried_out(
            about, cure, facts, where.netns, root=root, repeat=repeat, timeout=timeout, out=out or case_name()
        )
    said["seconds"] = round(time.monotonic() - began, 1)
    _tell(said, json=json)
    if said["cured"] is False:
        raise typer.Exit(NOT_CURED)


def _described(
    about: "Subject", cure: "Remedy", facts: "HostFacts", netns: str, *, root: str, repeat: list[str]
) -> list[str]:
    lines = [
        f"Remedy for {about.fault}: {cure.title}",
        f"  what   {'; '.join(cure.commands)}",
        f"  where  {facts.place(netns)}" + (f" (ssh {facts.host.ssh[-1]})" if facts.host.ssh else ""),
        f"  price  {cure.price}",
        f"  risk   {cure.risk}",
        f"  undo   lastseen undo, or by hand: {'; '.join(cure.undo)}",
        f"  then   {'repeat: ' + shlex.join(repeat) if repeat else 'nothing is repeated: no command is known'}",
        f"  check  {cure.check}",
    ]
    if repeat:
        lines.append(f"  kept   if it cures, below {root} as well; else taken back at once")
    return lines


def _carried_out(
    about: "Subject",
    cure: "Remedy",
    facts: "HostFacts",
    netns: str,
    *,
    root: str,
    repeat: list[str],
    timeout: float,
    out: Path,
) -> dict[str, Any]:
    """Apply, verify, keep or take back; what happened, for people and --json."""
    from lastseen.hosts.changes import describe
    from lastseen.hosts.journal import Session
    from lastseen.hosts.restore import take_all_back
    from lastseen.remedies.applying import apply, counters, moved
    from lastseen.remedies.forms import actions_of
    from lastseen.remedies.persisting import persist
    from lastseen.remedies.undoing import keep

    session = Session.begin()
    title = f"{about.fault}: {cure.title}"
    before = counters(facts, netns)
    said: dict[str, Any] = {"cured": None}
    finished = False
    try:
        applied = apply(session, facts, netns, actions_of(cure.commands) or [], about=title)
        said = _unverified(about, cure, str(facts.place(netns)), [describe(each.change) for each in applied])
        if repeat:
            said["cured"], said["why"], notes = _verified(about, repeat, timeout, out)
            said["notes"] += notes
        said["moved"] = moved(before, counters(facts, netns))
        files: list[Applied] = []
        if said["cured"]:
            result = persist(session, facts, netns, applied, root=root, about=title)
            files = result.files
            said |= _persisted(result, said["notes"])
        if said["cured"] is not False:
            keep([*applied, *files], session.folder)
        finished = True
    finally:  # an error, a signal or no cure: as it was
        if not finished or said["cured"] is False:
            back = take_all_back(session)
            said["taken_back"] = all(result.state is not None for result in back)
    return said


def _unverified(about: "Subject", cure: "Remedy", where: str, applied: list[str]) -> dict[str, Any]:
    """What there is to say as long as nothing was repeated."""
    return {
        "schema": "lastseen.fix/1",
        "fault": about.fault,
        "remedy": cure.title,
        "where": where,
        "applied": applied,
        "cured": None,
        "why": "not verified: no command that reproduces the trouble is known; give it after --",
        "persisted": [],
        "notes": [] if applied else ["everything is so already: nothing was changed"],
        "taken_back": False,
    }


def _persisted(result: "Persisted", notes: list[str]) -> dict[str, Any]:
    """What of the persistent form there is to say."""
    return {
        "persisted": [each.change.path for each in result.files if hasattr(each.change, "path")],
        "persisted_form_applies": result.checked or None,
        "notes": notes + result.notes,
    }


def _verified(about: "Subject", repeat: list[str], timeout: float, out: Path) -> tuple[bool, str, list[str]]:
    """Repeat the trouble with everything watched: (cured, why, notes)."""
    from lastseen.cli.around import planned, probed_again, say
    from lastseen.cli.remedy_choice import examined
    from lastseen.hosts.restore import sweeping
    from lastseen.live.other_end import OtherEnd, in_command
    from lastseen.live.plan import Bounds
    from lastseen.live.session import carry_out
    from lastseen.live.targets import namespace_of_command

    record = about.record
    end = in_command(repeat)
    if record is not None and record.remote.addresses:
        end = OtherEnd(addresses=record.remote.addresses, port=record.remote.port)
    target = (record.target if record else "") or namespace_of_command(repeat)
    plan = planned(
        probed_again(record),
        target,
        end,
        bounds=Bounds(seconds=timeout, most_bytes=MOST_BYTES),
        out=out,
        log=True,
    )
    with sweeping() as session:
        outcome = carry_out(plan, repeat, session, say)
    ended = outcome.ended
    verdict = examined(plan.folder).verdict
    notes = [*outcome.notes, f"the repetition is in {plan.folder}: {verdict.grade}, {verdict.summary}"]
    if ended is None or ended.why:
        return False, f"the command {ended.why if ended else 'was not run'}", notes
    if ended.stalled_at_s is not None:
        return False, f"it still stalls: {ended.seconds:.1f} s", notes
    if verdict.fault == about.fault and verdict.grade in ("confirmed", "probable"):
        return False, f"it ends after {ended.seconds:.2f} s, but {about.fault} is still there", notes
    if record is not None and record.status == 0 and ended.status != 0:
        return False, f"the command now fails with exit status {ended.status}", notes
    was = f" instead of {record.seconds:.2f} s" if record is not None and record.seconds else ""
    return True, f"it ends after {ended.seconds:.2f} s{was}", notes


def _tell(said: dict[str, Any], *, json: bool) -> None:
    import msgspec

    from lastseen.cli.around import to_width

    if json:
        typer.echo(msgspec.json.encode(said))
        return
    verb = {True: "CURED", False: "NOT CURED, taken back", None: "APPLIED, not verified"}[said["cured"]]
    lines = [
        f"{verb}: {said['why']}",
        *(f"  changed    {change} on {said['where']}" for change in said["applied"]),
    ]
    lines += [f"  persisted  {file}" for file in said["persisted"]]
    if said.get("persisted_form_applies"):
        lines.append("  checked    the persisted form applies")
    if said.get("moved"):
        lines.append(f"  meanwhile  {', '.join(said['moved'])}")
    lines += [f"  note       {note}" for note in said["notes"]]
    if said["cured"] is not False and said["applied"]:
        lines.append("  undo       lastseen undo")
    lines.append(f"  in all     {said['seconds']} s")
    typer.echo("\n".join(to_width(lines, sys.stdout)))
