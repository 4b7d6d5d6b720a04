"""What each piece of evidence can and cannot prove, and what is missing for which question.

What a piece proves follows from its kind, not from its text; what is missing is what the rules themselves asked for and
did not get, so that nobody is sent for evidence that would decide nothing.
"""

from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lastseen.diagnosis.reconciling import reconciled
from lastseen.diagnosis.snapshots import moments
from lastseen.faults import rules
from lastseen.faults.facts import Facts
from lastseen.tables.assessments import Assessment, Question, Telling
from lastseen.tables.counted import counted
from lastseen.tables.facts_from_texts import Counter, Row
from lastseen.tables.judgements import Untestable

__all__ = ["KINDS", "assessed"]

MOST_MISSING: Final = 8
"""Pieces named for a question, those that would decide most first."""

PACKETS: Final = "packets"
KINDS: Final[dict[str, tuple[str, str, str]]] = {
    PACKETS: (
        PACKETS,
        "which packets passed a point, and when",
        "that a packet which is not there was lost, without a second point that had it",
    ),
    "Setting": (
        "settings",
        "how something was set when the text was taken",
        "that it was so during the run, or took effect",
    ),
    "Counter": ("counters", "how many there were between two snapshots", "which packets they were"),
    "LogLine": (
        "log lines",
        "that the kernel or a daemon noticed something; of which packet, where the line names it",
        "that nothing happened where there is no line: logs are rate-limited and often off",
    ),
    "Rule": (
        "rules and flows",
        "what is dropped or passed, and how often between two snapshots",
        "which packets were counted",
    ),
    "ConntrackEntry": (
        "tracked connections",
        "how connection tracking saw a connection at that moment",
        "what it did before or after",
    ),
    "Socket": (
        "sockets",
        "the state of an end of a connection at that moment",
        "which packet brought it there",
    ),
    "Syscall": (
        "calls of programs",
        "what the program waited for, how long, and what ended it",
        "why it did not come",
    ),
    "Transfer": (
        "transfers",
        "which phase of a request kept its client waiting, how long, what ended it (curl -v alone: the whole time)",
        "why, or which packet was missing; a download that lasts is no wait",
    ),
    "Version": ("versions", "which software ran", "that it has a fault, or that a vendor has not mended it"),
    "Interface": ("interfaces", "which devices and addresses a node has", "that packets took this way"),
    "Route": ("routes", "which way packets should take", "that they took it"),
    "Neighbour": ("neighbours", "which hardware address a node sends to", "that somebody listens there"),
    "ForwardingEntry": (
        "forwarding entries",
        "behind which port a switch looks for a hardware address",
        "that it is there",
    ),
    "GuestPort": ("guests' cards", "which device of the host is a guest's card", "that packets passed it"),
    "Drop": (
        "traced drops",
        "that the kernel discarded a packet, where, and why, if it gives a reason",
        "which packet it was, where the trace names none",
    ),
    "Traced": ("traced ways through a switch", "what a switch would do with such a packet", "that it did so"),
    "CutCapture": ("captures that ended early", "which captures ended before the run", "when they ended"),
    "Moment": ("moments", "when a snapshot was taken or a command ran", "what happened then"),
}
"""What each kind of row (the name of its class; `PACKETS`) is called, what it proves, and what not."""
_LONE_COUNTERS: Final = (
    "counters",
    "how many there were since the host started",
    "how many came during the run",
)


def assessed(facts: Facts, rows: Sequence[Row]) -> Assessment:
    """What there is, what it proves, and what is missing."""
    tells: dict[str, Counts[str]] = {}
    for point in facts.matching.points:
        tells.setdefault(point.file, Counts())[PACKETS] += point.packets
    for (file, kind), count in Counts((row.source.file, type(row)) for row in rows).items():
        tells.setdefault(file, Counts())[kind.__name__] += count
    return Assessment(
        tells={
            file: {KINDS[kind][0]: count for kind, count in found.items()} for file, found in tells.items()
        },
        can_tell=tuple(_tellings(tells, rows)),
        questions=(_felt(facts), _lost(facts), _why(facts, rows)),
    )


def _tellings(tells: dict[str, Counts[str]], rows: Sequence[Row]) -> Iterator[Telling]:
    known = KINDS if _has_pairs(rows) else {**KINDS, "Counter": _LONE_COUNTERS}
    for kind, (name, proves, not_prove) in known.items():
        counts = [found[kind] for found in tells.values() if found[kind]]
        if counts:
            yield Telling(kind=name, rows=sum(counts), files=len(counts), proves=proves, not_prove=not_prove)


def _has_pairs(rows: Iterable[Row]) -> bool:
    return {"before", "after"} <= {row.snapshot for row in rows if isinstance(row, Counter)}


# ---- the questions ----
def _felt(facts: Facts) -> Question:
    found = tuple(
        f"{symptom.call} waited {symptom.waited_ns / 1e9:.2f} s"
        for symptom in facts.symptoms[:1]
        if symptom.waited_ns is not None
    )
    stalled = facts.stalled()
    found += tuple(f"{c.text} stood still for {c.stall_ns / 1e9:.2f} s" for c in stalled[:1])
    missing = () if facts.symptoms else ("the client's system calls (strace -f -ttt -T -yy)",)
    return Question(question="What did the user feel?", answered_by=found, missing=missing)


def _lost(facts: Facts) -> Question:
    points = facts.matching.points
    found = (f"captures at {len(points)} point{'s' if len(points) > 1 else ''}",) if points else ()
    missing = []
    if len(points) < 2:  # noqa: PLR2004 - a hop has two ends
        missing.append("a capture at a second point, beyond the host that is suspected")
    unordered = sum(1 for order in facts.matching.order if order is None)
    if unordered:
        missing.append(
            f"the place on the path of {unordered} of the points (case.toml, or ip addr of their hosts)"
        )
    unproven = sum(len(site.unproven_rows) for site in facts.sites)
    if unproven:
        missing.append(
            f"until when the captures ran: {counted(unproven, 'packet')} came after the last one of the next point"
        )
    return Question(
        question="What is missing, and where was it last seen?", answered_by=found, missing=tuple(missing)
    )


def _why(facts: Facts, rows: Sequence[Row]) -> Question:
    """What rules asked for and did not get; what more of them asked for first."""
    asked: Counts[str] = Counts()
    order: dict[str, list[str]] = {}
    for slug, rule in rules().items():
        judgement = rule.judge(facts)
        if isinstance(judgement, Untestable):
            for text in judgement.missing:
                asked[text] += 1 + len(judgement.reasons)
                order.setdefault(text, []).append(slug)
    missing = tuple(
        f"{text} (would tell {', '.join(order[text])})" for text, _ in asked.most_common(MOST_MISSING)
    )
    joined = sum(1 for line in facts.log_lines if line.row is not None)
    drops = sum(1 for drop in facts.drops if drop.row is not None)
    found = [
        f"{count} of {of} {what} are joined to the packet they speak of"
        for count, of, what in (
            (joined, len(facts.log_lines), "log lines about something known"),
            (drops, len(facts.drops), "traced drops"),
        )
        if of
    ]
    found += [reason.text for reason in reconciled(facts, moments(rows))]
    return Question(question="Which component did it, and why?", answered_by=tuple(found), missing=missing)
