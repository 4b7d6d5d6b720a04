"""One of a thing is not many of it."""

import pytest

from lastseen.tables.counted import agreed, all_of, counted, counted_of, some_of


@pytest.mark.parametrize(("number", "said"), [(0, "0 packets"), (1, "1 packet"), (2, "2 packets")])
def test_a_noun_given_for_one(number: int, said: str) -> None:
    assert counted(number, "packet") == said


@pytest.mark.parametrize(("number", "said"), [(1, "1 byte"), (999, "999 bytes"), (70_000, "70,000 bytes")])
def test_thousands_apart(number: int, said: str) -> None:
    assert counted(number, "byte", grouped=True) == said


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


@pytest.mark.parametrize(
    ("number", "noun", "verb", "said"),
    [
        (1, "packet", "vanish", "1 packet vanishes"),
        (2, "packet", "vanish", "2 packets vanish"),
        (0, "packet", "were", "0 packets were"),
        (1, "packet", "were", "1 packet was"),
        (1, "tunnel packet", "carry", "1 tunnel packet carries"),
        (1, "first packet of new flows", "have", "1 first packet of new flows has"),
        (3, "first packet of new flows", "have", "3 first packets of new flows have"),
        (2, "query", "go", "2 queries go"),
        (1, "query", "go", "1 query goes"),
        (2, "address", "stay", "2 addresses stay"),
        (1, "address", "stay", "1 address stays"),
    ],
)
def test_a_verb_agrees_with_its_number(number: int, noun: str, verb: str, said: str) -> None:
    assert counted(number, noun, verb) == said
    assert said.endswith(f" {agreed(number, verb)}")


@pytest.mark.parametrize(
    ("number", "total", "said"),
    [
        (1, 1, "the only lost packet is"),
        (0, 1, "0 of the 1 lost packets are"),
        (1, 3, "1 of the 3 lost packets is"),
        (3, 3, "3 of the 3 lost packets are"),
    ],
)
def test_some_of_a_whole(number: int, total: int, said: str) -> None:
    assert some_of(number, total, "lost packet", "are") == said


def test_a_whole_of_one_is_the_only_one() -> None:
    assert all_of(1, "lost packet") == "the only lost packet"
    assert all_of(2, "lost packet", "reach") == "all 2 lost packets reach"
