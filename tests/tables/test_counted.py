"""One of a thing is not many of it."""

import pytest

from lastseen.tables.counted import counted, counted_of


@pytest.mark.parametrize(("number", "said"), [(0, "0 packets"), (1, "1 packet"), (2, "2 packets")])
def test_a_noun_given_for_one(number: int, said: str) -> None:
    assert counted(number, "packet") == said


@pytest.mark.parametrize(
    ("number", "nouns", "said"),
    [
        (1, "transfers", "1 transfer"),
        (2, "transfers", "2 transfers"),
        (1, "forwarding entries", "1 forwarding entry"),
        (1, "rules and flows", "1 rule or flow"),
        (1, "captures that ended early", "1 capture that ended early"),
        (0, "log lines", "0 log lines"),
    ],
)
def test_a_noun_given_for_many(number: int, nouns: str, said: str) -> None:
    assert counted_of(number, nouns) == said
