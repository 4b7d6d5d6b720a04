"""Judgements into one verdict: rank, compare, abstain, propose the next experiment."""

from lastseen.diagnosis.diagnose import Question, diagnose

__all__ = ["Question", "diagnose"]
