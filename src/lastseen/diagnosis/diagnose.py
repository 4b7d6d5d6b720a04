"""From facts to the verdict: judge every fault, grade the best, say what stays open and what to do next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.diagnosis.attempts import unanswered_attempt
from lastseen.diagnosis.cut_off import cut_off
from lastseen.diagnosis.exonerate import exonerated
from lastseen.diagnosis.facts_of import facts_of
from lastseen.diagnosis.findings import findings, stalled
from lastseen.diagnosis.joins import log_clocks
from lastseen.diagnosis.moved import moved_as_much
from lastseen.diagnosis.next_steps import next_steps
from lastseen.diagnosis.parts import apart
from lastseen.diagnosis.reconciling import reconciled
from lastseen.diagnosis.rests import rested
from lastseen.diagnosis.snapshots import moments
from lastseen.diagnosis.unwatched import unwatched
from lastseen.faults import rules
from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.refusals import Refusal, refusals
from lastseen.faults.tracks import Details
from lastseen.matching.quoted import quotes_of_losses
from lastseen.tables.counted import agreed, counted
from lastseen.tables.details import column
from lastseen.tables.diagnosis import Diagnosis, RankedConnection, Verdict
from lastseen.tables.facts_from_texts import LogLine, Row
from lastseen.tables.flow_text import connection_text
from lastseen.tables.judgements import Judgement, Reason, Refuted, Supported, Untestable
from lastseen.tables.packets import FLAGS, FLOW, FLOW_PROTO
from lastseen.tables.points import CLIENT_TO_REMOTE, DELIVERED, LOST, OUTSIDE, UNPROVEN, Matching, Point
from lastseen.tables.sources import EvidenceFile, Weird

__all__ = ["Question", "diagnose"]

RANKED_CONNECTIONS = 20
"""Connections listed by name; the others are counted."""
_TCP: Final = 6
_UDP: Final = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the user asks about: endpoints of connections (nothing: whatever is worst)."""

    wanted: tuple[str, ...] = ()


def diagnose(
    matching: Matching,
    rows: Sequence[Row],
    details: Details,
    *,
    question: Question = Question(),
    files: tuple[EvidenceFile, ...] = (),
    weirds: tuple[Weird, ...] = (),
    partial: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Diagnosis:
    """Answer the five questions of a case, each with its proof."""
    progress("comparing lost with delivered packets")
    facts, ranked = facts_of(matching, rows, details, question.wanted)
    progress("judging what is known")
    judgements, parts = _judged(facts, details)
    verdict, site = _verdict(facts, judgements, parts)
    best = judgements[0] if judgements and isinstance(judgements[0], Supported) else None
    clocks = log_clocks(facts.log_lines, [r for r in rows if isinstance(r, LogLine)], matching.points)
    contrasts = tuple(contrast for s in facts.sites for contrast in (*s.contrasts, *s.surroundings))
    return Diagnosis(
        verdict=verdict,
        judgements=judgements,
        symptom=facts.symptoms[0] if facts.symptoms else None,
        matching=matching,
        contrasts=contrasts,
        remedies=best.remedies if best else (),
        next=next_steps(facts, verdict, judgements, site),
        exonerated=exonerated(facts, site),
        notes=(
            *reconciled(facts, moments(rows)),
            *_hints(facts, verdict, site),
            *findings(facts, clocks, details),
        ),
        connections=tuple(_ranked(c) for c in ranked[:RANKED_CONNECTIONS]),
        ranking=_ranking(facts, question),
        evidence=files,
        weirds=weirds,
        partial=partial,
        picture_hops=tuple(s.number for s in facts.sites if len(s.lost_rows)),
        related=facts.related,
        quotes=quotes_of_losses(matching, details),
    )


def _judged(facts: Facts, details: Details) -> tuple[tuple[Judgement, ...], dict[str, int]]:
    """(what each fault says, best first; number of the part of a hop's losses that a fault explains, 0 where all).

    Where one rule accounts for a part of a hop's losses and no fault for all of them, a fault that the rest alone
    supports is supported for the rest.
    """
    said = {slug: rule.judge(facts) for slug, rule in rules().items()}
    explained = {j.hop for j in said.values() if isinstance(j, Supported) and j.hop is not None}
    parts: dict[str, int] = {}
    for number, (hop, part) in enumerate(apart(facts, details, explained), start=1):
        for slug, rule in rules().items():
            judgement = rule.judge(part)
            if isinstance(judgement, Supported) and judgement.hop == hop and slug not in parts:
                said[slug], parts[slug] = judgement, number
    return tuple(sorted(said.values(), key=_rank)), parts


def _hints(facts: Facts, verdict: Verdict, site: LossSite | None) -> tuple[Reason, ...]:
    """Where no cause is known, what moved by as much as was lost."""
    return moved_as_much(facts, site) if verdict.grade == "unattributed" and site is not None else ()


def _rank(judgement: Judgement) -> tuple[int, bool, int, str]:
    """Supported before possible before refuted, the particular before the general; what more speaks for first."""
    match judgement:
        case Supported(confirmed=confirmed, general=general, reasons=reasons):
            return (0 if confirmed else 1, general, -len(reasons), judgement.fault)
        case Untestable(reasons=reasons):
            return (2 if reasons else 3, False, -len(reasons), judgement.fault)
        case Refuted(reasons=reasons):  # pragma: no branch - the sum is closed
            return (4, False, -len(reasons), judgement.fault)


def _ranked(conversation: ConversationFacts) -> RankedConnection:
    return RankedConnection(
        connection=conversation.text,
        lost_packets=conversation.lost_packets,
        unproven_packets=conversation.unproven_packets,
        stall=conversation.stall,
        stall_ns=conversation.stall_ns,
        conversation=conversation.number,
        ending=_ending(conversation),
    )


def _ending(conversation: ConversationFacts) -> str:
    closed = conversation.client_fin_ns is not None, conversation.remote_fin_ns is not None
    return "" if conversation.was_reset else _NOT_CLOSED[closed]


_NOT_CLOSED: Final = {
    (True, True): "",
    (True, False): "no FIN from the remote end",
    (False, True): "the remote end's FIN, none from the client",
    (False, False): "no FIN from either end",
}
"""By whether the client closed it, and the remote end."""


def _ranking(facts: Facts, question: Question) -> str:
    if question.wanted:
        return f"only connections with {', '.join(question.wanted)}"
    how = "by packets lost, then by the longest silence"
    return f"the one the application waited on first, then {how}" if facts.symptoms else how


# ---- the verdict ----
def _verdict(
    facts: Facts, judgements: Sequence[Judgement], parts: Mapping[str, int] = MappingProxyType({})
) -> tuple[Verdict, LossSite | None]:
    if facts.asked and not facts.focus:
        return _no_such_connection(facts), None
    supported = [j for j in judgements if isinstance(j, Supported)]
    if supported:
        return _supported(facts, supported, parts)
    material = next(iter(facts.losses()), None)
    hinted = [j for j in judgements if isinstance(j, Untestable) and j.reasons]
    if hinted:
        site = next((s for s in facts.sites if s.number == hinted[0].hop), material)
        return _possible(hinted, site), site
    if material is not None:
        return _unattributed(facts, material), material
    site = next((s for s in facts.sites if len(s.lost_rows)), None)
    return _nothing_lost(facts), site


def _no_such_connection(facts: Facts) -> Verdict:
    summary = f"no connection with {' and '.join(facts.asked)} is in this evidence"
    return Verdict(fault=None, grade="blind", summary=summary)


def _supported(
    facts: Facts, supported: Sequence[Supported], parts: Mapping[str, int]
) -> tuple[Verdict, LossSite | None]:
    best = supported[0]
    site = next((s for s in facts.sites if s.number == best.hop), None)
    part = parts.get(best.fault, 0)
    rivals = [
        j for j in supported[1:] if site is not None and j.hop == best.hop and parts.get(j.fault, 0) == part
    ]
    equals = tuple(j.fault for j in rivals if _equals(j, best))
    verdict = Verdict(
        fault=best.fault,
        grade="confirmed" if best.confirmed and not equals else "probable",
        summary=best.summary + _who_waited(facts, best, site),
        component=best.component or None,
        last_seen=site.upstream.name if site else None,
        missing_at=site.downstream.name if site else None,
        also=tuple(j.fault for j in supported[1:] if j not in rivals),
        indistinguishable=tuple(dict.fromkeys((*equals, *best.alike))),
    )
    return verdict, site


def _equals(rival: Supported, best: Supported) -> bool:
    """Whether nothing puts one of two explanations of the same loss before the other."""
    return (rival.confirmed, rival.general) == (best.confirmed, best.general)


def _who_waited(facts: Facts, best: Supported, site: LossSite | None) -> str:
    """Whether anybody had to wait for what was lost."""
    if best.hop is None or site is None:
        return ""
    waits = [c for c in stalled(facts) if c.number in site.conversations]
    others = [s for s in facts.sites if s is not site and s.material and s.conversations & site.conversations]
    if waits and others:
        count, worst = len(others[0].lost_rows), others[0]
        return (
            f"; but {count} packet{'s' if count > 1 else ''} of the same connections were also lost between"
            f" {worst.upstream.name} and {worst.downstream.name}, which this does not explain"
        )
    felt = facts.symptoms[0] if facts.symptoms else None
    for_the_end = (
        felt.kind == "waited_for_eof" if felt else bool(waits) and waits[0].stall == "waiting_for_fin"
    )
    if for_the_end and not (column(site.lost, "tcp_flags") & FLAGS["F"]).any():
        return "; but the end that was waited for is not among them: no FIN was lost here"
    if not waits and any(r.conversation in site.conversations for r in refusals(facts)):
        return "; the attempt failed at once"
    if felt is not None and felt.waited_ns:
        return f"; {felt.call} waited {felt.waited_ns / 1e9:.2f} s because of it"
    if waits and waits[0].stall != "lost_retransmitting":
        return f"; the connection stood still for {waits[0].stall_ns / 1e9:.2f} s because of it"
    if not (_protocols(site.upstream, site.upstream.capture.packets[site.lost_rows, FLOW]) == _TCP).any():
        return ""  # nothing tells who waits for datagrams
    return "; packets are lost here, but nobody waited for them in this run"


def _unattributed(facts: Facts, site: LossSite) -> Verdict:
    names = f"between {site.upstream.name} and {site.downstream.name}"
    separating = next((c for c in site.contrasts if c.separates), None)
    shared = (
        f"; what they share and no delivered packet has: {separating.text}"
        if separating and separating.delivered_total
        else ""
    )
    host = f" on {facts.host(site.node)}" if site.node is not None else ""
    return Verdict(
        fault=None,
        grade="unattributed",
        summary=f"{counted(len(site.lost_rows), 'packet')} to the {'client' if site.to_client else 'remote end'}"
        f" {agreed(len(site.lost_rows), 'were')} lost"
        f" {names}{host}; no known cause was proven{shared}",
        component=facts.host(site.node) if site.node is not None else None,
        last_seen=site.upstream.name,
        missing_at=site.downstream.name,
    )


def _possible(hinted: Sequence[Untestable], site: LossSite | None) -> Verdict:
    faults = tuple(dict.fromkeys(fault for j in hinted for fault in (j.fault, *j.alike)))
    where = f"between {site.upstream.name} and {site.downstream.name} " if site else ""
    return Verdict(
        fault=faults[0] if len(faults) == 1 else None,
        grade="possible",
        summary=f"what the other evidence says fits {', '.join(faults)} {where}({hinted[0].reasons[0].text}),"
        f" but it is not proven: {hinted[0].missing[0]} is missing",
        component=hinted[0].component or None,
        last_seen=site.upstream.name if site else None,
        missing_at=site.downstream.name if site else None,
        indistinguishable=faults if len(faults) > 1 else (),
    )


def _nothing_lost(facts: Facts) -> Verdict:
    """Healthy when the captures show nothing wrong and nobody waited; blind otherwise."""
    waits = [c for c in stalled(facts) if facts.symptoms or not rested(c, facts)]
    if facts.symptoms and not facts.conversations:
        return Verdict(
            fault=None, grade="blind", summary=_felt(facts) + "; without a capture nobody can tell why"
        )
    refused = refusals(facts)
    if refused and not waits and not any(felt.waited_ns for felt in facts.symptoms):
        return _refused(refused)
    if not facts.conversations:
        return _only_datagrams(facts)
    if waits or facts.symptoms:
        return Verdict(fault=None, grade="blind", summary=_blind(facts, waits))
    unexplained = (
        _ignored_datagrams(facts)
        or _repeated_unseen(facts)
        or cut_off(facts)
        or unanswered_attempt(facts)
        or unwatched(facts)
    )
    if unexplained:
        return Verdict(fault=None, grade="blind", summary=unexplained)
    return Verdict(fault=None, grade="healthy", summary=_healthy(facts) + _rest(facts))


def _ignored_datagrams(facts: Facts) -> str:
    """UDP that was never answered and not seen again, though nobody can tell whether it was lost; "": none."""
    for site in facts.sites:
        words = site.upstream.capture.packets[:, FLOW]
        mine = words[site.unproven_rows]
        is_udp = _protocols(site.upstream, mine) == _UDP
        count = int((is_udp & ~np.isin(mine ^ 1, words)).sum())
        if count:
            return _not_again(site, count, "datagram", "not answered")
    return ""


def _repeated_unseen(facts: Facts) -> str:
    """A connection that stood still where it was seen to the end, while the next capture may have ended; "": none."""
    for site in facts.sites:
        point = site.upstream
        groups = np.unique(point.group_of[site.unproven_rows])
        entries = point.connections[groups[groups < len(point.connections)]]
        if entries["stall"].any():
            worst = entries[np.argmax(entries["stall_ns"])]
            text = connection_text(point.capture.flows[int(worst["flow"])], int(worst["originator"]))
            missing = _not_again(site, len(site.unproven_rows))
            return f"{text} stood still for {worst['stall_ns'] / 1e9:.2f} s at {point.name}; {missing}"
    return ""


def _protocols(point: Point, words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """IP protocols of packets, given their FLOW words."""
    protocols: npt.NDArray[np.uint32] = point.capture.flows[words >> 1][:, FLOW_PROTO] & 0xFF
    return protocols


def _not_again(site: LossSite, count: int, noun: str = "packet", what: str = "sent") -> str:
    """So many packets were at one point of a site, and nobody can tell whether the other would have shown them."""
    were = f"{noun}s were" if count > 1 else f"{noun} was"
    return (
        f"{count} {were} {what} and not seen at {site.downstream.name}, behind {site.upstream.name}; whether that"
        " capture would have them is not proven"
    )


def _refused(refused: Sequence[Refusal]) -> Verdict:
    """Nobody waited, because the attempt failed at once; no known cause says who refused it."""
    first = refused[0]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    summary = (
        f"{first.text}{more} got {first.kind} for an answer, first seen at {first.point.name}; nothing here tells"
        " who refused it and why"
    )
    return Verdict(fault=None, grade="blind", summary=summary)


def _only_datagrams(facts: Facts) -> Verdict:
    """Without TCP nobody is seen to wait: healthy where every datagram passed, blind where there is nothing to tell."""
    passed, *missing = (
        sum(hop.count(fate) for hop in facts.matching.hops) for fate in (DELIVERED, LOST, UNPROVEN, OUTSIDE)
    )
    count = sum(missing)
    if facts.symptoms or not passed or count:
        said = "there is no TCP connection in this evidence to judge"
        were = "datagrams are" if count > 1 else "datagram is"
        gone = f"; {count} {were} missing on the way" if count else ""
        return Verdict(fault=None, grade="blind", summary=said + gone)
    many = "s" if len(facts.matching.points) != 2 else ""  # noqa: PLR2004 - two points have one hop
    return Verdict(
        fault=None,
        grade="healthy",
        summary=f"every datagram passed the hop{many} between the"
        f" {len(facts.matching.points)} points; there is no TCP connection in this evidence",
    )


def _felt(facts: Facts) -> str:
    felt = facts.symptoms[0]
    unknown = "without end" if felt.ended_by == "killed" else "an unknown time"
    waited = f"{felt.waited_ns / 1e9:.2f} s" if felt.waited_ns is not None else unknown
    what = {
        "waited_for_eof": " for an end-of-file",
        "waited_for_data": " for data",
        "waited_for_connect": " to connect",
        "waited_for_name": " for an address of the name",
    }
    return f"{felt.call} waited {waited}{what.get(felt.kind, '')}"


def _blind(facts: Facts, waits: Sequence[ConversationFacts]) -> str:
    said = (
        _felt(facts) if facts.symptoms else f"{waits[0].text} stood still for {waits[0].stall_ns / 1e9:.2f} s"
    )
    if waits:
        said += _unseen(waits[0])
        of_it = (s for s in facts.sites if len(s.unproven_rows) and waits[0].number in s.conversations)
        if (site := next(of_it, None)) is not None:
            return f"{said}; {_not_again(site, len(site.unproven_rows))}"
    seen_at = (facts.matching.conversations.group >= 0).sum(axis=1)
    if len(facts.matching.points) > 1 and seen_at.max(initial=0) <= 1:
        return f"{said}; no two points show the same connection"
    if len(facts.matching.points) > 1:
        return said + _beyond(facts, waits)
    return f"{said}; a single point cannot tell loss from silence"


def _beyond(facts: Facts, waits: Sequence[ConversationFacts]) -> str:
    """Where it happens, when no point shows a packet less than its neighbour; and which points saw nothing at all."""
    seen = waits[0].seen_at if waits else range(len(facts.matching.points))
    silent = [point.name for number, point in enumerate(facts.matching.points) if number not in seen]
    if not silent:
        return "; all points show the same packets, so what happened lies beyond them"
    return (
        f"; the points that saw it show the same packets, so what happened lies beyond them; {', '.join(silent)} saw "
        "nothing of it, and nothing tells whether its path leads there"
    )


def _unseen(waiting: ConversationFacts) -> str:
    """What a stalled connection lacks at the points there are."""
    if not waiting.answered:
        return ", nothing came back"
    if not any(waiting.fins) and waiting.client_fin_ns is not None and not waiting.remote_answered_close:
        return ", no FIN of the server was ever seen and the client's own was not answered"
    if any(waiting.fins) and waiting.stall_side == CLIENT_TO_REMOTE:
        return ", the server's FIN was repeated and nobody answered it"
    return ""


def _rest(facts: Facts) -> str:
    """What the longest silence was instead of a wait; "": there was none."""
    longest = next(iter(stalled(facts)), None)
    if longest is None:
        return ""
    return (
        f"; the client of {longest.text} rested for {longest.stall_ns / 1e9:.2f} s with nothing outstanding"
    )


def _healthy(facts: Facts) -> str:
    points = len({p for c in facts.conversations for p in c.seen_at})
    count = len(facts.conversations)
    what = f"{count} connection{'s' if count != 1 else ''}"
    unseen = len(facts.matching.points) - points
    aside = f"; {unseen} point{'s' if unseen != 1 else ''} saw nothing of it (another path)" if unseen else ""
    if points == 1:
        return f"nobody waited and nothing is missing in {what} at the one point captured"
    lost = sum(len(site.lost_rows) for site in facts.sites)
    if lost:
        were = "packets of it were" if lost > 1 else "packet of it was"
        return f"nobody waited in {what}; {lost} {were} lost on the way and repaired or not needed{aside}"
    beyond = sum(hop.count(OUTSIDE) + hop.count(UNPROVEN) for hop in facts.matching.hops)
    if beyond:
        were = "packets were" if beyond > 1 else "packet was"
        return (
            f"nobody waited in {what} and nothing was lost while the captures ran; {beyond} {were} sent when the next"
            f" capture had ended, had not begun or missed {'them' if beyond > 1 else 'it'}{aside}"
        )
    return f"every packet of {what} passed all {points} points that saw it and nobody waited{aside}"
