"""`conntrack -L` and /proc/net/nf_conntrack: the table of tracked connections.

Source: `nfct_snprintf` of libnetfilter_conntrack 1.0 (`-o extended`, `id`, `timestamp`, `labels` included)
and `ct_seq_show` of the kernel's nf_conntrack_standalone.c, which puts `ipv4 2` before each line. An entry
that is offloaded to a flow table prints neither timeout nor state.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import ConntrackEntry
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "conntrack -L"

_HEAD_LINES = 20
_TUPLES = 2
_COMMAND = re.compile(
    r"(?:^|[\s/])conntrack\s[^|;]{0,80}?(?:-L|--dump)(?:\s|$)|\s/proc/net/(?:nf|ip)_conntrack(?:\s|$)"
)
_ENTRY = re.compile(
    r"^(?:ipv[46]\s+[0-9]{1,3}\s+)?(?P<proto>[a-z][a-z0-9-]{1,15})\s+(?P<protonum>[0-9]{1,3})\s+"
    r"(?:(?P<timeout>[0-9]{1,10})\s+)?(?:(?P<state>[A-Z][A-Z0-9_]{1,20})\s+)?(?P<rest>src=.*)$"
)
_SHOWN = re.compile(r"^conntrack v\S{1,20} \(conntrack-tools\): [0-9]{1,10} flow entries have been shown\.")
_OURS = re.compile(f"(?:{_ENTRY.pattern})|(?:{_SHOWN.pattern})")
_TUPLE = (
    r"src=(\S{2,45}) dst=(\S{2,45}) sport=([0-9]{1,5}) dport=([0-9]{1,5}) "
    r"(?:packets=[0-9]{1,20} bytes=[0-9]{1,20} )?"
)
_USUAL = re.compile(
    rf"{_TUPLE}(\[UNREPLIED\] )?{_TUPLE}(\[ASSURED\] )?"
    r"(?:mark=[0-9]{1,10} )?(?:zone=([0-9]{1,5}) )?use=[0-9]{1,10}\s*"
)
"""What follows the state in nearly all lines of a long table; such a line is read in half the time."""
_MARK = re.compile(r"^\[[A-Z][A-Z0-9_]{1,20}\]$")
_ZONE = re.compile(r"^[0-9]{1,5}$")


def recognise(head: Head) -> bool:
    """Most of the first lines are entries or the tool's closing line; or the command, with no output."""
    if not head.first():
        return bool(_COMMAND.search(head.command))
    return 2 * head.matching(_OURS) > min(_HEAD_LINES, sum(1 for line in head.lines if line.strip()))


def read(text: Text) -> Iterator[ConntrackEntry | Weird]:
    """One `ConntrackEntry` a line; `marks` are the words in brackets, such as ASSURED and UNREPLIED."""
    for number, line in text.lines():
        if not line.strip() or _SHOWN.match(line):
            continue
        found = _ENTRY.match(line)
        yield (_entry(text, number, found) if found else None) or text.weird(
            number, "not a whole conntrack entry"
        )


def _entry(text: Text, number: int, found: re.Match[str]) -> ConntrackEntry | None:
    told = _told(found["rest"])
    if told is None:
        return None
    ends, zone, marks = told
    original_src, original_dst, reply_src, reply_dst = ends
    if original_src is None or original_dst is None or reply_src is None or reply_dst is None:
        return None
    proto, protonum, timeout, state, _ = found.groups()
    return ConntrackEntry(
        **text.at(number),
        proto=protonum if proto == "unknown" else proto,
        state=state or "",
        timeout_s=int(timeout) if timeout else None,
        original_src=original_src,
        original_dst=original_dst,
        reply_src=reply_src,
        reply_dst=reply_dst,
        zone=int(zone) if _ZONE.match(zone) else None,
        marks=marks,
    )


def _told(rest: str) -> tuple[list[Endpoint | None], str, frozenset[str]] | None:
    """(source and target of both directions, zone or "", marks); None where there are not two directions."""
    if usual := _USUAL.fullmatch(rest):
        one = usual.groups("")
        ends = [endpoint_of(one[at], one[at + 2]) for at in (0, 1, 5, 6)]
        return ends, one[10], _marks(one[4] + one[9])
    words = rest.split()
    starts = [index for index, word in enumerate(words) if word.startswith("src=")]
    if len(starts) != _TUPLES:
        return None
    original, reply = _fields(words[: starts[1]]), _fields(words[starts[1] :])
    ends = [_end(original, "src"), _end(original, "dst"), _end(reply, "src"), _end(reply, "dst")]
    marks = " ".join(word for word in words if _MARK.match(word))
    return ends, reply.get("zone", original.get("zone", "")), _marks(marks)


@lru_cache(maxsize=64)  # A table has a handful of combinations, and its entries share them.
def _marks(words: str) -> frozenset[str]:
    return frozenset(word.strip("[]") for word in words.split())


def _fields(words: list[str]) -> dict[str, str]:
    """key -> value, the first of each."""
    fields: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        fields.setdefault(key, value)
    return fields


def _end(fields: dict[str, str], side: str) -> Endpoint | None:
    return endpoint_of(fields.get(side, ""), fields.get(f"{side[0]}port", ""))
