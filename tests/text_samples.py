"""What tests of text readers share: a sample's rows, whether it is recognised, and that no text makes a reader raise."""

import random
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts.text import Head, Text, command_of
from lastseen.tables.facts_from_texts import Counter, Setting
from lastseen.tables.sources import Weird

__all__ = ["counters", "recognised", "rows", "settings", "survives_any_text", "weirds"]

PROSE = (
    "The switch dropped packets, see table=0 and port 1.\nAll is well.\n",
    "import sys\n\n\ndef drop(port):\n    return port\n",
    "",
)
"""Other people's files."""


def rows(reader: ModuleType, sample: str, command: str = "") -> list[object]:
    """All rows of a sample; a leading `# ...` or `$ ...` line is the command, as for a file."""
    lines = sample.splitlines()
    command = command or (command_of(lines[0]) if lines else "")
    return list(reader.read(Text("sample.txt", enumerate(lines, start=1), command)))


def recognised(reader: ModuleType, sample: str, command: str = "") -> bool:
    """Whether the reader claims the sample."""
    lines = sample.splitlines()
    said = command or (command_of(lines[0]) if lines else "")
    return bool(reader.recognise(Head(tuple(lines[1:] if said and not command else lines), said)))


def counters(reader: ModuleType, sample: str, command: str = "") -> dict[tuple[str, str, str], int | None]:
    """(family, scope, name) -> value."""
    found = [row for row in rows(reader, sample, command) if isinstance(row, Counter)]
    return {(row.family, row.scope, row.name): row.value for row in found}


def settings(reader: ModuleType, sample: str, command: str = "") -> dict[tuple[str, str], str]:
    """(scope, name) -> value."""
    found = [row for row in rows(reader, sample, command) if isinstance(row, Setting)]
    return {(row.scope, row.name): row.value for row in found}


def weirds(reader: ModuleType, sample: str, command: str = "") -> list[tuple[int | None, str]]:
    """(line, reason) of what could not be read."""
    found = [row for row in rows(reader, sample, command) if isinstance(row, Weird)]
    return [(row.line, row.reason) for row in found]


def survives_any_text(reader: ModuleType, sample: str) -> None:
    """Noise, a sample cut anywhere, and its lines shuffled with noise between: rows and weirds, nothing raised.

    Prose is left alone.
    """

    @given(st.text(max_size=300), st.integers(0, len(sample)), st.integers(0, 1 << 30))
    def check(noise: str, cut: int, seed: int) -> None:
        lines = (sample[:cut] + noise + sample[cut:]).splitlines()
        random.Random(seed).shuffle(lines)
        for text in (noise, sample[:cut], "\n".join(lines)):
            assert all(row is not None for row in rows(reader, text))
            recognised(reader, text)

    check()
    assert not any(recognised(reader, prose) for prose in PROSE)
