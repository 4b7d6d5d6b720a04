"""`dpkg -l`, `dpkg-query -W` and `rpm -qa`: which packages are installed.

Source: dpkg 1.15 to 1.21, src/main/list.c (a name may carry its architecture behind a colon; the second letter tells
whether it is installed); rpm 4, whose line is name-version-release.architecture. An sosreport's `installed-rpms` has
the time of installation behind it.

Rows: a `Version` of "package:NAME" an installed package; `detail` is its architecture.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Version
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "packages"

_COMMAND = re.compile(
    r"(?:^|[\s/])(?:dpkg\s+(?:-l|--list)|dpkg-query\s+(?:-W|-l)|rpm\s+(?:-qa|-q\s+-a|-q\s))"
)
_ARCHITECTURES = r"(?:all|any|amd64|i386|arm64|armhf|armel|ppc64el|s390x|riscv64|mips64el)"
_DPKG = re.compile(
    rf"^(?P<want>[uihrp])(?P<have>[ncHUFWti])[ R]\s+(?P<name>[a-z0-9][a-z0-9+.-]{{1,100}})(?::{_ARCHITECTURES})?"
    rf"\s+(?P<version>\S{{1,120}})(?:\s+(?P<arch>{_ARCHITECTURES}))?(?:\s.*)?$"
)
_DPKG_HEADING = re.compile(r"^(?:Desired=Unknown/|\| Status=Not/|\|/ Err\?=|\|\|/ Name\s|\+\+\+-=+)")
_QUERY = re.compile(
    rf"^(?P<name>[a-z0-9][a-z0-9+.-]{{1,100}})(?::(?P<arch>{_ARCHITECTURES}))?\t(?P<version>(?:[0-9]{{1,4}}:)?[0-9][\w.+~:-]{{0,120}})\s*$"
)
_RPM = re.compile(
    r"^(?P<name>[A-Za-z0-9_][\w+.-]{0,100})-(?P<version>[\w.~^+:]{1,60}-[\w.~^+]{1,60})"
    r"\.(?P<arch>x86_64|noarch|i[3-6]86|aarch64|ppc64(?:le)?|s390x?|armv7hl|riscv64|src)(?:\s.*)?$"
)
_RPM_OTHER = re.compile(
    r"^(?:gpg-pubkey-[0-9a-f]{8}-[0-9a-f]{8}(?:\.\(none\))?|package \S{1,200} is not installed)(?:\s.*)?$"
)
_PATTERNS = (_DPKG, _RPM, _QUERY)


def recognise(head: Head) -> bool:
    """dpkg's heading, or most of the first lines are packages; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    if first.startswith("Desired=Unknown/"):
        return True
    lines = min(20, sum(1 for line in head.lines if line.strip()))
    return any(2 * head.matching(pattern) > lines for pattern in _PATTERNS)


def read(text: Text) -> Iterator[Version | Weird]:
    """One `Version` an installed package; one that was removed gives none."""
    for number, line in text.lines():
        found = next((found for pattern in _PATTERNS if (found := pattern.match(line))), None)
        if found is not None:
            groups = found.groupdict()
            if groups.get("have", "i") == "i":
                name, version = f"package:{found['name']}", found["version"]
                yield Version(**text.at(number), name=name, version=version, detail=groups["arch"] or "")
        elif line.strip() and not (_DPKG_HEADING.match(line) or _RPM_OTHER.match(line)):
            yield text.weird(number, "not a package")
