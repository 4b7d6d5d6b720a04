"""`virsh domiflist MACHINE`: a virtual machine's network cards and the host's taps.

Source: libvirt's tools/virsh-domain-monitor.c; the heading's first word is indented since 4.8. The machine's name is
in the command only. A card of a machine that does not run has `-` for its tap.

Rows: a `GuestPort` a card.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import GuestPort
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "virsh domiflist"

_COMMAND = re.compile(
    r"(?:^|[\s/])virsh\s(?:-\S{1,32}\s(?:\S{1,200}\s)?){0,4}domiflist\s+(?:--domain\s+)?(?P<machine>[^\s-]\S{0,200})"
)
_HEADER = re.compile(r"^\s?Interface\s+Type\s+Source\s+Model\s+MAC\s*$")
_RULE = re.compile(r"^-{10,}\s*$")
_LINE = re.compile(
    r"^\s?(?P<device>\S{1,64})\s+(?P<type>[a-z]{2,20})\s+(?P<network>\S{1,128})\s+(?P<model>\S{1,32})"
    r"\s+(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})\s*$"
)


def recognise(head: Head) -> bool:
    """The heading is the first line; or the command, with no output."""
    first = head.first()
    return bool(_HEADER.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[GuestPort | Weird]:
    """One `GuestPort` a line."""
    asked = _COMMAND.search(text.command)
    machine = asked["machine"] if asked else ""
    for number, line in text.lines():
        if found := _LINE.match(line):
            device, network, model = (
                "" if found[name] == "-" else found[name] for name in ("device", "network", "model")
            )
            yield GuestPort(
                **text.at(number),
                machine=machine,
                device=device,
                mac=found["mac"],
                network=network,
                model=model,
                kind=found["type"],
            )
        elif line.strip() and not (_HEADER.match(line) or _RULE.match(line)):
            yield text.weird(number, "not a network card of a machine")
