"""`ip -br link` and `ip -br addr`: one line an interface.

Source: `print_linkinfo_brief` of iproute2's ip/ipaddress.c (4.x to 6.x).

Rows: an `Interface` a line, with MAC or addresses and state.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ip -br"

_COMMAND = re.compile(r"(?:^|[\s/])ip\s+(?:-\S{1,16}\s+(?:\S{1,64}\s+)?){0,4}-br(?:ief)?\s")
_LINE = re.compile(
    r"^(?P<name>[^\s@:]{1,15})(?:@(?P<peer>\S{1,64}))?\s+"
    r"(?P<state>UNKNOWN|NOTPRESENT|DOWN|LOWERLAYERDOWN|TESTING|DORMANT|UP)"
    r"(?P<rest>(?:\s+[0-9a-fA-F:./]{3,60}(?:\s+(?:peer\s+\S{1,60}|metric\s+[0-9]{1,10}))?){0,200})(?:\s+<(?P<flags>[A-Z0-9_,-]{0,200})>)?\s*$"
)
_MAC = re.compile(r"^[0-9a-f]{2}(?::[0-9a-f]{2}){5,19}$")


def recognise(head: Head) -> bool:
    """Every one of the first lines is an interface with its state; or the command, with no output."""
    lines = [line for line in head.lines if line.strip()][:20]
    return all(_LINE.match(line) for line in lines) if lines else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Interface | Weird]:
    """One `Interface` a line."""
    for number, line in text.lines():
        if found := _LINE.match(line):
            words = found["rest"].split()
            yield Interface(
                **text.at(number),
                name=found["name"],
                mac=next((word for word in words if _MAC.match(word)), ""),
                state=found["state"],
                addresses=tuple(filter(None, map(_address, words))),
            )
        elif line.strip():
            yield text.weird(number, "not an interface with its state")


def _address(word: str) -> str:
    address, slash, bits = word.partition("/")
    end = endpoint_of(address) if slash and bits.isdecimal() else None
    return f"{end.address}/{bits}" if end else ""
