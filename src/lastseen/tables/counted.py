"""A number with its noun, as every stage that writes sentences needs it: "1 packet is lost", "20 packets are lost".

Nouns are given for one and verbs for many, as a dictionary has them. What reads the same for one and for many
("passed", "of the tunnel") stays outside.
"""

import re
from typing import Final

__all__ = ["agreed", "all_of", "counted", "counted_of", "some_of"]

_BEHIND: Final = re.compile(r" (?:of|through|that|to) ")
"""What follows says more of the noun and keeps its number: "calls of programs"."""
_SINGULAR: Final = {"are": "is", "were": "was", "have": "has"}


def counted(number: int, noun: str, verb: str = "", *, grouped: bool = False) -> str:
    """The number with its noun and verb; `grouped`: its thousands apart.

    >>> counted(1, "packet"), counted(0, "packet"), counted(1, "lost packet", "reach"), counted(2, "query", "were")
    ('1 packet', '0 packets', '1 lost packet reaches', '2 queries were')
    >>> counted(70_000, "byte", grouped=True)
    '70,000 bytes'
    """
    return f"{number:{',' if grouped else ''}} {_agreeing(number, noun, verb)}"


def agreed(number: int, verb: str) -> str:
    """The verb alone, where more stands between it and its noun; it is given for many.

    >>> agreed(1, "vanish"), agreed(2, "vanish"), agreed(1, "were")
    ('vanishes', 'vanish', 'was')
    """
    return verb if number != 1 or not verb else _SINGULAR.get(verb) or _with_s(verb)


def all_of(number: int, noun: str, verb: str = "") -> str:
    """The number as the whole there is.

    >>> all_of(1, "lost packet", "are"), all_of(3, "lost packet", "are")
    ('the only lost packet is', 'all 3 lost packets are')
    """
    return ("the only " if number == 1 else f"all {number} ") + _agreeing(number, noun, verb)


def some_of(number: int, total: int, noun: str, verb: str = "") -> str:
    """So many of a whole, which may be all of it.

    >>> some_of(1, 1, "lost packet", "are"), some_of(1, 3, "lost packet", "are")
    ('the only lost packet is', '1 of the 3 lost packets is')
    """
    if number == total == 1:
        return all_of(1, noun, verb)
    return " ".join(filter(None, (f"{number} of the {total} {_many(noun)}", agreed(number, verb))))


def counted_of(number: int, nouns: str) -> str:
    """The number with a noun that is given for many.

    >>> counted_of(1, "forwarding entries"), counted_of(1, "rules and flows"), counted_of(1, "calls of programs")
    ('1 forwarding entry', '1 rule or flow', '1 call of programs')
    """
    if number != 1:
        return f"{number} {nouns}"
    many, rest = _parted(nouns)
    one = " or ".join(re.sub(r"s$", "", re.sub(r"ies$", "y", part)) for part in many.split(" and "))
    return f"1 {one}{rest}"


def _agreeing(number: int, noun: str, verb: str) -> str:
    return " ".join(filter(None, (noun if number == 1 else _many(noun), agreed(number, verb))))


def _many(noun: str) -> str:
    one, rest = _parted(noun)
    return _with_s(one) + rest


def _with_s(word: str) -> str:
    """A noun for many or a verb for one, which English writes alike.

    >>> _with_s("entry"), _with_s("delay"), _with_s("reach"), _with_s("pass"), _with_s("go"), _with_s("vanish")
    ('entries', 'delays', 'reaches', 'passes', 'goes', 'vanishes')
    """
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(?:s|x|o|ch|sh)$", word) else "s")


def _parted(words: str) -> tuple[str, str]:
    found = _BEHIND.search(words)
    return (words[: found.start()], words[found.start() :]) if found else (words, "")
