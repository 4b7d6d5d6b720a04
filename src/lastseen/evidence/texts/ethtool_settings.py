"""`ethtool DEV`, `ethtool -g`, `-l`, `-c` and `-a`: link, rings, channels, interrupt coalescing, pause frames.

Source: ethtool's ethtool.c and netlink/{settings,rings,channels,coalesce,pause}.c (3.x to 6.x). A value that the
driver does not have ("n/a", "Unknown!") gives no row.

| command | scope | names |
|---|---|---|
| `ethtool DEV` | phy:DEV | speed, duplex, auto-negotiation, port, link-detected, ... |
| `-g` | ring:DEV | rx, tx, rx-mini, rx-jumbo; the largest possible with `-max` behind |
| `-l` | channels:DEV | rx, tx, other, combined; and `-max` |
| `-c` | coalesce:DEV | rx-usecs, tx-frames, ...; adaptive-rx, adaptive-tx |
| `-a` | pause:DEV | autonegotiate, rx, tx |
"""

import re
from collections.abc import Iterator
from typing import Final

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ethtool settings"

_COMMAND = re.compile(
    r"(?:^|[\s/])ethtool\s+(?:(?:-[aglc]|--show-(?:pause|ring|channels|coalesce))\s+)?(?P<interface>[^\s-]\S{0,63})\s*$"
)
_HEADER = re.compile(
    r"^(?P<what>Settings|Ring parameters|Channel parameters|Coalesce parameters|Pause parameters) for "
    r"(?P<interface>\S{1,64}):\s*$"
)
_SCOPES: Final = {
    "Settings": "phy", "Ring parameters": "ring", "Channel parameters": "channels", "Coalesce parameters": "coalesce",
    "Pause parameters": "pause",
}  # fmt: skip
_MAXIMA = re.compile(r"^Pre-set maximums:\s*$")
_CURRENT = re.compile(r"^Current hardware settings:\s*$")
_ADAPTIVE = re.compile(r"^(?P<what>Adaptive|CQE mode) RX: (?P<rx>\S{1,16})\s+TX: (?P<tx>\S{1,16})\s*$")
_VALUE = re.compile(r"^\s{0,16}(?P<name>[A-Za-z][\w /()-]{0,60}?):\s*(?P<value>\S.{0,200}?)?\s*$")
_CONTINUED = re.compile(r"^\s{16,}\S|^\t\s{2,}\S|^\s*drv probe|^\s{2,}[a-z ]+$")
_REFUSED = re.compile(r"^(?:netlink error: |Cannot get |No data available)")
_UNKNOWN: Final = frozenset({"n/a", "Unknown!", "Unknown", "Not reported", "Unknown (255)", "Unknown! (255)"})


def recognise(head: Head) -> bool:
    """One of the five headings first (refusals may stand before it); or the command, with no output."""
    first = next((line for line in head.lines if line.strip() and not _REFUSED.match(line)), "")
    return bool(_HEADER.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` a value, as in the table above."""
    scope, suffix = "", ""
    for number, line in text.lines():
        if not line.strip() or _REFUSED.match(line) or _CURRENT.match(line) or _MAXIMA.match(line):
            suffix = "-max" if _MAXIMA.match(line) else "" if _CURRENT.match(line) else suffix
        elif found := _HEADER.match(line):
            scope, suffix = f"{_SCOPES[found['what']]}:{found['interface']}", ""
        elif scope and (found := _ADAPTIVE.match(line)):
            for way in ("rx", "tx"):
                name = f"{found['what'].lower().replace(' ', '-')}-{way}"
                yield from _setting(text, number, (scope, name), found[way])
        elif scope and (found := _VALUE.match(line)):
            name = found["name"].strip().lower().replace(" ", "-") + suffix
            yield from _setting(text, number, (scope, name), found["value"] or "")
        elif not (scope and _CONTINUED.match(line)):
            yield text.weird(number, "not a setting of ethtool")


def _setting(text: Text, number: int, of: tuple[str, str], value: str) -> Iterator[Setting]:
    if value and value not in _UNKNOWN:
        yield Setting(**text.at(number), scope=of[0], name=of[1], value=value)
