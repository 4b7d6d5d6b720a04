"""The answer in the first lines: what hung, where the packets were last seen, why, how sure, what to do, what else."""

from typing import Final

from lastseen.report.diagnosis_jsons import judgement_json, symptom_connection
from lastseen.report.page import Page, Part
from lastseen.report.picture import TOWARDS
from lastseen.report.wording import GRADES, STALL_WORDS, counted, duration
from lastseen.tables import points as fates
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.grades import Grade
from lastseen.tables.judgements import Judgement, Refuted, Untestable
from lastseen.tables.points import DIRECTIONS, Hop
from lastseen.tables.symptoms import Symptom

__all__ = ["answer", "symptom_sentence"]

STYLES: Final[dict[Grade, str]] = {
    "confirmed": "bold red",
    "probable": "bold red",
    "possible": "bold yellow",
    "unattributed": "bold yellow",
    "healthy": "bold green",
    "blind": "bold yellow",
}
LABEL_WIDTH: Final = 12
LABEL: Final = "  {:<10}"

WAITED_FOR: Final = {
    "waited_for_eof": " for the end of the connection (EOF)",
    "waited_for_data": " for data",
    "waited_for_connect": " for the connection to open",
    "waited_for_name": " for an address of the name",
    "waited_for_writable": " for room to send",
}
ENDED_BY: Final = {
    "timeout": "; a timeout ended it",
    "eof": "; the peer's close (EOF) ended it",
    "data": "; then the data came",
    "reset": "; an error (reset) ended it",
    "killed": "; it never returned",
}


def answer(page: Page, diagnosis: Diagnosis) -> None:
    """Print the verdict and what follows from it; it fits a screen of 80 columns."""
    verdict = diagnosis.verdict
    summary = verdict.summary or verdict.fault or GRADES[verdict.grade]
    page.say((verdict.grade.upper(), STYLES[verdict.grade]), ": ", (summary, "bold"))
    if diagnosis.partial:
        page.say(("Partial: the time was up; this is the best answer so far.", "yellow"))
    page.blank()
    _row(page, "What hung", *_what_hung(diagnosis))
    _row(page, "Last seen", *_last_seen(diagnosis))
    _row(page, "Why", *_why(diagnosis))
    _row(page, "How sure", GRADES[verdict.grade])
    _row(page, "What to do", *_what_to_do(diagnosis))
    _row(page, "What else", *_what_else(diagnosis))


def _row(page: Page, label: str, *parts: Part) -> None:
    page.say(*parts, label=LABEL.format(label), hang=LABEL_WIDTH + 1)


def symptom_sentence(symptom: Symptom) -> str:
    """What waited, for what, how long, and what ended the wait."""
    waits = f" ({symptom.waits} calls)" if symptom.waits > 1 else ""
    how_long = "an unknown time" if symptom.waited_ns is None else duration(symptom.waited_ns)
    ended = ENDED_BY.get(symptom.ended_by, f"; ended by {symptom.ended_by}")
    if symptom.fd < 0 and symptom.ended_by == "killed":  # a client's own account, of a transfer that did end
        ended = "; what ended it is not told"
    return f"{symptom.call}{waits} waited {how_long}{WAITED_FOR.get(symptom.kind, '')}{ended}"


def _what_hung(diagnosis: Diagnosis) -> list[Part]:
    if diagnosis.symptom:
        ends = symptom_connection(diagnosis.symptom)
        proof = str(diagnosis.symptom.sources[0]) if diagnosis.symptom.sources else ""
        parts: list[Part] = [symptom_sentence(diagnosis.symptom)]
        parts += [f", on {ends}"] if ends else []
        return [*parts, (f"  {proof}", "dim")]
    stalled = [c for c in diagnosis.connections if c.stall]
    if stalled:
        first = stalled[0]
        return [
            f"{first.connection}: {STALL_WORDS.get(first.stall, first.stall)} for {duration(first.stall_ns)}"
        ]
    return [("nothing seen: no call that waited and no silence of a second in this evidence", "dim")]


def _last_seen(diagnosis: Diagnosis) -> list[Part]:
    verdict, matching = diagnosis.verdict, diagnosis.matching
    if verdict.last_seen:
        where: list[Part] = ["at ", (verdict.last_seen, "bold"), "; "]
        return where + _missing(diagnosis)
    if verdict.missing_at:
        return ["never seen at ", (verdict.missing_at, "bold")]
    if not matching.hops:
        return [("not known: packets can be compared between two points or more", "dim")]
    lost = sum(hop.count(fates.LOST) for hop in matching.hops)
    if lost:
        return [f"{counted(lost, 'packet')} lost on the way, none of which explains the wait (see below)"]
    return ["no packet was lost between the points of this evidence"]


def _missing(diagnosis: Diagnosis) -> list[Part]:
    if diagnosis.verdict.missing_at is None:
        return ["not seen again after it"]
    hop = _verdict_hop(diagnosis)
    if hop is None or not hop.count(fates.LOST):
        return ["missing at ", (diagnosis.verdict.missing_at, "bold")]
    what = f"{counted(hop.count(fates.LOST), 'packet')} {TOWARDS[DIRECTIONS[hop.direction]]} never reached "
    return [what, (diagnosis.verdict.missing_at, "bold")]


def _verdict_hop(diagnosis: Diagnosis) -> Hop | None:
    """The hop the verdict names."""
    names = [point.name for point in diagnosis.matching.points]
    verdict = diagnosis.verdict
    for hop in diagnosis.matching.hops:
        ends = names[hop.upstream], names[hop.downstream]
        if ends == (verdict.last_seen, verdict.missing_at) and hop.count(fates.LOST):
            return hop
    return None


def _why(diagnosis: Diagnosis) -> list[Part]:
    verdict = diagnosis.verdict
    component = f", in {verdict.component}" if verdict.component else ""
    if verdict.fault:
        return [(verdict.fault, "bold"), component, (f"  (lastseen explain {verdict.fault})", "dim")]
    shared = [contrast.text or contrast.feature for contrast in diagnosis.contrasts if contrast.separates]
    if verdict.grade == "unattributed":
        what = f"; what only the lost packets have: {shared[0]}" if shared else ""
        return [f"no known cause fits{component}{what}"]
    return ["nothing is wrong here" if verdict.grade == "healthy" else "not known"]


def _what_to_do(diagnosis: Diagnosis) -> list[Part]:
    if diagnosis.remedies:
        first = diagnosis.remedies[0]
        more = len(diagnosis.remedies) - 1
        others = f"; {more} more below" if more else "; commands below"
        return [(first.title, "bold"), f" (on {first.where})" if first.where else "", others]
    if diagnosis.next:
        return [diagnosis.next[0].text]
    return ["nothing" if diagnosis.verdict.grade == "healthy" else "no remedy is known"]


def _what_else(diagnosis: Diagnosis) -> list[Part]:
    verdict = diagnosis.verdict
    said: list[str] = []
    if verdict.indistinguishable:
        said.append(f"this evidence cannot tell it from {', '.join(verdict.indistinguishable)}")
    if verdict.also:
        said.append(f"also found: {', '.join(verdict.also)}")
    runner_up = _runner_up(diagnosis)
    if runner_up is not None:
        said.append(_runner_up_sentence(runner_up))
    return ["; ".join(said) or _nothing_else(diagnosis)]


def _runner_up(diagnosis: Diagnosis) -> Judgement | None:
    """The next best judgement that something speaks for."""
    named = {diagnosis.verdict.fault, *diagnosis.verdict.also, *diagnosis.verdict.indistinguishable}
    for judgement in diagnosis.judgements:
        if judgement.fault in named or isinstance(judgement, Refuted):
            continue
        if not isinstance(judgement, Untestable) or (judgement.reasons and not judgement.against):
            return judgement
    return None


def _runner_up_sentence(judgement: Judgement) -> str:
    row = judgement_json(judgement)
    missing = f"; not tested: {row.missing[0]}" if row.missing else ""
    return f"next in line: {row.fault} ({row.grade or row.judgement}{missing})"


def _nothing_else(diagnosis: Diagnosis) -> str:
    refuted = sum(isinstance(judgement, Refuted) for judgement in diagnosis.judgements)
    untested = sum(isinstance(judgement, Untestable) for judgement in diagnosis.judgements)
    untested -= any(
        isinstance(j, Untestable) and j.fault == diagnosis.verdict.fault for j in diagnosis.judgements
    )
    return f"nothing else fits: {counted(refuted, 'fault')} ruled out, {untested} could not be tested"
