"""`ip addr`: interfaces with their addresses, also as `ip -o addr` and `ip -s addr`.

The blocks are those of `ip link` and are read by the same code; the two are told apart because a file of
one is evidence of another kind: only this one says which addresses a node has.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts import ip_link
from lastseen.evidence.texts.ip_link import ADDRESS_LINE, HEADER_LINE
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ip addr"

_COMMAND = re.compile(
    r"(?:^|[\s/])ip\s+(?:-n(?:etns)?\s+\S{1,64}\s+|-\S{1,16}\s+){0,6}"
    r"a(?:d(?:d(?:r(?:ess)?)?)?)?(?:\s+(?:show|list|ls|dev)(?:\s.*)?)?$"
)
_BRIDGE_PORT = re.compile(
    r"> mtu [0-9]{1,10} (?:master \S{1,64} )?state (?:disabled|listening|learning|forwarding|blocking) "
)
"""A line of `bridge link`, which begins in the same way."""
_FOLDED_ADDRESS = re.compile(r"^[0-9]{1,10}: \S{1,64}\s+inet6? ")


def recognise(head: Head) -> bool:
    """Starts with an interface or an address of one, and is not `ip link`, which has no addresses."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    if _FOLDED_ADDRESS.match(first):
        return bool(ADDRESS_LINE.match(first))
    return bool(HEADER_LINE.match(first)) and not _BRIDGE_PORT.search(first) and not ip_link.recognise(head)


def read(text: Text) -> Iterator[Interface | Counter | Setting | Weird]:
    """One `Interface` a block, with `addresses` as "address/prefix length"; counters where `-s` was given."""
    return ip_link.read_blocks(text)
