"""What the evidence of a case is good for, before anybody judges it."""

from dataclasses import dataclass

__all__ = ["Assessment", "Question", "Telling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A kind of evidence that is there: `rows` of it in `files`, what it proves, and what it does not."""

    kind: str
    rows: int
    files: int
    proves: str
    not_prove: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One of the questions of a diagnosis, what there is to answer it with, and what is missing for it."""

    question: str
    answered_by: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """`tells`: for each file, how many rows of which kind it gave (captures: packets)."""

    tells: dict[str, dict[str, int]]
    can_tell: tuple[Telling, ...]
    questions: tuple[Question, ...]
