"""Captures that all ended by themselves: what came after them nobody saw, so that nothing says all went well."""

from lastseen.faults.facts import Facts

__all__ = ["unwatched"]


def unwatched(facts: Facts) -> str:
    """That no capture ran to the end, in words; "" where one did."""
    seen_at = {p for c in facts.conversations for p in c.seen_at}
    points = [facts.matching.points[p] for p in sorted(seen_at)]
    if not all(point.watch.is_cut for point in points):
        return ""
    which = "the capture" if len(points) == 1 else f"all {len(points)} captures"
    return (
        f"nothing is missing and nobody waited while the captures ran; but {which} that saw something ended before"
        " the run did, and nothing shows what came then"
    )
