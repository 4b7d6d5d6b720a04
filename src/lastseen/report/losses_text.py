"""The terminal report of `lastseen losses`: the points, what every hop did to the packets, and who lost what."""

from collections.abc import Sequence
from typing import TextIO

from lastseen.report import sections
from lastseen.report.columns import table_lines
from lastseen.report.contracts import HopJson, LossesJson
from lastseen.report.jsons import losses_json
from lastseen.report.page import Page
from lastseen.report.picture import point_number, point_numbers
from lastseen.report.wording import clean, counted, duration
from lastseen.tables.packets import FLAGS, LENGTH_FLAGS
from lastseen.tables.points import LOST, Matching
from lastseen.tables.quotes import Quote
from lastseen.tables.related import Related, Timed
from lastseen.tables.sources import Weird

__all__ = ["print_losses"]


def print_losses(
    matching: Matching,
    weirds: Sequence[Weird] = (),
    *,
    found: LossesJson | None = None,
    related: Sequence[Related] = (),
    quotes: Sequence[Quote] = (),
    timed: Sequence[Timed] = (),
    console_width: int | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print all points, hops and losses to `stream` (standard output); width and pipes as `print_diagnosis`.

    `found`: with the losses chosen of the matching's; None: all. `related`: connections that others go on with.
    `quotes`: ICMP errors that quote lost packets. `timed`: connections that speak together.
    """
    page, chosen = Page(stream, console_width), found is not None
    found = losses_json(matching, quotes=quotes) if found is None else found
    lost, unproven = sum(hop.lost for hop in found.hops), sum(hop.unproven for hop in found.hops)
    between = f"between {counted(len(found.points), 'point')}"
    page.say((f"{counted(lost, 'packet')} lost {between}, {unproven} unproven", "bold"))
    page.heading("Points, remote end first")
    _points(page, matching)
    if matching.order_reason:
        page.say((f"Order: {matching.order_reason}", "dim"), indent=2)
    if found.hops:
        page.heading("Hops, in the direction of the packets")
        _hops(page, matching, found.hops)
    if found.losses:
        page.heading("Lost packets that fit --where" if chosen else "Lost packets")
        sections.losses_table(page, matching, found.losses)
        _mere_acknowledgments(page, matching)
        sections.icmp_errors(page, found.losses)
    elif chosen and lost:
        page.heading("None of the lost packets fits --where")
    sections.icmp_errors(page, found.unproven_errors, "packets of unproven fate")
    sections.related(page, matching, related)
    sections.timed(page, matching, timed)
    sections.weirds(page, weirds)
    page.write()


def _mere_acknowledgments(page: Page, matching: Matching) -> None:
    """What a silent gap of a capture looks like, too: nobody repeats an acknowledgment that a later one makes good."""
    count = sum(
        int((matching.points[hop.upstream].capture.packets[hop.rows(LOST), LENGTH_FLAGS] == FLAGS["A"]).sum())
        for hop in matching.hops
    )
    if count:
        said = (
            f"Mere acknowledgments among them: {count}. A capture that missed them silently lacks them, too."
        )
        page.say((said, "dim"), indent=2)


def _points(page: Page, matching: Matching) -> None:
    header = (">no", "point", ">packets", ">clock", "file")
    rows = [
        (point_number(matching, i), clean(point.name), str(point.packets), _clock(offset), clean(point.file))
        for i, (point, offset) in enumerate(zip(matching.points, matching.offsets_ns, strict=True))
    ]
    page.raw(table_lines(header, rows, page.width))


def _clock(offset_ns: int) -> str:
    return f"{'+' if offset_ns >= 0 else ''}{duration(offset_ns)}"


def _hops(page: Page, matching: Matching, hops: list[HopJson]) -> None:
    """The always asked-for counts; of the others only those that are not 0 anywhere."""
    rare = [name for name in RARE if any(getattr(hop, name) for hop in hops)]
    header = (">hop", "direction", ">sent", ">delivered", ">lost", ">unproven", ">delay p50", ">p99")
    rows = [
        (
            point_numbers(matching, matching.hops[i]),
            hop.direction.replace("_", " "),
            *(str(count) for count in (hop.sent, hop.delivered, hop.lost, hop.unproven)),
            *("-" if ns is None else duration(ns) for ns in (hop.delay_ns.p50, hop.delay_ns.p99)),
            *(str(getattr(hop, name)) for name in rare),
        )
        for i, hop in enumerate(hops)
    ]
    page.raw(table_lines((*header, *(f">{name}" for name in rare)), rows, page.width))


RARE = ("outside", "rewritten", "merged", "split", "reordered", "duplicated", "injected")
"""Counts of a hop that are 0 on most paths."""
