"""Two runs compared, in the terminal and as JSON: the fault first, then what else changed."""

import msgspec

from lastseen.report.contracts import SourceJson, VerdictJson
from lastseen.report.diagnosis_jsons import verdict_json
from lastseen.report.jsons import source_json
from lastseen.report.page import LIST_LENGTH, Page
from lastseen.tables.differences import Changed, Difference

__all__ = ["DifferenceJson", "difference_json", "print_difference"]


class ChangedJson(msgspec.Struct, kw_only=True, frozen=True):
    """One thing that is not the same. `kind`: setting, version, loss, wait or point; "" is "not there"."""

    kind: str
    name: str
    node: str
    first: str
    second: str
    source: SourceJson | None


class DifferenceJson(msgspec.Struct, kw_only=True, frozen=True):
    """`lastseen diff --json`.

    `gone`: faults of the first run that the second refutes; `remaining`: in both; `appeared`: only in the second;
    `untold`: in the first, and the second's evidence cannot tell.
    """

    first: VerdictJson
    second: VerdictJson
    gone: list[str]
    remaining: list[str]
    appeared: list[str]
    untold: list[str]
    changed: list[ChangedJson]
    schema: str = "lastseen.diff/1"


def difference_json(difference: Difference) -> DifferenceJson:
    """The JSON object."""
    return DifferenceJson(
        first=verdict_json(difference.first),
        second=verdict_json(difference.second),
        gone=list(difference.gone),
        remaining=list(difference.remaining),
        appeared=list(difference.appeared),
        untold=list(difference.untold),
        changed=[
            ChangedJson(
                kind=c.kind,
                name=c.name,
                node=c.node,
                first=c.first,
                second=c.second,
                source=source_json(c.source),
            )
            for c in difference.changed
        ],
    )


def print_difference(difference: Difference) -> None:
    """Print it to standard output."""
    page = Page()
    page.say((_headline(difference), "bold"))
    page.blank()
    for label, verdict in (("First  ", difference.first), ("Second  ", difference.second)):
        page.say(f"{verdict.grade}: {verdict.summary}", label=label, hang=9, indent=2)
    if difference.changed:
        page.heading("What else is not the same")
        for changed in difference.changed[:LIST_LENGTH]:
            proof = f"  {changed.source}" if changed.source else ""
            page.say(_sentence(changed), (proof, "dim"), label="* ", indent=2)
        page.shown(len(difference.changed))
    else:
        page.say("Nothing else that both runs show is different.")
    page.write()


def _headline(difference: Difference) -> str:
    if difference.remaining:
        return f"STILL THERE: {', '.join(difference.remaining)}"
    if difference.untold:
        return (
            f"NOT TOLD: the second run's evidence cannot say whether {', '.join(difference.untold)} is gone"
        )
    if difference.gone and difference.appeared:
        return (
            f"ANOTHER FAULT: {', '.join(difference.gone)} is gone, {', '.join(difference.appeared)} is there"
        )
    if difference.gone:
        return f"GONE: {', '.join(difference.gone)}"
    if difference.appeared:
        return f"NEW: {', '.join(difference.appeared)}"
    if difference.first.grade == difference.second.grade:
        return f"NO CHANGE: both runs are {difference.first.grade}"
    return f"CHANGED: from {difference.first.grade} to {difference.second.grade}"


def _sentence(changed: Changed) -> str:
    where = f" on {changed.node}" if changed.node else ""
    return f"{changed.name}{where}: {changed.first or 'nothing'} -> {changed.second or 'nothing'}"
