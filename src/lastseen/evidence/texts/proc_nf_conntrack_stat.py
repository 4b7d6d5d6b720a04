"""/proc/net/stat/nf_conntrack: a header, then one line of hexadecimal columns a possible CPU.

Source: `ct_cpu_seq_show` in the kernel's net/netfilter/nf_conntrack_standalone.c. Columns were renamed in 5.9
(searched -> clashres) and 5.15 (delete_list -> chainlength), so they are read by name, never by position.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "/proc/net/stat/nf_conntrack"

_FAMILY = "conntrack_proc"
_COMMAND = re.compile(r"\s/proc/net/stat/(?:nf|ip)_conntrack(?:\s|$)")
_HEADER = re.compile(r"^entries\s+[a-z_]{2,32}\s[a-z_\s]{0,400}insert_failed\s[a-z_\s]{0,400}$")
_VALUES = re.compile(r"^[0-9a-f]{8,16}(?:\s+[0-9a-f]{8,16}){3,40}\s*$")


def recognise(head: Head) -> bool:
    """The first line is the header (other files of that folder have no `insert_failed`)."""
    first = head.first()
    return bool(_HEADER.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Counter | Weird]:
    """`Counter`s of family "conntrack_proc": scope "cpu=N" by order of lines, and once `entries`, scope "".

    The kernel prints the same number of entries on every line, as it belongs to the whole table.
    """
    names: list[str] = []
    cpu = 0
    for number, line in text.lines():
        if _HEADER.match(line):
            names, cpu = line.split(), 0
        elif names and _VALUES.match(line) and len(line.split()) == len(names):
            yield from _columns(text, number, cpu, dict(zip(names, line.split(), strict=True)))
            cpu += 1
        elif line.strip():
            yield text.weird(number, "not a line of as many hexadecimal columns as the header has names")


def _columns(text: Text, number: int, cpu: int, columns: dict[str, str]) -> Iterator[Counter]:
    for name, digits in columns.items():
        if name != "entries":
            yield Counter(
                **text.at(number), family=_FAMILY, scope=f"cpu={cpu}", name=name, value=int(digits, base=16)
            )
        elif cpu == 0:
            yield Counter(**text.at(number), family=_FAMILY, scope="", name=name, value=int(digits, base=16))
