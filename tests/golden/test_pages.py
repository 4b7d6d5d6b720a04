"""What the pages show of the program is what it prints: each line of an example is there, in that order."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import lastseen

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs/case-study.md")


def _examples() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every command of a page that is shown with a prompt, with the lines that follow it."""
    for page in PAGES:
        for block in re.findall(r"```\n(\$ .*?)```", page.read_text("utf-8"), re.DOTALL):
            for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *lines = example.splitlines()
                yield command, tuple(line for line in lines if line.strip())


@pytest.mark.parametrize(("command", "lines"), list(_examples()), ids=lambda value: str(value)[:60])
def test_an_example_of_a_page_is_what_is_printed(command: str, lines: tuple[str, ...]) -> None:
    program, *arguments = shlex.split(command)
    assert program == "lastseen"
    found = lastseen(*arguments, folder=ROOT)
    assert (found.status, found.err) == (0, "")
    printed = iter(found.out.splitlines())
    for line in lines:
        assert any(said.startswith(line.rstrip()) for said in printed), line
