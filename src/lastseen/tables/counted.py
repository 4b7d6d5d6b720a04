"""A number with its noun, as every stage that writes sentences needs it: "1 packet", "20 packets"."""

import re
from typing import Final

__all__ = ["counted", "counted_of"]

_BEHIND: Final = re.compile(r" (?:of|through|that) ")
"""What follows says more of the noun and keeps its number: "calls of programs"."""


def counted(number: int, noun: str) -> str:
    """The number with its noun, which is given for one.

    >>> counted(1, "packet"), counted(0, "packet")
    ('1 packet', '0 packets')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def counted_of(number: int, nouns: str) -> str:
    """The number with a noun that is given for many.

    >>> counted_of(1, "forwarding entries"), counted_of(1, "rules and flows"), counted_of(1, "calls of programs")
    ('1 forwarding entry', '1 rule or flow', '1 call of programs')
    """
    if number != 1:
        return f"{number} {nouns}"
    found = _BEHIND.search(nouns)
    many, rest = (nouns[: found.start()], nouns[found.start() :]) if found else (nouns, "")
    one = " or ".join(re.sub(r"s$", "", re.sub(r"ies$", "y", part)) for part in many.split(" and "))
    return f"1 {one}{rest}"
