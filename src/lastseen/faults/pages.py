"""The page of each fault: the README in its folder, which is also what users read."""

from dataclasses import dataclass
from importlib.resources import files

__all__ = ["HEADINGS", "Page", "page_of", "slugs"]

HEADINGS = (
    "What it is",
    "Why it happens",
    "What it leaves behind",
    "What looks the same",
    "How to confirm",
    "How to mend",
    "Sources",
)
"""Every page has these headings in this order."""


@dataclass(frozen=True, slots=True)
class Page:
    """A fault's page: its first heading and the whole text (Markdown).

    `recorded`: a case beside the rule was recorded from a kernel; False: a script wrote the packets.
    """

    title: str
    text: str
    recorded: bool


def slugs() -> tuple[str, ...]:
    """All faults, in alphabetical order."""
    folder = files("lastseen.faults")
    return tuple(
        sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and (entry / "rule.py").is_file())
    )


def page_of(slug: str) -> Page:
    """The page of one fault."""
    folder = files("lastseen.faults") / slug
    text = (folder / "README.md").read_text("utf-8")
    cases = (folder / "cases" / "positive").iterdir()
    recorded = any(
        (case / "ORIGIN.md").read_text("utf-8").startswith("Recorded") for case in cases if case.is_dir()
    )
    return Page(title=text.partition("\n")[0].lstrip("# "), text=text, recorded=recorded)
