"""`ethtool --json -k`, `-g`, `-l`, `-c` and `-a`: an array with one object an interface.

Source: ethtool 5.10 to 6.x, netlink/features.c, rings.c, channels.c, coalesce.c, pause.c.

Rows: a feature (an object with `active`) is a `Setting` of scope "offload:IFACE", value "on" or "off", as from
`ethtool -k`; a plain value one of the scope of its text form ("ring:IFACE", ...; see `ethtool_settings`).
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from lastseen.evidence.json_elements import elements, text_of
from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "LONGEST_LINE", "read", "recognise"]

KIND = "ethtool --json"
LONGEST_LINE = MAX_DOCUMENT_CHARS

_COMMAND = re.compile(r"(?:^|[\s/])ethtool\s+--json\s")
_START = re.compile(r'^\s*\[\s*\{\s*"ifname":\s*"[^"]{1,64}"\s*,\s*"(?P<member>[\w-]{1,64})"\s*:')
_FEATURE = re.compile(r'"active"\s*:\s*(?:true|false)')
_MEMBERS: Final = (
    ("ring", re.compile(r"^(?:rx|tx|rx-mini|rx-jumbo|rx-buf-len|tx-push|cqe-size)(?:-max)?$")),
    ("channels", re.compile(r"^(?:rx|tx|other|combined)(?:-max|-count)?$")),
    (
        "coalesce",
        re.compile(
            r"^(?:adaptive-[rt]x|stats-block-usecs|sample-interval|pkt-rate-\w+|[rt]x-(?:usecs|frames?)[\w-]*"
            r"|cqe-mode-[rt]x)$"
        ),
    ),
    ("pause", re.compile(r"^(?:autonegotiate|rx|tx)$")),
)  # fmt: skip


def recognise(head: Head) -> bool:
    """An array whose first object has an interface and a feature or known value; or the command, with no output."""
    start = "\n".join(head.lines[:20])[:8192]
    if not start.strip():
        return bool(_COMMAND.search(head.command))
    found = _START.match(start)
    return found is not None and (
        bool(_FEATURE.search(start)) or any(p.match(found["member"]) for _, p in _MEMBERS)
    )


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` a member of each object."""
    for found in elements(text):
        if isinstance(found, Weird):
            yield found
            continue
        line, element = found
        interface = text_of(element.get("ifname"))
        plain = {
            name: value for name, value in element.items() if name != "ifname" and not isinstance(value, dict)
        }
        scope = f"{_scope(plain)}:{interface}"
        for name, value in element.items():
            if isinstance(value, dict) and isinstance(value.get("active"), bool):
                shown = "on" if value["active"] else "off"
                yield Setting(**text.at(line), scope=f"offload:{interface}", name=name, value=shown)
        for name, value in plain.items():
            if (shown := _shown(value)) != "":
                yield Setting(**text.at(line), scope=scope, name=name, value=shown)


def _scope(plain: dict[str, Any]) -> str:
    """Which of the commands prints all of these members; combined ones tell channels from rings."""
    fitting = [name for name, pattern in _MEMBERS if all(pattern.match(member) for member in plain)]
    return fitting[0] if fitting else "ethtool"


def _shown(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else text_of(value)
