"""Connections into histories: the same packet at several points, clocks, order of the points, fates."""

from lastseen.matching.match import match

__all__ = ["match"]
