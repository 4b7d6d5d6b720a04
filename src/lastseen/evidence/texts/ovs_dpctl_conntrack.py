"""`ovs-appctl dpctl/dump-conntrack` (= `ovs-dpctl dump-conntrack`): tracked connections in its own words.

Unlike `conntrack -L` it prints neither timeout nor marks unless asked (-s, -m), so most entries have
`timeout_s` None. Source: Open vSwitch lib/ct-dpif.c (2.5 to 3.3).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import ConntrackEntry
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "dpctl/dump-conntrack"

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?(?:ovs-dpctl\s(?:[^;&|]{0,100}\s)?|ovs-appctl\s(?:[^;&|]{0,100}\s)?dpctl/)"
    r"dump-conntrack\b[^;&]*$"
)
_ENTRY = re.compile(
    r"^\s*(?P<proto>[a-z0-9-]{1,16}),orig=\((?P<original>[^()]*)\),reply=\((?P<reply>[^()]*)\)"
    r"(?P<rest>(?:,.*)?)$"
)
_PARENT = re.compile(r",parent=\([^()]*\)")
_PAIR = re.compile(r"(?P<key>[a-z_]{1,32})=(?P<value>[^,()]{1,256})")
_NUMBER = re.compile(r"\d{1,10}")


def recognise(head: Head) -> bool:
    """Mostly `PROTO,orig=(..),reply=(..)` lines; or the command says so."""
    if _COMMAND.search(head.command):
        return True
    return 2 * head.matching(_ENTRY) > min(20, sum(1 for line in head.lines if line.strip()))


def read(text: Text) -> Iterator[ConntrackEntry | Weird]:
    """One `ConntrackEntry` a line; its state as printed (both sides' as "A/B" where they are told apart)."""
    for number, line in text.lines():
        if line.strip():
            yield _entry(text, number, line) or text.weird(number, "not a conntrack entry")


def _entry(text: Text, number: int, line: str) -> ConntrackEntry | None:
    found = _ENTRY.match(line)
    if found is None:
        return None
    rest = _pairs(_PARENT.sub("", found["rest"]) if "parent" in found["rest"] else found["rest"])
    ends = [_endpoint(_pairs(found[side]), way) for side in ("original", "reply") for way in ("src", "dst")]
    original_src, original_dst, reply_src, reply_dst = ends
    if original_src is None or original_dst is None or reply_src is None or reply_dst is None:
        return None
    return ConntrackEntry(
        **text.at(number),
        proto=found["proto"],
        state=_state(rest),
        timeout_s=_number(rest.get("timeout", "")),
        original_src=original_src,
        original_dst=original_dst,
        reply_src=reply_src,
        reply_dst=reply_dst,
        zone=_number(rest.get("zone", "")),
        marks=_marks(rest.get("status", "")),
    )


@lru_cache(maxsize=64)  # A table has a handful of combinations.
def _marks(status: str) -> frozenset[str]:
    return frozenset(filter(None, status.split("|")))


def _pairs(text: str) -> dict[str, str]:
    return dict(_PAIR.findall(text))


def _endpoint(pairs: dict[str, str], way: str) -> Endpoint | None:
    return _end(pairs.get(way, ""), pairs.get(f"{way[0]}port", "0"))


@lru_cache(maxsize=16_384)  # A table names few addresses often, and its entries share their ends.
def _end(address: str, port: str) -> Endpoint | None:
    number = _number(port)
    try:
        canonical = str(ip_address(address))
    except ValueError:
        return None
    return None if number is None else Endpoint(address=canonical, port=number)


def _state(rest: dict[str, str]) -> str:
    original = rest.get("state", rest.get("state_orig", ""))
    reply = rest.get("state_reply", original)
    return original if original == reply else f"{original}/{reply}"


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
