"""`ip route`: one route a line, next hops of a multipath route indented below it.

Source: `print_route` of iproute2's ip/iproute.c. A route that discards (unreachable, blackhole, prohibit,
throw) has neither device nor gateway.
"""

import ipaddress
import re
from collections.abc import Iterator
from itertools import pairwise

from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Route
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ip route"

_HEAD_LINES = 20
_COMMAND = re.compile(
    r"(?:^|[\s/])ip\s+(?:-n(?:etns)?\s+\S{1,64}\s+|-\S{1,16}\s+){0,6}"
    r"r(?:o(?:u(?:t(?:e)?)?)?)?(?:\s+(?:show|list|ls|get|table)(?:\s.*)?)?$"
)
_TYPES = "unicast|local|broadcast|multicast|anycast|unreachable|blackhole|prohibit|throw|nat"
_PREFIX = r"(?:default|[0-9a-fA-F:.]{2,45}(?:/[0-9]{1,3})?)"
_ROUTE = re.compile(
    rf"^(?:(?:{_TYPES})\s+)?(?P<to>{_PREFIX})"
    r"(?=\s+(?:via|dev|proto|scope|src|metric|table|nhid|encap|from|tos)\s|\s*$)(?P<rest>.*)$"
)
_MAC = r"[0-9a-f]{2}(?::[0-9a-f]{2}){5,7}\s"
_CERTAIN = re.compile(
    rf"^(?!{_MAC})(?:(?:{_TYPES})\s+)?{_PREFIX}\s+(?:(?:via|proto)\s+\S{{1,64}}\s+){{0,2}}(?:via|dev|nhid|proto|encap)\s"
    rf"|^(?:unreachable|blackhole|prohibit|throw)\s+{_PREFIX}(?:\s|$)|^\s+nexthop\s|^\s+cache\b"
)
_NEIGHBOUR = re.compile(
    r"\slladdr\s|\s(?:REACHABLE|STALE|DELAY|PROBE|FAILED|INCOMPLETE|PERMANENT|NOARP|NONE)\s*$"
)
_CACHE = re.compile(r"^\s+cache\b")
_NEXT_HOP = re.compile(r"^\s+nexthop\s(?P<rest>.*)$")


def recognise(head: Head) -> bool:
    """Most of the first lines are routes and none is a neighbour entry; or the command, with no output."""
    if not head.first():
        return bool(_COMMAND.search(head.command))
    if head.matching(_NEIGHBOUR):
        return False
    return 2 * head.matching(_CERTAIN) > min(_HEAD_LINES, sum(1 for line in head.lines if line.strip()))


def read(text: Text) -> Iterator[Route | Weird]:
    """One `Route` a line, or one a next hop. A host's route gets the full prefix length."""
    destination = ""
    pending: Route | None = None
    for number, line in text.lines():
        if destination and (hop := _NEXT_HOP.match(line)):
            pending = None
            yield _route(text, number, destination, hop["rest"])
            continue
        if pending is not None:
            yield pending
        route = _parsed(text, number, line)
        destination = route.destination if route else ""
        # Neither device nor gateway: a route that discards, unless next hops follow.
        pending = route if route and not (route.device or route.via) else None
        if route is not None and pending is None:
            yield route
        elif route is None and line.strip() and not _CACHE.match(line):
            yield text.weird(number, "not a route")
    if pending is not None:
        yield pending


def _parsed(text: Text, number: int, line: str) -> Route | None:
    found = None if _NEIGHBOUR.search(line) else _ROUTE.match(line)
    destination = _destination(found["to"]) if found else ""
    return _route(text, number, destination, found["rest"]) if found and destination else None


def _destination(printed: str) -> str:
    """The prefix, canonical; "default" as printed; "" for what is neither."""
    if printed == "default":
        return printed
    try:
        return str(ipaddress.ip_network(printed, strict=False))
    except ValueError:
        return ""


def _route(text: Text, number: int, destination: str, rest: str) -> Route:
    # Reversed, so that the first of a repeated keyword counts.
    pairs = dict(reversed(list(pairwise([*rest.split(), ""]))))
    gateway = pairs.get("via", "")
    if gateway in {"inet", "inet6"}:
        gateway = pairs[gateway]
    end = endpoint_of(gateway)
    return Route(
        **text.at(number),
        destination=destination,
        device=pairs.get("dev", ""),
        via=end.address if end else "",
    )
