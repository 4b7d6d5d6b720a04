"""Build the facts that rules read from what the stages before found."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from lastseen.connections.symptoms import by_badness, symptoms
from lastseen.connections.transfer_symptoms import transfer_symptoms
from lastseen.diagnosis.conversation_facts import MOST_CONVERSATIONS, conversation_facts, rank
from lastseen.diagnosis.drop_pauses import joined_by_pauses
from lastseen.diagnosis.joins import join_drops, join_lines
from lastseen.diagnosis.loss_sites import loss_sites
from lastseen.diagnosis.transfer_joins import join_transfers
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Details, Tracks
from lastseen.matching.related import related_connections
from lastseen.tables.facts_from_texts import (
    ConntrackEntry,
    Counter,
    Drop,
    ForwardingEntry,
    Interface,
    LogLine,
    Neighbour,
    Route,
    Row,
    Rule,
    Setting,
    Socket,
    Syscall,
    Version,
)
from lastseen.tables.points import Matching
from lastseen.tables.symptoms import Symptom
from lastseen.tables.transfers import Transfer

__all__ = ["Evidence", "facts_of"]

T = TypeVar("T", bound=Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Text rows by type, so that hundreds of thousands are gone through once."""

    by_type: Mapping[type[Row], Sequence[Row]]

    @staticmethod
    def among(rows: Iterable[Row]) -> "Evidence":
        """Those of all texts."""
        by_type: dict[type[Row], list[Row]] = defaultdict(list)
        for row in rows:
            by_type[type(row)].append(row)
        return Evidence(by_type=by_type)

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """All rows of one type, in order of evidence."""
        return cast("tuple[T, ...]", tuple(self.by_type.get(kind, ())))


def facts_of(
    matching: Matching, rows: Sequence[Row], details: Details, wanted: Sequence[str] = ()
) -> tuple[Facts, list[ConversationFacts]]:
    """Facts of a case, and its connections, worst first.

    `wanted` are texts of endpoints (address, port, or both) the question is about; without any it is about every
    connection.
    """
    evidence = Evidence.among(rows)
    tracks = Tracks(matching, details)
    ranked = conversation_facts(matching, rank(matching)[:MOST_CONVERSATIONS], tracks.rows)
    called, transfers = symptoms(evidence.of(Syscall)), evidence.of(Transfer)
    felt = by_badness((*called, *transfer_symptoms(transfers)))
    everything = frozenset(range(len(matching.conversations.group)))
    focus = frozenset(c.number for c in ranked if _is_wanted(c, wanted))
    sites = loss_sites(matching, details, focus if wanted else everything)
    facts = Facts(
        matching=matching,
        conversations=tuple(sorted(ranked, key=lambda c: _concern(c, felt))),
        sites=sites,
        symptoms=felt,
        log_lines=tuple(join_lines(evidence.of(LogLine), matching.points)),
        counters=evidence.of(Counter),
        rules=evidence.of(Rule),
        settings=evidence.of(Setting),
        versions=evidence.of(Version),
        focus=focus,
        asked=tuple(wanted),
        host_names=_host_names(evidence.of(Version)),
        tracks=tracks,
        drops=joined_by_pauses(join_drops(evidence.of(Drop), matching.points), sites),
        conntrack=evidence.of(ConntrackEntry),
        sockets=evidence.of(Socket),
        interfaces=evidence.of(Interface),
        routes=evidence.of(Route),
        neighbours=evidence.of(Neighbour),
        forwarding=evidence.of(ForwardingEntry),
        related=related_connections(matching, details),
    )
    if transfers:
        located = transfer_symptoms([joined.transfer for joined in join_transfers(transfers, facts)])
        facts = replace(facts, symptoms=by_badness((*called, *located)))
    return facts, list(facts.conversations)


def _is_wanted(conversation: ConversationFacts, wanted: Sequence[str]) -> bool:
    """Whether every wanted text names an end of the connection."""
    ends = {
        form for address, port in conversation.endpoints for form in (address, f"{address}:{port}", str(port))
    }
    return all(text in ends or text == conversation.text for text in wanted)


def _concern(conversation: ConversationFacts, felt: Sequence[Symptom]) -> tuple[int, int, int, int]:
    """Sort key: the connection the application waited on first, then by loss and stall."""
    named = any(
        symptom.peer is not None and (symptom.peer.address, symptom.peer.port) in conversation.endpoints
        and (symptom.local is None or (symptom.local.address, symptom.local.port) in conversation.endpoints)
        for symptom in felt
    )  # fmt: skip
    return (not named, -conversation.lost_packets, -conversation.stall_ns, conversation.number)


def _host_names(versions: Iterable[Version]) -> dict[str, str]:
    """What each node calls itself (uname)."""
    return {v.node: v.detail for v in versions if v.name == "kernel" and v.detail}
