"""What iptables' listings have in common: the table a command asks for, and a rule as a row."""

import re
from typing import Final

from lastseen.evidence.texts.text import Text
from lastseen.tables.facts_from_texts import Rule

__all__ = ["asked_table", "rule_row"]

_TABLE_ASKED: Final = re.compile(r"\s(?:-t|--table)[ =]?(?P<table>[a-z]{1,16})")
_DROPS: Final = frozenset({"DROP", "REJECT"})


def asked_table(command: str) -> str:
    """The table of a command that prints one table without saying which."""
    found = _TABLE_ASKED.search(command)
    return found["table"] if found else "filter"


def rule_row(text: Text, number: int, found: re.Match[str], *, place: str, match: str, actions: str) -> Rule:
    """The row of a rule or policy; `found` has its counters in groups `packets` and `bytes`, if anything has."""
    counts = found.groupdict()
    return Rule(
        **text.at(number),
        layer="iptables",
        place=place,
        priority=None,
        match=match,
        actions=actions,
        packets=_exact(counts.get("packets")),
        bytes=_exact(counts.get("bytes")),
        drops=actions.partition(" ")[0] in _DROPS,
    )


def _exact(printed: str | None) -> int | None:
    """A count; None for one that is rounded (`12K`) or not printed."""
    return int(printed) if printed and printed.isdecimal() else None
