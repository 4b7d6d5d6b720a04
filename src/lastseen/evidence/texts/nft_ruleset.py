"""`nft list ruleset` (and `list table`, `list chain`, `list counters`, `list sets`), text form.

Only counted rules have numbers; a rule without `counter` has None. A base chain's policy is a rule too (it
drops what no rule took). Source: nftables 0.9 to 1.1, src/rule.c, src/statement.c.

| block | row |
|---|---|
| rule of a chain | `Rule` of layer "nft", place "FAMILY TABLE CHAIN" |
| policy of a base chain | `Rule` of match "policy" |
| `counter NAME { ... }` | `Counter`s of family "nft_counter", scope "FAMILY TABLE NAME" |
| element of a set or map | `Rule` of layer "nft_set", place "FAMILY TABLE SET", actions what a map gives |
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "element_row", "policy_row", "read", "recognise", "rule_row"]

KIND = "nft list ruleset"

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?nft\s(?!(?:-\S{0,20}\s){0,5}-j)(?:-[^;&|\s]{1,20}\s){0,5}"
    r"list (?:ruleset|tables?|chains?|counters?|sets?|maps?)\b[^;&]*$"
)
_TABLE = re.compile(r"^\s*table (?P<family>ip|ip6|inet|arp|bridge|netdev) (?P<name>\S{1,128}) \{\s*$")
_CHAIN = re.compile(r"^\s*chain (?P<name>\S{1,128}) \{\s*$")
_OTHER_BLOCK = re.compile(
    r"^\s*(?P<kind>set|map|flowtable|counter|quota|limit|secmark|synproxy|tunnel|ct (?:helper|timeout|expectation))"
    r" (?P<name>\S{1,128}) \{\s*$"
)
_COUNTED = re.compile(r"^\s*packets (?P<packets>\d{1,20}) bytes (?P<bytes>\d{1,20})\s*$")
_ELEMENTS = re.compile(r"^\s*elements = \{")
_ELEMENT = re.compile(
    r"^(?P<key>[^\s\"](?:[^\s\"]| (?!counter packets |timeout |expires |comment |: |limit rate ))*)(?P<rest>.*)$"
)
_DATA = re.compile(r"(?<!\S): (?P<data>\S.{0,200})$")
_END = re.compile(r"^\s*\}\s*$")
_HANDLE = re.compile(r"(?<!\s)\s+# handle \d{1,20}\s*$")
_COMMENT_LINE = re.compile(r"^\s*#")
_BASE = re.compile(
    r"^\s*type \w{1,16} hook \w{1,16}[^;]{0,4096}(?:;|$)(?:\s*policy (?P<policy>\w{1,16});)?\s*$"
)
_POLICY = re.compile(r"^\s*policy (?P<policy>\w{1,16});\s*$")
_TABLE_LINE = re.compile(r"^\s*(?:flags \w[\w, ]{0,100};?|comment \"[^\"]*\";?|devices? = .*)\s*$")
_QUOTED = re.compile(r"\"[^\"]*\"")
_COUNTER = re.compile(r"(?<!\S)counter packets (?P<packets>\d{1,20}) bytes (?P<bytes>\d{1,20})(?!\S)")
_STATEMENT = re.compile(
    r"(?<!\S)(?:(?:add|update|delete) @|(?:counter|log|accept|drop|reject|return|continue|jump|goto|queue"
    r"|notrack|masquerade|redirect|snat|dnat|tproxy|synproxy|dup to|fwd to|flow add|vmap"
    r"|(?:meta|ct|ip|ip6|ether|tcp|udp) \w{1,16} set|tcp option \w{1,16} \w{1,16} set)(?!\S))"
)
_TAIL_COMMENT = re.compile(r"(?<!\S)comment \"_*\"\s*$")
_DROP = re.compile(r"(?<!\S)(?:drop|reject)(?!\S)")
_BRACES = re.compile(r"\{[^{}]*\}")


def recognise(head: Head) -> bool:
    """The first line that is no comment opens a table; or the command says so."""
    first = next((line for line in head.lines if line.strip() and not _COMMENT_LINE.match(line)), "")
    return bool(_COMMAND.search(head.command) or _TABLE.match(_HANDLE.sub("", first)))


def read(text: Text) -> Iterator[Rule | Counter | Weird]:
    """Rows as in the table above.

    `match` is what stands before the first statement, `actions` the statements without counter and comment;
    `drops` is set where a verdict outside a map is drop or reject.
    """
    table, chain, other = "", "", ("", "")
    for number, raw in text.lines():
        line = _HANDLE.sub("", raw)
        if not line.strip() or _COMMENT_LINE.match(line):
            continue
        if _END.match(line):
            table, chain, other = (table if chain or other[0] else ""), "", ("", "")
        elif other[0]:
            yield from _in_other(text, number, line, other)
        elif found := _TABLE.match(line):
            table, chain = f"{found['family']} {found['name']}", ""
        elif table and (found := _CHAIN.match(line)):
            chain = found["name"]
        elif table and not chain and (found := _OTHER_BLOCK.match(line)):
            other = (found["kind"], f"{table} {found['name']}")
        elif chain:
            yield from _in_chain(text, number, line, f"{table} {chain}")
        elif not (table and _TABLE_LINE.match(line)):
            yield text.weird(number, "not a line of a ruleset")


def _in_chain(text: Text, number: int, line: str, place: str) -> Iterator[Rule]:
    if found := _BASE.match(line) or _POLICY.match(line):
        if policy := found["policy"]:
            yield policy_row(text, number, place, policy)
    elif not _TABLE_LINE.match(line):
        yield rule_row(text, number, line.strip(), place)


def _in_other(text: Text, number: int, line: str, block: tuple[str, str]) -> Iterator[Rule | Counter]:
    """A counter's numbers, or a set's elements; nothing of any other block."""
    kind, place = block
    if kind == "counter" and (found := _COUNTED.match(line)):
        for name in ("packets", "bytes"):
            yield Counter(
                **text.at(number), family="nft_counter", scope=place, name=name, value=int(found[name])
            )
    elif kind in {"set", "map"} and (_ELEMENTS.match(line) or line.rstrip().endswith((",", "}"))):
        listed = _ELEMENTS.sub("", line).strip().removesuffix("}")
        blotted = _QUOTED.sub(lambda found: '"' + "_" * (len(found[0]) - 2) + '"', listed)
        for piece in blotted.split(","):
            if found := _ELEMENT.match(piece.strip()):
                counter, data = _COUNTER.search(found["rest"]), _DATA.search(found["rest"])
                yield element_row(
                    text,
                    number,
                    place,
                    match=found["key"].strip(),
                    actions=data["data"] if data else "",
                    packets=int(counter["packets"]) if counter else None,
                    size=int(counter["bytes"]) if counter else None,
                )


def policy_row(text: Text, number: int, place: str, policy: str) -> Rule:
    """The row of a base chain's policy."""
    return _row(text, number, place, match="policy", actions=policy)


def element_row(
    text: Text, number: int, place: str, *, match: str, actions: str, packets: int | None, size: int | None
) -> Rule:
    """The row of one element of a set or map."""
    return Rule(
        **text.at(number),
        layer="nft_set",
        place=place,
        priority=None,
        match=match,
        actions=actions,
        packets=packets,
        bytes=size,
        drops=actions == "drop",
    )


def rule_row(text: Text, number: int, rule: str, place: str) -> Rule:
    """The row of a rule as `nft list` prints it.

    Cut the rule on a copy whose quoted strings are blotted out: `log prefix "drop "` is no verdict.
    """
    blotted = _QUOTED.sub(lambda found: '"' + "_" * (len(found[0]) - 2) + '"', rule)
    if comment := _TAIL_COMMENT.search(blotted):
        rule, blotted = rule[: comment.start()].rstrip(), blotted[: comment.start()].rstrip()
    statement = _STATEMENT.search(blotted)
    start = statement.start() if statement else len(rule)
    counter = _COUNTER.search(blotted)
    actions = rule[start:]
    if counter:
        actions = f"{rule[start : counter.start()]} {rule[counter.end() :]}"
    verdicts = _BRACES.sub("", blotted[start:])
    return _row(
        text,
        number,
        place,
        match=rule[:start].strip(),
        actions=" ".join(actions.split()) if counter else actions.strip(),
        counter=counter,
        drops=_DROP.search(verdicts) is not None,
    )


def _row(
    text: Text,
    number: int,
    place: str,
    *,
    match: str,
    actions: str,
    counter: re.Match[str] | None = None,
    drops: bool | None = None,
) -> Rule:
    return Rule(
        **text.at(number),
        layer="nft",
        place=place,
        priority=None,
        match=match,
        actions=actions,
        packets=int(counter["packets"]) if counter else None,
        bytes=int(counter["bytes"]) if counter else None,
        drops=actions == "drop" if drops is None else drops,
    )
