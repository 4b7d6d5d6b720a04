"""The page that says which evidence tells which fault says what the rules do today."""

from pathlib import Path

from evidence_table import page

PAGE = Path(__file__).parents[2] / "docs/evidence.md"


def test_the_page_is_what_the_cases_say(update_golden: bool) -> None:
    """`--update-golden` writes it anew."""
    made = page()
    if update_golden:
        PAGE.write_text(made, "utf-8")
    assert made == PAGE.read_text("utf-8")
