"""What one fault says of a case: for, against, missing, and how that stands beside the verdict."""

import msgspec

from lastseen.report.contracts import JudgementJson, VerdictJson
from lastseen.report.diagnosis_jsons import judgement_json, verdict_json
from lastseen.report.page import Page
from lastseen.report.sections import reasons
from lastseen.tables.diagnosis import Verdict
from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

__all__ = ["WhyJson", "print_why", "why_json"]


class WhyJson(msgspec.Struct, kw_only=True, frozen=True):
    """`lastseen why --json`: the judgement of one fault and the verdict of the whole case."""

    judgement: JudgementJson
    verdict: VerdictJson
    schema: str = "lastseen.why/1"


def why_json(judgement: Judgement, verdict: Verdict) -> WhyJson:
    """The JSON object."""
    return WhyJson(judgement=judgement_json(judgement), verdict=verdict_json(verdict))


def print_why(judgement: Judgement, verdict: Verdict) -> None:
    """Print it to standard output."""
    page = Page()
    page.say((_headline(judgement), "bold"))
    page.say(_beside(judgement, verdict))
    if judgement.reasons:
        page.heading("For it")
        reasons(page, "+", judgement.reasons)
    against = () if isinstance(judgement, Supported) else judgement.against
    if against:
        page.heading("Against it")
        reasons(page, "-", against)
    missing = () if isinstance(judgement, Refuted) else judgement.missing
    if missing:
        page.heading("Would confirm it" if isinstance(judgement, Supported) else "Missing to tell")
        for text in missing:
            page.say(text, label="? ", indent=2)
    page.write()


def _headline(judgement: Judgement) -> str:
    match judgement:
        case Supported(fault=fault, confirmed=confirmed):
            return f"{fault}: supported, {'confirmed' if confirmed else 'probable'}"
        case Refuted(fault=fault):
            return f"{fault}: refuted"
        case Untestable(fault=fault, reasons=some):
            return f"{fault}: {'possible' if some else 'not testable with this evidence'}"


def _beside(judgement: Judgement, verdict: Verdict) -> str:
    """How the fault stands to the verdict."""
    if verdict.fault == judgement.fault:
        return "It is the verdict."
    if judgement.fault in verdict.also:
        return f"The verdict is {verdict.fault}; this was found as well."
    if judgement.fault in verdict.indistinguishable:
        return f"The verdict is {verdict.fault or verdict.grade}; this evidence cannot tell the two apart."
    return f"The verdict is {verdict.fault or verdict.grade}: {verdict.summary}"
