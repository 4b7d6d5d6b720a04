"""`ethtool -i`: the driver behind an interface.

Source: `dump_drvinfo` of ethtool.c. The output does not name the interface; only the command line above it
does.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ethtool -i"

_COMMAND = re.compile(r"(?:^|[\s/])ethtool\s+(?:-i|--driver)\s+(?P<interface>\S{1,64})")
_DRIVER = re.compile(r"^driver: (?P<driver>\S{1,64})\s*$")
_OTHER = re.compile(
    r"^(?:version|firmware-version|expansion-rom-version|bus-info"
    r"|supports-(?:statistics|test|eeprom-access|register-dump|priv-flags)):"
)
_REFUSED = re.compile(r"^(?:Cannot get driver information|netlink error: )")


def recognise(head: Head) -> bool:
    """`driver: X` first, with the lines that follow it; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    return bool(_DRIVER.match(first)) and head.matching(_OTHER) > 0


def read(text: Text) -> Iterator[Interface | Weird]:
    """One `Interface` with the driver as `kind`; its name is "" where no command line tells it."""
    found = _COMMAND.search(text.command)
    interface = found["interface"] if found else ""
    for number, line in text.lines():
        if found := _DRIVER.match(line):
            yield Interface(**text.at(number), name=interface, kind=found["driver"])
        elif line.strip() and not (_OTHER.match(line) or _REFUSED.match(line)):
            yield text.weird(number, "not a line of driver information")
