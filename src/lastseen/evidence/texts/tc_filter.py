"""`tc -s filter`: what a classifier matches and what its actions did, such as dropping or mirroring.

Source: iproute2 4.x to 6.x, tc/tc_filter.c, tc/f_flower.c, tc/f_u32.c, tc/m_action.c, tc/m_gact.c, tc/m_police.c (which
puts a blank more before its name, and in old versions none before `ref`), tc/tc_util.c for the numbers. The device is
that of the line (`tc filter show` without `dev`, 5.x) or of the command.

Rows: `Rule` of layer "tc" a filter with a handle or match; place "DEVICE PARENT", priority its `pref`, `match` the
protocol, classifier and its indented keys, `actions` the actions, a part that goes by chance included. The numbers are
those of the first action; of a filter that drops some of what it matches (a policer, gact with `random`), the packets
are those its dropping action dropped, and their bytes are not known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "tc -s filter"

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?tc\s(?!(?:-\S{0,20}\s){0,8}-j)(?:-[^;&|\s]{1,30}\s(?:\w{1,15}\s)?){0,8}filter\b[^;&]*$"
)
_WHERE = re.compile(r"\bdev (?P<dev>[^\s\"']{1,64})(?:.{0,40}?\b(?P<parent>ingress|egress|root))?")
_FILTER = re.compile(
    r"^filter (?:dev (?P<dev>\S{1,64}) )?(?:(?P<side>ingress|egress) )?(?:parent (?P<parent>[0-9a-f:]{1,10}) )?"
    r"protocol (?P<protocol>\S{1,32}) pref (?P<pref>[0-9]{1,10})(?: (?P<kind>\S{1,32}))?(?P<rest>(?: .*)?)$"
)
_ACTION = re.compile(r"^\s+action order [0-9]{1,4}: {1,4}(?P<action>\S.{0,400})$")
_BY_CHANCE = re.compile(
    r"^\s+(?P<chance>random type (?!none )\w{1,16} \w{1,16}(?: .{0,40}?)? val [0-9]{1,5})\s*$"
)
_REFERENCES = re.compile(r"^\s*ref [0-9]{1,10} bind [0-9]{1,10}\b")
_DROPS = re.compile(r"\bdrop\b")
_SOME_OF_IT = re.compile(r"^police\b|\brandom type\b")
"""Actions that drop what exceeds a rate, or one in so many packets."""
_SENT = re.compile(
    r"^\s+Sent(?: (?:hardware|software))? (?P<bytes>[0-9]{1,20}) bytes (?P<packets>[0-9]{1,20}) pkts?"
    r"(?: \(dropped (?P<dropped>[0-9]{1,20}))?"
)
_HITS = re.compile(r"\(rule hit [0-9]{1,20} success (?P<packets>[0-9]{1,20})\)")
_KEY = re.compile(r"^  (?P<key>[a-z]\w{1,32}(?: \S.{0,300})?)$")
_CHAIN = re.compile(r"\s?\bchain [0-9]{1,10}\b")
_NO_KEY = re.compile(r"^(?:not_in_hw|in_hw|skip_sw|skip_hw|used_hw_stats)\b")
_MAX_PARTS = 64


@dataclass(frozen=True, slots=True)
class _Filter:
    """A filter's rows so far."""

    line: int
    place: str
    pref: int
    head: str
    keys: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    counted: tuple[int, int] | None = field(default=None)
    dropped: int | None = field(default=None)


def recognise(head: Head) -> bool:
    """The first line is a `filter ... protocol ... pref` line; or the command says so."""
    return bool(_FILTER.match(head.first()) or (_COMMAND.search(head.command) and not head.first()))


def read(text: Text) -> Iterator[Rule | Weird]:
    """One `Rule` a filter; a line that only announces a classifier gives none."""
    asked = _WHERE.search(text.command)
    current: _Filter | None = None
    for number, line in text.lines():
        if found := _FILTER.match(line):
            yield from _row(text, current)
            current = _started(number, found, asked)
        elif current is None and line.strip():
            yield text.weird(number, "a line before the first filter")
        elif current is not None and line.strip():
            if not line[0].isspace() and not _REFERENCES.match(line):
                yield text.weird(number, "not a line of a filter")
                continue
            current = _added(current, line)
    yield from _row(text, current)


def _started(number: int, found: re.Match[str], asked: re.Match[str] | None) -> _Filter:
    device = found["dev"] or (asked["dev"] if asked else "")
    parent = found["parent"] or found["side"] or ((asked["parent"] or "") if asked else "")
    rest = _CHAIN.sub("", found["rest"]).strip()
    hits = _HITS.search(rest)
    words = " ".join(word for word in _HITS.sub("", rest).split() if not _NO_KEY.match(word))
    head = f"protocol {found['protocol']} {found['kind'] or ''} {words}".strip()
    counted = (int(hits["packets"]), -1) if hits else None
    return _Filter(number, f"{device} {parent}".strip(), int(found["pref"]), head, counted=counted)


def _added(current: _Filter, line: str) -> _Filter:
    if found := _ACTION.match(line):
        return replace(current, actions=(*current.actions, found["action"].strip())[:_MAX_PARTS])
    if current.actions and (found := _BY_CHANCE.match(line)):
        *others, last = current.actions
        return replace(current, actions=(*others, f"{last} {found['chance']}"))
    if found := _SENT.match(line):
        if (
            current.dropped is None
            and current.actions
            and _drops_some(current.actions[-1])
            and found["dropped"]
        ):
            current = replace(current, dropped=int(found["dropped"]))
        known = current.counted is not None and current.counted[1] >= 0
        return current if known else replace(current, counted=(int(found["packets"]), int(found["bytes"])))
    if not current.actions and (found := _KEY.match(line)) and not _NO_KEY.match(found["key"]):
        return replace(current, keys=(*current.keys, found["key"].strip())[:_MAX_PARTS])
    return current


def _drops_some(action: str) -> bool:
    return bool(_DROPS.search(action) and _SOME_OF_IT.search(action))


def _row(text: Text, found: _Filter | None) -> Iterator[Rule]:
    if found is None or not (found.keys or found.actions or found.counted):
        return
    packets, size = found.counted or (None, -1)
    if any(map(_drops_some, found.actions)):
        packets, size = found.dropped, -1
    yield Rule(
        **text.at(found.line),
        layer="tc",
        place=found.place,
        priority=found.pref,
        match=" ".join([found.head, *found.keys]),
        actions="; ".join(found.actions),
        packets=packets,
        bytes=None if size == -1 else size,
        drops=any(_DROPS.search(action) for action in found.actions),
    )
