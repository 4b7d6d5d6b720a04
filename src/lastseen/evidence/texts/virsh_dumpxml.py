"""`virsh dumpxml MACHINE` and libvirt's files: a virtual machine's network cards, from its XML.

Source: libvirt's domain format, <interface> with <mac>, <source>, <target>, <model>, <mtu> and <virtualport>; Nova's
<nova:instance> in <metadata> (nova/virt/libvirt/config.py). A host's XML is as hostile as any text: a document type or
entity is refused, so nothing can be expanded or fetched, and the parser is fed line by line and keeps no tree.

Rows: a `GuestPort` an interface, at the line it begins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import GuestPort
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "virsh dumpxml"

_COMMAND = re.compile(r"(?:^|[\s/])virsh\s(?:-\S{1,32}\s(?:\S{1,200}\s)?){0,4}dumpxml(?:\s|$)")
_DOMAIN = re.compile(r"<domain\s[^<>]{0,400}\btype=['\"][a-z]{2,20}['\"]")
_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_NAMES: Final = {
    "domain/name": "name",
    "domain/uuid": "uuid",
    "metadata/nova:instance/nova:name": "title",
}
"""Where the names of a machine stand. They precede its devices in what libvirt prints."""
_MAX_DEPTH: Final = 64
_MAX_NAME_CHARS: Final = 256
_MAX_MTU_DIGITS: Final = 6


@dataclass(slots=True)
class _Reading:
    """What has been met of the document so far. expat calls back, so this one has to be changed in place."""

    line: int = 0
    path: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    card: dict[str, str] | None = None
    found: list[tuple[int, dict[str, str], dict[str, str]]] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.path.append(name)
        if name == "domain":
            self.names = {}
        elif self.path[-2:] == ["devices", "interface"]:
            self.card = {"line": str(self.line), "kind": attributes.get("type", "")}
        elif self.card is not None and self.path[-2] in {"interface", "virtualport"}:
            self.card.update({f"{name} {key}": value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        """An element ends."""
        if self.path[-2:] == ["devices", "interface"] and self.card is not None:
            self.found.append((int(self.card["line"]), dict(self.names), self.card))
            self.card = None
        if self.path and self.path[-1] == name:
            self.path.pop()

    def characters(self, data: str) -> None:
        """Text of an element: only the machine's names are asked for."""
        called = _NAMES.get("/".join(self.path[-3:])) or _NAMES.get("/".join(self.path[-2:]))
        if called and len(before := self.names.get(called, "")) < _MAX_NAME_CHARS:
            self.names[called] = before + data[:_MAX_NAME_CHARS]


def recognise(head: Head) -> bool:
    """A <domain type='...'> element among the first lines; or the command, with no output."""
    return head.matching(_DOMAIN, within=12) > 0 if head.first() else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[GuestPort | Weird]:
    """One `GuestPort` an interface; damaged or refused XML ends the reading."""
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    for number, line in text.lines():
        reading.line = number
        refused = "a document type or entity is not read" if _FORBIDDEN.search(line) else ""
        try:
            if not refused:
                parser.Parse(f"{line}\n".encode("utf-8", "replace"), False)  # noqa: FBT003 - expat's own
        except expat.ExpatError as error:
            refused = f"XML that cannot be read ({expat.ErrorString(error.code)})"
        if refused or len(reading.path) > _MAX_DEPTH:
            yield text.weird(number, refused or "XML nested deeper than any machine's")
            break
        yield from _rows(text, reading)
    else:
        if reading.path:
            yield text.weird(reading.line, "the XML ends early")


def _rows(text: Text, reading: _Reading) -> Iterator[GuestPort]:
    while reading.found:
        line, names, card = reading.found.pop(0)
        network = next(
            (card[key] for key in ("source bridge", "source network", "source dev") if key in card), ""
        )
        mtu = card.get("mtu size", "")
        yield GuestPort(
            **text.at(line),
            machine=names.get("name", ""),
            device=card.get("target dev", ""),
            mac=card.get("mac address", ""),
            network=network,
            model=card.get("model type", ""),
            port_id=card.get("parameters interfaceid", ""),
            mtu_bytes=int(mtu) if mtu.isascii() and mtu.isdecimal() and len(mtu) <= _MAX_MTU_DIGITS else None,
            kind=card["kind"],
            machine_id=names.get("uuid", ""),
            title=names.get("title", ""),
        )
