"""What a document's author says to have seen: sentences about closing, resetting, waiting and missing packets.

Told beside what was read because they say what to look for; they are proof of nothing and no rule reads them.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lastseen.evidence.texts.text import Text
from lastseen.tables.sources import Weird

__all__ = ["remarks"]

LONGEST: Final = 300
"""Characters of a sentence: a longer one is a list or a listing."""

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])[\s\u00a0]+(?=[A-Z])")
_TOPICS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:never|no|not|don.t|missing|without|lost)\b.{0,60}\bFIN\b",
        r"\bFIN\b.{0,60}\b(?:never|missing|lost|dropped)\b",
        r"\b[Rr]esets? (?:the|that|this|our) connection\b|\bRST\b.{0,40}\b(?:sent|from)\b",
        r"\b(?:sends?|sent|sees?|seen|saw|shows?|showed|present)\b.{0,60}\bFIN\b",
    )
)


def remarks(text: Text, lines: Sequence[tuple[int, str]]) -> Iterator[Weird]:
    """The sentences of a paragraph that tell one of the topics, each once."""
    for number, line in lines:
        for sentence in _SENTENCE_END.split(line):
            if len(sentence) <= LONGEST and any(topic.search(sentence) for topic in _TOPICS):
                said = sentence.replace("\u00a0", " ").strip()
                yield text.weird(number, f"told by the author, not shown: “{said}”")
