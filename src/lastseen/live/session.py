"""Carry a plan out: snapshots, captures and settings around a command or a span of time, into a case folder.

Whatever happens, what was begun is ended in reverse order, and what evidence there is stays in the folder. A host that
drops out costs its own evidence only; each thing that could not be had is a sentence in the notes.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from lastseen.errors import LastseenError
from lastseen.hosts.asking import ask
from lastseen.hosts.holding import Held, held
from lastseen.hosts.journal import Session
from lastseen.hosts.programs import Started, end, start
from lastseen.live.case_folder import begin_case, finish_case, write_text
from lastseen.live.command import Ended, run_command
from lastseen.live.plan import HostPlan, Plan, Spot
from lastseen.live.recording import Recording
from lastseen.live.texts import snapshot_commands, titled

__all__ = ["Outcome", "carry_out", "collect_for"]

SETTLE_S: Final = 1.3
"""libpcap hands packets over in blocks at most a second old (pcap_set_timeout of tcpdump: 1000 ms)."""
LISTENING_S: Final = 10.0
"""How long a capture may take to begin: over a slow ssh some seconds."""
FREE_SHARE: Final = 0.5
"""Of the free disk, at most this much is used."""


@dataclass(slots=True, eq=False)
class _Running:
    """One capture under way."""

    host: HostPlan
    spot: Spot
    started: Started
    recording: Recording
    errors: Path


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run left: its folder, how the command ended (None: there was none) and what could not be had.

    `cut`: captures that ended before the run did, by their names in the folder. `observing`: all that comes before the
    command is done, and there is something to keep.
    """

    folder: Path
    ended: Ended | None = None
    notes: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    observing: bool = False


Say = Callable[[str], None]


def carry_out(plan: Plan, command: Sequence[str], session: Session, say: Say) -> Outcome:
    """Run a command with everything around it."""
    outcome = Outcome(folder=plan.folder)
    local = next((host for host in plan.hosts if not host.facts.host.ssh), None)
    with _around(plan, session, outcome, say, command=command) as running:
        facts = local.facts if local is not None else plan.hosts[0].facts
        say("running the command")
        outcome.ended = run_command(
            command,
            session,
            facts,
            plan.folder,
            longest_s=plan.bounds.seconds,
            on_stall=lambda: _mid(plan, outcome, say),
            silent_for=lambda: _silence(running),
        )
        outcome.notes += outcome.ended.notes
        if outcome.ended.why:
            outcome.notes.append(f"the command {outcome.ended.why}")
    finish_case(plan, outcome.notes, command=command, ended=outcome.ended, cut=outcome.cut)
    return outcome


def collect_for(plan: Plan, session: Session, say: Say) -> Outcome:
    """Capture for the plan's time, or until Ctrl-C."""
    outcome = Outcome(folder=plan.folder)
    with _around(plan, session, outcome, say):
        say("capturing; Ctrl-C ends it")
        try:
            time.sleep(plan.bounds.seconds)
        except KeyboardInterrupt:
            outcome.notes.append("the collection was interrupted")
    finish_case(plan, outcome.notes, command=(), ended=None, cut=outcome.cut)
    return outcome


@contextmanager
def _around(
    plan: Plan, session: Session, outcome: Outcome, say: Say, *, command: Sequence[str] = ()
) -> Iterator[list[_Running]]:
    """Everything that is there before, and taken down after, what is observed."""
    with ExitStack() as stack:
        stack.enter_context(_folder(plan, outcome))
        if why := begin_case(plan, command):
            raise LastseenError(f"{plan.folder}: cannot be written ({why}); name another folder with --out")
        results: list[tuple[HostPlan, Held]] = []
        stack.callback(_tell, results, outcome)  # the last to be called: what could not be set back is in it
        results.extend(
            (host, stack.enter_context(held(session, host.facts, host.settings))) for host in plan.hosts
        )
        running = list(_captures(plan, session, outcome, say, stack=stack))
        say("taking the snapshot before")
        _snapshot(plan, "before", outcome)
        outcome.observing = True
        try:
            yield running
        finally:
            say("taking the snapshot after")
            time.sleep(SETTLE_S)
            _snapshot(plan, "after", outcome)
            _stop(running, plan, outcome, say)


def _tell(results: Sequence[tuple[HostPlan, Held]], outcome: Outcome) -> None:
    outcome.notes += [f"{host.facts.name}: {note}" for host, result in results for note in result.notes]


@contextmanager
def _folder(plan: Plan, outcome: Outcome) -> Iterator[None]:
    """The folder of the case. One given up before anything could be observed is no case, and does not stay behind.

    Nor do the folders above it that were made for it.
    """
    made = [folder for folder in plan.folder.absolute().parents if not folder.exists()]
    try:
        plan.folder.mkdir(parents=True)
    except OSError as error:
        raise _not_made(plan, error) from error
    try:
        _furnish(plan)
        yield
    except LastseenError:  # also from the journal: then the command was not started
        _unmake(plan.folder, made)
        raise
    except KeyboardInterrupt:
        if not outcome.observing:
            _unmake(plan.folder, made)
        raise


def _unmake(folder: Path, made: Sequence[Path]) -> None:
    """Remove a folder and those above it that were made for it; where something else is in one by now, it stays."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        for parent in made:
            parent.rmdir()


def _furnish(plan: Plan) -> None:
    try:
        (plan.folder / "captures").mkdir()
        free = shutil.disk_usage(plan.folder).free
    except OSError as error:
        raise _not_made(plan, error) from error
    if free * FREE_SHARE < plan.bounds.most_bytes:
        raise LastseenError(
            f"{plan.folder}: {free >> 20} MB are free, and twice the bound of {plan.bounds.most_bytes >> 20} MB is"
            " wanted; make room, lower --max-mb, or name another disk with --out"
        )


def _not_made(plan: Plan, error: OSError) -> LastseenError:
    return LastseenError(f"{plan.folder}: cannot be made ({error.strerror}); name another folder with --out")


def _captures(
    plan: Plan, session: Session, outcome: Outcome, say: Say, *, stack: ExitStack
) -> Iterator[_Running]:
    """Start every capture; one that does not begin is a note."""
    spots = plan.spots
    share = plan.bounds.most_bytes // max(len(spots), 1)
    for host, spot in spots:
        say(f"starting the capture at {spot.stop.name} on {host.facts.name}")
        errors = plan.folder / "captures" / f"{Path(spot.file).stem}.tcpdump.txt"
        with errors.open("wb") as stream:
            started = start(session, host.facts, spot.command, netns=spot.stop.netns, errors=stream)
        stack.callback(end, started)
        output: IO[bytes] | None = started.process.stdout
        assert output is not None  # noqa: S101 - it is a pipe
        recording = Recording(plan.folder / spot.file, output, share, plan.bounds.ring_s)
        recording.start()
        if _listens(started, errors):
            yield _Running(host, spot, started, recording, errors)
        else:
            outcome.notes.append(f"{host.facts.name}: no capture at {spot.stop.name}: {_complaint(errors)}")
            end(started)
            recording.finish(1)
            _discard(plan.folder / spot.file, errors)


def _listens(started: Started, errors: Path) -> bool:
    """Wait until the capture has begun."""
    until = time.monotonic() + LISTENING_S
    while time.monotonic() < until:
        said = errors.read_bytes()
        if b"listening on" in said or b"Capturing on" in said:
            return True
        if started.process.poll() is not None:
            return False
        time.sleep(0.02)
    return False


def _complaint(errors: Path) -> str:
    lines = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else f"it did not begin within {LISTENING_S:.0f} s"


def _discard(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _silence(running: Sequence[_Running]) -> float:
    """Seconds since any capture gave packets; 0 while none has yet."""
    began = [each.recording for each in running if each.recording.packets_began]
    return time.monotonic() - max((r.last_data for r in began), default=time.monotonic())


def _mid(plan: Plan, outcome: Outcome, say: Say) -> None:
    say("it stalls: taking the snapshot in mid-stall")
    _snapshot(plan, "mid", outcome)
    say("waiting for the command to end; Ctrl-C ends it, and what there is by then is judged")


def _snapshot(plan: Plan, when: str, outcome: Outcome) -> None:
    """All hosts at once: a stall does not wait."""
    with ThreadPoolExecutor(max_workers=max(len(plan.hosts), 1)) as pool:
        for notes in pool.map(lambda host: _host_snapshot(plan, host, when), plan.hosts):
            outcome.notes += notes


def _host_snapshot(plan: Plan, host: HostPlan, when: str) -> list[str]:
    """The texts of one host in one round trip, each in its own file."""
    facts = host.facts
    questions: dict[str, tuple[str, ...]] = {}
    files: dict[str, tuple[str, tuple[str, ...]]] = {}
    for netns, node in host.nodes:
        if netns and not facts.can_enter:
            continue
        interfaces = [spot.stop.name for spot in host.spots if spot.stop.netns == netns]
        bridges = sorted({bridge for bridge, _ in host.seen.datapaths}) if not netns else []
        commands = snapshot_commands(
            facts, when, netns=netns, interfaces=interfaces, bridges=bridges, addresses=plan.end.addresses
        )
        for name, command in commands.items():
            key = f"{when}/{node}/{name}.txt"
            questions[key] = ("nsenter", f"--net={netns}", *command) if netns else command
            files[key] = (netns, command)
    clock = f"{when}/{host.nodes[0][1]}/when.txt"
    questions[clock] = ("date", "-u", "+%Y-%m-%dT%H:%M:%S.%NZ")
    answers = ask(facts.host, questions)
    for _, node in host.nodes[1:]:
        answers[f"{when}/{node}/when.txt"] = answers[clock]
    unwritten = []
    for key, said in answers.items():
        if said.ok:
            text = titled(facts, *files[key], said.out) if key in files else said.out
            unwritten.append(write_text(plan.folder / key, text))
    missing = [said.why for said in answers.values() if said.status is None and not said.out]
    missing += [why for why in unwritten if why]
    if not missing:
        return []
    return [f"{facts.name}: {len(missing)} texts of the snapshot '{when}' are missing: {missing[0]}"]


def _stop(running: Sequence[_Running], plan: Plan, outcome: Outcome, say: Say) -> None:
    """End all captures; what saw nothing and lies on no known path is no point of the case."""
    say("ending the captures")
    for each in running:
        early = each.started.process.poll() is not None
        status = end(each.started)
        each.recording.finish(5)
        name = f"{each.host.facts.name}: the capture at {each.spot.stop.name}"
        if each.recording.stopped_because:
            outcome.notes.append(f"{name} {each.recording.stopped_because}")
        if early or status is None:
            outcome.notes.append(f"{name} ended early: {_complaint(each.errors)}")
        if each.recording.stopped_because or early or status is None:
            outcome.cut += each.recording.files(plan.folder)
        if not each.recording.packets_began and not each.spot.certain:
            _discard(plan.folder / each.spot.file, each.errors)
