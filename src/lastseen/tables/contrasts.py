"""The contrast table: features that separate lost packets from delivered ones."""

from dataclasses import dataclass

__all__ = ["Contrast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One feature, how often lost and delivered packets have it, and what else picks the same packets.

    Counts are of packets of the same direction and the same connections, the feature as seen where the packet was
    last seen. `risk_ratio` is P(lost | feature) / P(lost | no feature), None when the denominator is 0. `p_value` is
    Fisher's exact test, two-sided. `same_as`: features that pick exactly the same packets. `text` says the feature
    in words. `hop`: number of the hop in the matching the packets were lost at.
    """

    feature: str
    text: str
    lost: int
    lost_total: int
    delivered: int
    delivered_total: int
    risk_ratio: float | None
    p_value: float
    same_as: tuple[str, ...] = ()
    hop: int = 0

    @property
    def separates(self) -> bool:
        """Every lost packet has the feature and no delivered one."""
        return self.lost == self.lost_total and self.delivered == 0
