"""The path as a small picture: points from the remote end to the client, and what was lost between them.

Drawn downwards, because point names are long and paths of eight points would not fit across any terminal.
"""

from typing import Final

from lastseen.report.page import Page, Part
from lastseen.report.wording import counted
from lastseen.tables import points as fates
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.points import REMOTE_TO_CLIENT, Hop, Matching

__all__ = ["draw_path", "hop_sentence", "point_number", "point_numbers"]

LINE: Final = "\u2502"
SEEN: Final = "\u25cf"
MISSING: Final = "\u25cb"
LOST: Final = "\u2717"
TOWARDS: Final = {"to_client": "to the client", "to_remote": "to the remote end"}


def point_number(matching: Matching, point: int) -> str:
    """The number the terminal reports give a point: its place on the path, else a letter."""
    order = matching.order[point]
    return str(order) if order is not None else f"p{point + 1}"


def point_numbers(matching: Matching, hop: Hop) -> str:
    """The numbers of a hop's points in the direction of its packets: "3 > 4"."""
    return f"{point_number(matching, hop.upstream)} > {point_number(matching, hop.downstream)}"


def hop_sentence(hop: Hop) -> str:
    """What a hop lost: "20 of 120 packets to the client lost"."""
    lost, unproven = hop.count(fates.LOST), hop.count(fates.UNPROVEN)
    sent = hop.count(0)
    of_all = f"of {counted(len(hop.fate) - sent, 'packet')} {TOWARDS[fates.DIRECTIONS[hop.direction]]}"
    if not lost:
        return f"{unproven} {of_all} not seen again (unproven)"
    return f"{lost} {of_all} lost" + (f", {unproven} more unproven" if unproven else "")


def draw_path(page: Page, diagnosis: Diagnosis) -> None:
    """Print the picture; nothing where there is no point."""
    matching = diagnosis.matching
    if not matching.points:
        return
    page.heading("The path, as captured")
    placed = [i for i, order in enumerate(matching.order) if order is not None]
    if placed:
        page.say(("remote end", "dim"), indent=2)
    for point in placed:
        _draw_hops(page, diagnosis, point)
        _draw_point(page, diagnosis, point)
    if placed:
        page.say(("client", "dim"), indent=2)
    apart = [i for i in range(len(matching.points)) if i not in placed]
    if apart and placed:
        page.say("Without a known place on it:", indent=2)
    for point in apart:
        _draw_hops(page, diagnosis, point)
        _draw_point(page, diagnosis, point)
    if matching.order_reason:
        page.say((f"Order: {matching.order_reason}", "dim"), indent=2)


def _draw_point(page: Page, diagnosis: Diagnosis, index: int) -> None:
    point, verdict = diagnosis.matching.points[index], diagnosis.verdict
    sign, note = (LINE, "dim"), ""
    if point.name == verdict.last_seen:
        sign, note = (SEEN, "bold green"), "  <- last seen here"
    elif point.name == verdict.missing_at:
        sign, note = (MISSING, "bold red"), "  <- missing from here on"
    number = point_number(diagnosis.matching, index)
    parts: list[Part] = [sign, f" {number:>2} ", (point.name, "bold" if note else "")]
    parts += [(f"  {counted(point.packets, 'packet')}", "dim"), (note, sign[1])]
    page.say(*parts, indent=2, hang=5)


def _draw_hops(page: Page, diagnosis: Diagnosis, point: int) -> None:
    """What was lost on the hops that end the gap before a point."""
    for number, hop in enumerate(diagnosis.matching.hops):
        lost, unproven = hop.count(fates.LOST), hop.count(fates.UNPROVEN)
        if max(hop.upstream, hop.downstream) != point or not lost + unproven:
            continue
        style = "bold red" if number in diagnosis.picture_hops else "yellow" if lost else "dim"
        far = abs(hop.upstream - hop.downstream) > 1
        between = f" ({point_numbers(diagnosis.matching, hop)})" if far else ""
        arrow = "\u25bc" if hop.direction == REMOTE_TO_CLIENT else "\u25b2"
        page.say((f"{LOST if lost else '?'} {arrow}  {hop_sentence(hop)}{between}", style), indent=2, hang=5)
