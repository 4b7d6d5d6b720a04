"""The JSON objects other programs build on, one struct an object; the JSON Schemas are made from them.

A field may be added at any time. Taking one away or changing its meaning needs a new schema number. All times are
int64 ns (since the epoch where they are moments): a JavaScript reader that parses them as doubles rounds them.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from lastseen.report.losses_contract import (
    DelayJson,
    Direction,
    HopJson,
    IcmpErrorJson,
    LossesJson,
    LossJson,
    PointJson,
    RelatedJson,
    TimedJson,
    UnprovenJson,
    WeirdJson,
)
from lastseen.tables.grades import Grade
from lastseen.tables.layers import Layer

__all__ = [
    "CaseEvidenceJson",
    "CommandsJson",
    "ConnectionJson",
    "ConnectionsJson",
    "ContrastJson",
    "DelayJson",
    "DiagnosisJson",
    "Direction",
    "EndedBy",
    "EventJson",
    "EvidenceJson",
    "ExoneratedJson",
    "HopJson",
    "IcmpErrorJson",
    "JudgementJson",
    "LossJson",
    "LossesJson",
    "PointJson",
    "QuestionJson",
    "RankedConnectionJson",
    "ReadFileJson",
    "ReasonJson",
    "RelatedJson",
    "RemedyJson",
    "SightingJson",
    "SourceJson",
    "SymptomJson",
    "TellingJson",
    "TimedJson",
    "TimelineJson",
    "UnprovenJson",
    "VerdictJson",
    "WeirdJson",
]

EndedBy = Literal["timeout", "eof", "data", "reset", "killed"]


class SourceJson(Struct, kw_only=True, frozen=True):
    """A place in the evidence: a file and a `frame` (a packet's number from 1, as in Wireshark) or a `line` (from 1).

    Neither is there where the whole file is meant.
    """

    file: str
    frame: int | UnsetType = UNSET
    line: int | UnsetType = UNSET


class ReasonJson(Struct, kw_only=True, frozen=True):
    """A statement and the place that proves it; `source` is null where it follows from the whole."""

    text: str
    source: SourceJson | None


class VerdictJson(Struct, kw_only=True, frozen=True):
    """The answer. `fault` is null for unattributed, healthy and blind, and at grade possible unless one fault is left.

    `last_seen` and `missing_at` are point names, in the direction of the lost packets. `also`: further supported
    faults. `indistinguishable`: faults this evidence cannot tell from `fault`.
    """

    fault: str | None
    grade: Grade
    summary: str
    component: str | None
    last_seen: str | None
    missing_at: str | None
    also: list[str]
    indistinguishable: list[str]


class JudgementJson(Struct, kw_only=True, frozen=True):
    """What one fault says of the case.

    `grade` is confirmed or probable where supported, possible where untestable with nothing against, else null.
    `missing`: what could not be tested, in words.
    """

    fault: str
    judgement: Literal["supported", "refuted", "untestable"]
    grade: Literal["confirmed", "probable", "possible"] | None
    for_: list[ReasonJson] = field(name="for")
    against: list[ReasonJson]
    missing: list[str]


class SymptomJson(Struct, kw_only=True, frozen=True):
    """The call that waited, told by the client's own system calls, or the phase of a request that curl tells.

    `kind`: waited_for_eof, waited_for_data, waited_for_connect, waited_for_name, waited_for_writable or waited.
    `call`: the longest of the `waits` consecutive waits on descriptor `fd` of process `pid`; of curl's own account
    "curl" with the phase in round brackets, `fd` -1, and `ended_by` killed where it does not tell its end.
    `waited_ns`: their sum; null: it never returned and the trace has no later time. `connection`: "local > peer",
    null where the trace does not tell. `source`: the first of `sources`. `started_ns`: in the trace's clock.
    `response_bytes`: read before the wait. `after_complete_response`: whether the response was whole before the
    wait; null: not told.
    """

    kind: str
    call: str
    waited_ns: int | None
    ended_by: EndedBy
    connection: str | None
    source: SourceJson | None
    sources: list[SourceJson]
    waits: int
    fd: int
    pid: int
    started_ns: int | None
    response_bytes: int
    after_complete_response: bool | None


class ContrastJson(Struct, kw_only=True, frozen=True):
    """A feature, and how many lost and delivered packets have it (same direction, same connections).

    `risk_ratio`: P(lost | feature) / P(lost | no feature); null when the denominator is 0. `p_value`: Fisher, exact.
    `same_as`: features that pick exactly the same packets. `text`: the feature in words. `hop`: index into `hops`.
    """

    feature: str
    lost: int
    lost_total: int
    delivered: int
    delivered_total: int
    risk_ratio: float | None
    p_value: float
    same_as: list[str]
    text: str
    hop: int


class RemedyJson(Struct, kw_only=True, frozen=True):
    """A change that mends or hides the fault: `where` to run `commands`, what it costs, how to check and undo it."""

    title: str
    where: str
    commands: list[str]
    price: str
    risk: str
    check: str
    undo: list[str]


class CommandsJson(Struct, kw_only=True, frozen=True):
    """One thing to do next, with the commands to copy."""

    text: str
    commands: list[str]


class EvidenceJson(Struct, kw_only=True, frozen=True):
    """One file of the case. `kind` null: not recognised. `node` and `snapshot` are "" where they do not apply."""

    file: str
    kind: str | None
    rows: int
    node: str
    snapshot: str


class ExoneratedJson(Struct, kw_only=True, frozen=True):
    """Something that was suspected and is not to blame: `what`, and why not."""

    what: str
    text: str
    source: SourceJson | None


class RankedConnectionJson(Struct, kw_only=True, frozen=True):
    """A connection and why it stands where it does. `stall`: a kind as in lastseen.connections/1, or null.

    `ending`: which end's FIN is not there, or null where both are or a reset is.
    """

    connection: str
    lost_packets: int
    unproven_packets: int
    stall: str | None
    stall_ns: int
    ending: str | None = None


class DiagnosisJson(Struct, kw_only=True, frozen=True):
    """What `lastseen diagnose --json` prints.

    `losses`, `hops` and `points` are as in lastseen.losses/1. `exonerated`: what was suspected and is not to blame.
    `notes`: what else is worth saying. `connections`: ranked, by what `ranking` says. `partial`: time ran out, so
    this is the best answer so far. `related`: as in lastseen.losses/1.
    """

    schema: Literal["lastseen.diagnosis/1"]
    verdict: VerdictJson
    judgements: list[JudgementJson]
    symptom: SymptomJson | None
    points: list[PointJson]
    losses: list[LossJson]
    contrasts: list[ContrastJson]
    remedies: list[RemedyJson]
    next: list[CommandsJson]
    weirds: list[WeirdJson]
    evidence: list[EvidenceJson]
    hops: list[HopJson]
    exonerated: list[ExoneratedJson]
    notes: list[ReasonJson]
    connections: list[RankedConnectionJson]
    ranking: str
    partial: bool
    related: list[RelatedJson] = field(default_factory=list)


class ConnectionJson(Struct, frozen=True, gc=False):
    """One TCP connection at one observation point; pairs are [a, b].

    `a` and `b`: "ip:port", v6 in brackets, innermost headers; `a` is the originator where known, else the first
    sender. `bytes`: TCP payload as sent on the wire, retransmissions counted. `retransmitted`: packets.
    `holes`: payload bytes never seen. `state` and `history`: Zeek's conn_state and history letters, as `zeek -C`.
    `stall`: kind of the longest silence of a second or more, or null; `stall_ns` its length. `tunnel`: outer to
    inner, or null.
    """

    file: str
    a: str
    b: str
    start_ns: int
    duration_ns: int
    packets: tuple[int, int]
    bytes: tuple[int, int]
    syn: tuple[int, int]
    fin: tuple[int, int]
    rst: tuple[int, int]
    retransmitted: tuple[int, int]
    holes: tuple[int, int]
    state: str
    history: str
    longest_gap_ns: int
    stall: str | None
    tunnel: str | None
    stall_ns: int


class ConnectionsJson(Struct, kw_only=True, frozen=True):
    """What `lastseen connections --json` prints: points in the order given, connections by their first packet.

    `partial`: time ran out before everything was read.
    """

    schema: Literal["lastseen.connections/1"]
    connections: list[ConnectionJson]
    weirds: list[WeirdJson] = field(default_factory=list)
    partial: bool = False


class SightingJson(Struct, kw_only=True, frozen=True):
    """A packet at one point; `at_ns` by the clock of the first point."""

    point: str
    at_ns: int
    source: SourceJson


class EventJson(Struct, kw_only=True, frozen=True):
    """Something one layer saw. `fate`: what became of a packet behind its last sighting, null: it arrived.

    `sightings`: of a packet, in its order. `packet`: where the packet stands that a line or a drop is joined to.
    """

    at_ns: int
    layer: Layer
    where: str
    text: str
    source: SourceJson | None
    fate: str | None
    sightings: list[SightingJson]
    packet: SourceJson | None


class TimelineJson(Struct, kw_only=True, frozen=True):
    """What `lastseen timeline --json` prints. `connection` null: there is none, so the events are the whole case's.

    `stall_ns`: when the connection stood still, from and until; null: it did not. Times are by the clock of the first
    point. `notes`: on clocks, and on what is left out. `partial`: the time was up before everything was read.
    """

    schema: Literal["lastseen.timeline/1"]
    connection: str | None
    stall_ns: tuple[int, int] | None
    events: list[EventJson]
    notes: list[ReasonJson]
    partial: bool


class ReadFileJson(Struct, kw_only=True, frozen=True):
    """One file of the case. `kind` null: not recognised; one that begins with "irrelevant" proves nothing.

    `lines` of a text were read (0 of a capture), `not_understood` of them could not be; `rows` came of it.
    `tells`: kinds of rows (`can_tell` says what each proves) and how many of each.
    """

    file: str
    kind: str | None
    node: str
    snapshot: str
    lines: int
    rows: int
    not_understood: int
    tells: dict[str, int]


class TellingJson(Struct, kw_only=True, frozen=True):
    """A kind of evidence: how many `rows` of it in how many `files`, what it `proves`, and what it does `not_prove`."""

    kind: str
    rows: int
    files: int
    proves: str
    not_prove: str


class QuestionJson(Struct, kw_only=True, frozen=True):
    """One of the questions of a diagnosis: what there is to answer it with, and what is missing."""

    question: str
    answered_by: list[str]
    missing: list[str]


class CaseEvidenceJson(Struct, kw_only=True, frozen=True):
    """What `lastseen evidence --json` prints. `partial`: the time was up before everything was read."""

    schema: Literal["lastseen.evidence/1"]
    files: list[ReadFileJson]
    can_tell: list[TellingJson]
    questions: list[QuestionJson]
    weirds: list[WeirdJson]
    partial: bool
