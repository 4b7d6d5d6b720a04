"""Texts that are no evidence of the network but often lie in a case: named as such, so that none looks overlooked.

Asked only where no reader recognises a file. What is meant for nobody stays unrecognised.
"""

import re
from typing import Final

from lastseen.evidence.texts.text import Head

__all__ = ["IRRELEVANT", "irrelevant_kind"]

IRRELEVANT: Final = "irrelevant: "
"""What the kind of such a file begins with."""
_FEW_LINES: Final = 5
_FAILED: Final = re.compile(
    r"^(?:(?:ba|da|z)?sh: )?(?:line \d+: )?[\w./+-]{1,200}: .{0,400}?"
    r"(?:No such file or directory|Permission denied|[Cc]ommand not found|not found|Operation not permitted"
    r"|No such process|Is a directory|Connection refused)\s*$"
)
_NOTE: Final = re.compile(r"^(?:netns=\S{0,64}|cmd: \S.*)$")
"""Which program ran where, as a recording script notes it."""
_JSON: Final = re.compile(r'^\s*(?:\{\s*(?:"[^"]{0,200}"\s*:|\}?\s*$)|\[\s*(?:[{"\]]|$))')
_HTML: Final = re.compile(r"^\s*<(?:!DOCTYPE html|html|head|body)\b", re.IGNORECASE)


def irrelevant_kind(head: Head) -> str | None:
    """What a text is that nobody reads: empty, a refusal, a note, data of a program; None for an unknown one."""
    lines = [line for line in head.lines if line.strip()]
    if not lines:
        return f"{IRRELEVANT}an empty file"
    if len(lines) <= _FEW_LINES and all(_FAILED.match(line) for line in lines):
        return f"{IRRELEVANT}a command that failed"
    if len(lines) <= _FEW_LINES and all(_NOTE.match(line) for line in lines):
        return f"{IRRELEVANT}a note of what ran"
    if _JSON.match(lines[0]):
        return f"{IRRELEVANT}JSON of no known tool"
    return f"{IRRELEVANT}HTML" if _HTML.match(lines[0]) else None
