"""The contract objects of a diagnosis: verdict, judgements, symptom and what they rest on. Pure, as `jsons`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from lastseen.report import contracts as out
from lastseen.report.jsons import (
    hops_json,
    losses_at_hops,
    points_json,
    related_json,
    source_json,
    weird_json,
)
from lastseen.tables import flow_text
from lastseen.tables.judgements import Judgement, Reason, Refuted, Supported, Untestable

if TYPE_CHECKING:
    from lastseen.tables.contrasts import Contrast
    from lastseen.tables.diagnosis import Diagnosis, Verdict
    from lastseen.tables.symptoms import Symptom

__all__ = ["diagnosis_json", "judgement_json", "reasons_json", "symptom_connection", "verdict_json"]


def diagnosis_json(diagnosis: "Diagnosis") -> out.DiagnosisJson:
    """Everything `lastseen diagnose` has to say."""
    matching = diagnosis.matching
    return out.DiagnosisJson(
        schema="lastseen.diagnosis/1",
        verdict=verdict_json(diagnosis.verdict),
        judgements=[judgement_json(judgement) for judgement in diagnosis.judgements],
        symptom=_symptom(diagnosis.symptom) if diagnosis.symptom else None,
        points=points_json(matching),
        losses=losses_at_hops(matching, diagnosis.quotes),
        contrasts=[_contrast(contrast) for contrast in diagnosis.contrasts],
        remedies=[
            out.RemedyJson(
                title=remedy.title,
                where=remedy.where,
                commands=list(remedy.commands),
                price=remedy.price,
                risk=remedy.risk,
                check=remedy.check,
                undo=list(remedy.undo),
            )
            for remedy in diagnosis.remedies
        ],
        next=[out.CommandsJson(text=step.text, commands=list(step.commands)) for step in diagnosis.next],
        weirds=[weird_json(weird) for weird in diagnosis.weirds],
        hops=hops_json(matching),
        notes=reasons_json(diagnosis.notes),
        ranking=diagnosis.ranking,
        partial=diagnosis.partial,
        related=related_json(matching, diagnosis.related),
        **_case_lists(diagnosis),
    )


def _case_lists(diagnosis: "Diagnosis") -> dict[str, Any]:
    """The lists that speak of files, connections and suspects of the case."""
    return {
        "evidence": [
            out.EvidenceJson(file=e.file, kind=e.kind, rows=e.rows, node=e.node, snapshot=e.snapshot)
            for e in diagnosis.evidence
        ],
        "exonerated": [
            out.ExoneratedJson(what=e.what, text=e.reason.text, source=source_json(e.reason.source))
            for e in diagnosis.exonerated
        ],
        "connections": [
            out.RankedConnectionJson(
                connection=c.connection,
                lost_packets=c.lost_packets,
                unproven_packets=c.unproven_packets,
                stall=c.stall or None,
                stall_ns=c.stall_ns,
                ending=c.ending or None,
            )
            for c in diagnosis.connections
        ],
    }


def verdict_json(verdict: "Verdict") -> out.VerdictJson:
    """The answer in short."""
    return out.VerdictJson(
        fault=verdict.fault,
        grade=verdict.grade,
        summary=verdict.summary,
        component=verdict.component,
        last_seen=verdict.last_seen,
        missing_at=verdict.missing_at,
        also=list(verdict.also),
        indistinguishable=list(verdict.indistinguishable),
    )


def judgement_json(judgement: Judgement) -> out.JudgementJson:
    """What one fault says, with its grade."""
    match judgement:
        case Supported(fault=fault, confirmed=confirmed, reasons=reasons, missing=missing):
            grade = "confirmed" if confirmed else "probable"
            return _judgement(fault, "supported", grade, (reasons, (), missing))
        case Refuted(fault=fault, against=against, reasons=reasons):
            return _judgement(fault, "refuted", None, (reasons, against, ()))
        case Untestable(fault=fault, missing=missing, reasons=reasons, against=against):
            return _judgement(
                fault, "untestable", None if against else "possible", (reasons, against, missing)
            )


def _judgement(
    fault: str,
    judgement: str,
    grade: str | None,
    facts: tuple[Sequence[Reason], Sequence[Reason], Sequence[str]],
) -> out.JudgementJson:
    reasons, against, missing = facts
    return out.JudgementJson(
        fault=fault,
        judgement=cast("Any", judgement),
        grade=cast("Any", grade),
        for_=reasons_json(reasons),
        against=reasons_json(against),
        missing=list(missing),
    )


def symptom_connection(symptom: "Symptom") -> str | None:
    """The ends of the waiting call's connection, "local > peer", as far as the trace tells; None: nothing."""
    ends = [flow_text.address_and_port(end) for end in (symptom.local, symptom.peer) if end is not None]
    return " > ".join(ends) or None


def _symptom(symptom: "Symptom") -> out.SymptomJson:
    sources = [source for source in map(source_json, symptom.sources) if source]
    return out.SymptomJson(
        kind=symptom.kind,
        call=symptom.call,
        waited_ns=symptom.waited_ns,
        ended_by=cast("out.EndedBy", symptom.ended_by),
        connection=symptom_connection(symptom),
        source=sources[0] if sources else None,
        sources=sources,
        waits=symptom.waits,
        fd=symptom.fd,
        pid=symptom.pid,
        started_ns=symptom.started_ns,
        response_bytes=symptom.response_bytes,
        after_complete_response=symptom.after_complete_response,
    )


def _contrast(contrast: "Contrast") -> out.ContrastJson:
    return out.ContrastJson(
        feature=contrast.feature,
        lost=contrast.lost,
        lost_total=contrast.lost_total,
        delivered=contrast.delivered,
        delivered_total=contrast.delivered_total,
        risk_ratio=contrast.risk_ratio,
        p_value=contrast.p_value,
        same_as=list(contrast.same_as),
        text=contrast.text,
        hop=contrast.hop,
    )


def reasons_json(reasons: Sequence[Reason]) -> list[out.ReasonJson]:
    """Statements with their places in the evidence."""
    return [out.ReasonJson(text=reason.text, source=source_json(reason.source)) for reason in reasons]
