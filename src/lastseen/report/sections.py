"""The sections below the verdict: what proves it, what was lost, what cures it, what was read."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from lastseen.matching.related import related_text
from lastseen.matching.timed import timed_text
from lastseen.report.columns import table_lines
from lastseen.report.contracts import IcmpErrorJson, LossJson, UnprovenJson
from lastseen.report.jsons import losses_json
from lastseen.report.page import LIST_LENGTH, Page
from lastseen.report.picture import point_number
from lastseen.report.wording import STALL_WORDS, clean, counted, duration, size
from lastseen.tables.contrasts import Contrast
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Supported, Untestable
from lastseen.tables.points import Matching
from lastseen.tables.quotes import Quote
from lastseen.tables.related import Related, Timed
from lastseen.tables.sources import Weird

__all__ = [
    "connections_ranked",
    "considered",
    "contrasts",
    "evidence",
    "exonerated",
    "files",
    "icmp_errors",
    "losses",
    "losses_table",
    "next_steps",
    "notes",
    "reasons",
    "related",
    "remedies",
    "timed",
    "weirds",
]

FRAMES_SHOWN = 3
"""Frame numbers of a loss in a table row: enough to jump to it in Wireshark."""


def evidence(page: Page, diagnosis: Diagnosis) -> None:
    """What speaks for and against the verdict and the other supported faults."""
    named = (diagnosis.verdict.fault, *diagnosis.verdict.also)
    for judgement in diagnosis.judgements:
        if judgement.fault not in named or isinstance(judgement, Refuted):
            continue
        first = judgement.fault == diagnosis.verdict.fault
        page.heading("Evidence" if first else f"Evidence for {judgement.fault}, found as well")
        reasons(page, "+", judgement.reasons)
        reasons(page, "-", () if isinstance(judgement, Supported) else judgement.against)
        for missing in judgement.missing[:LIST_LENGTH]:
            page.say(f"not tested: {missing}", label="? ", indent=2)
        page.shown(len(judgement.missing))


def reasons(page: Page, sign: str, found: Sequence[Reason]) -> None:
    """Statements with their proofs, one a paragraph."""
    for reason in found[:LIST_LENGTH]:
        proof = f"  {reason.source}" if reason.source else ""
        page.say(reason.text, (proof, "dim"), label=f"{sign} ", indent=2)
    page.shown(len(found))


def losses(page: Page, matching: Matching, quotes: Sequence[Quote] = ()) -> None:
    """The lost packets, by connection and hop."""
    rows = losses_json(matching, quotes=quotes).losses
    if not rows:
        return
    page.heading(f"Lost packets: {sum(row.packets for row in rows)}")
    losses_table(page, matching, rows, limit=LIST_LENGTH)
    icmp_errors(page, rows)


def losses_table(
    page: Page, matching: Matching, rows: Sequence[LossJson], *, limit: int | None = None
) -> None:
    """Rows of losses as a table, the hop by the numbers of its points; `limit` rows at most."""
    numbers = {point.name: point_number(matching, i) for i, point in enumerate(matching.points)}
    header = (">hop", "connection", "direction", ">lost", ">unproven", ">bytes", "frames")
    cells = [
        (
            f"{numbers[row.from_]} > {numbers[row.to]}",
            clean(row.connection),
            row.direction.replace("_", " "),
            str(row.packets),
            str(row.unproven),
            size(row.bytes),
            _frames(row.frames),
        )
        for row in rows[:limit]
    ]
    page.raw(table_lines(header, cells, page.width))
    page.shown(len(rows), len(rows) if limit is None else limit)


def icmp_errors(page: Page, rows: Sequence[LossJson | UnprovenJson], what: str = "lost packets") -> None:
    """The ICMP errors that quote `what`: those of one connection that say the same in one line."""
    alike: dict[tuple[str, ...], list[IcmpErrorJson]] = defaultdict(list)
    for row in rows:
        for error in row.icmp_errors:
            alike[row.from_, row.connection, error.by, error.text, error.point].append(error)
    if not alike:
        return
    page.heading(f"ICMP errors that quote {what}")
    for (seen_at, connection, by, text, point), errors in list(alike.items())[:LIST_LENGTH]:
        lost, told = (_frames([getattr(e, name) for e in errors]) for name in ("frame", "point_frame"))
        page.say(
            f"{by} says '{text}' of frame {lost} of {clean(seen_at)} ({clean(connection)})",
            (f"  {clean(point)} #{told}", "dim"),
            label="* ",
            indent=2,
        )
    page.shown(len(alike))


def _frames(frames: Sequence[int]) -> str:
    shown = ", ".join(map(str, frames[:FRAMES_SHOWN]))
    return shown if len(frames) <= FRAMES_SHOWN else f"{shown}, ..."


def related(page: Page, matching: Matching, found: Sequence[Related]) -> None:
    """Connections without a packet in common that belong together: what a proxy in between makes of one."""
    _sentences(page, "Connections that go on as others", [related_text(matching, one) for one in found])


def timed(page: Page, matching: Matching, found: Sequence[Timed]) -> None:
    """Connections that speak together, which is a hint at what goes on with what, no proof."""
    _sentences(page, "Connections related by timing", [timed_text(matching, one) for one in found])


def _sentences(page: Page, heading: str, texts: Sequence[str]) -> None:
    """A list with its heading, where there is something to list."""
    if not texts:
        return
    page.heading(heading)
    for text in texts[:LIST_LENGTH]:
        page.say(text, label="* ", indent=2)
    page.shown(len(texts))


def connections_ranked(page: Page, diagnosis: Diagnosis) -> None:
    """The connections of the case, most suspect first, and by what they are ranked."""
    if not diagnosis.connections:
        return
    page.heading(f"Connections{f', {diagnosis.ranking}' if diagnosis.ranking else ''}")
    for ranked in diagnosis.connections[:LIST_LENGTH]:
        said = [f"{counted(ranked.lost_packets, 'packet')} lost"] if ranked.lost_packets else []
        said += [f"{ranked.unproven_packets} unproven"] if ranked.unproven_packets else []
        if ranked.stall:
            words = STALL_WORDS.get(ranked.stall, ranked.stall)
            said.append(f"{words} ({duration(ranked.stall_ns)})")
        text = "; ".join(said) or ranked.ending or "nothing to note"
        page.say(ranked.connection, (f"  {text}", "dim"), indent=2, hang=2)
    page.shown(len(diagnosis.connections))


def contrasts(page: Page, found: Sequence[Contrast]) -> None:
    """What the lost packets share that the delivered ones do not."""
    if not found:
        return
    page.heading("What the lost packets have in common")
    for contrast in found[:LIST_LENGTH]:
        counts = f": {contrast.lost} of {contrast.lost_total} lost, "
        counts += f"{contrast.delivered} of {contrast.delivered_total} delivered"
        same = f"; the same packets as: {', '.join(contrast.same_as)}" if contrast.same_as else ""
        style = "bold" if contrast.separates else ""
        test = f"  p {contrast.p_value:.2g}{same}"
        page.say((contrast.text or contrast.feature, style), counts, (test, "dim"), label="* ", indent=2)
    page.shown(len(found))


def exonerated(page: Page, diagnosis: Diagnosis) -> None:
    """Who was suspected and is not to blame."""
    if not diagnosis.exonerated:
        return
    page.heading("Not to blame")
    for suspect in diagnosis.exonerated[:LIST_LENGTH]:
        proof = f"  {suspect.reason.source}" if suspect.reason.source else ""
        page.say((suspect.what, "bold"), f": {suspect.reason.text}", (proof, "dim"), label="* ", indent=2)
    page.shown(len(diagnosis.exonerated))


def considered(page: Page, diagnosis: Diagnosis) -> None:
    """The other faults: those something speaks for one by one, the refuted by name."""
    named = {diagnosis.verdict.fault, *diagnosis.verdict.also}
    others = [judgement for judgement in diagnosis.judgements if judgement.fault not in named]
    open_ones = [
        judgement for judgement in others if not isinstance(judgement, Refuted) and judgement.reasons
    ]
    refuted = [judgement.fault for judgement in others if isinstance(judgement, Refuted)]
    if not open_ones and not refuted:
        return
    page.heading("Also considered")
    for judgement in open_ones[:LIST_LENGTH]:
        page.say((judgement.fault, "bold"), f": {_standing(judgement)}", label="* ", indent=2)
    page.shown(len(open_ones))
    if refuted:
        more = (
            f" and {len(refuted) - LIST_LENGTH} more (--json has all)" if len(refuted) > LIST_LENGTH else ""
        )
        page.say(f"Ruled out: {', '.join(refuted[:LIST_LENGTH])}{more}", indent=2)


def _standing(judgement: Judgement) -> str:
    if isinstance(judgement, Untestable) and judgement.against:
        return f"unlikely, {judgement.against[0].text}"
    if isinstance(judgement, Untestable) and judgement.missing:
        return f"possible, but not tested: {judgement.missing[0]}"
    return "supported" if isinstance(judgement, Supported) else "possible"


def remedies(page: Page, found: Sequence[Remedy]) -> None:
    """All remedies in order, with price, risk, check and undo."""
    for number, remedy in enumerate(found, 1):
        if number == 1:
            page.heading("What cures it")
        else:
            page.blank()
        page.say(
            (remedy.title, "bold"),
            f"  on {remedy.where}" if remedy.where else "",
            label=f"{number}. ",
            indent=2,
        )
        page.commands(remedy.commands, indent=5)
        for label, text in (("price", remedy.price), ("risk", remedy.risk)):
            if text:
                page.say(text, label=f"{label:<6} ", indent=5)
        if remedy.check:
            page.say(remedy.check, label="check  ", indent=5)
        if remedy.undo:
            page.say("undo:", indent=5)
            page.commands(remedy.undo, indent=7)


def next_steps(page: Page, steps: Sequence[Step]) -> None:
    """What to do next, with the commands to copy."""
    if not steps:
        return
    page.heading("What to do next")
    for number, step in enumerate(steps, 1):
        page.say(step.text, label=f"{number}. ", indent=2)
        page.commands(step.commands, indent=5)


def notes(page: Page, diagnosis: Diagnosis) -> None:
    """What else is worth saying."""
    if diagnosis.notes:
        page.heading("Notes")
        reasons(page, "*", diagnosis.notes)


def weirds(page: Page, rows: Sequence[Weird]) -> None:
    """What could not be read as expected, most frequent first."""
    found = sorted(rows, key=lambda weird: -weird.count)
    if not found:
        return
    total = sum(weird.count for weird in found)
    page.heading(
        f"Not read as expected: {counted(total, 'time')} in {counted(len({w.file for w in found}), 'file')}"
    )
    for weird in found[:LIST_LENGTH]:
        where = f":{weird.line}" if weird.line is not None else ""
        where += f" at byte {weird.offset}" if weird.offset is not None else ""
        page.say(f"{weird.count} x {weird.reason}", (f"  {weird.file}{where}", "dim"), label="* ", indent=2)
    page.shown(len(found))


def files(page: Page, diagnosis: Diagnosis) -> None:
    """How many files were recognised, as what, and which were not."""
    found = diagnosis.evidence
    if not found:
        return
    unknown = [file.file for file in found if file.kind is None]
    kinds = Counter(file.kind for file in found if file.kind is not None)
    page.heading(f"Files: {len(found) - len(unknown)} of {len(found)} recognised")
    if kinds:
        page.say(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())), indent=2)
    for file in unknown[:LIST_LENGTH]:
        page.say(("not recognised: ", "yellow"), file, indent=2)
    page.shown(len(unknown))
