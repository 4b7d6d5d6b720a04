"""What the remedies of all faults promise: that their undo brings back what there was, not what a kernel starts with."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FAULTS = Path(__file__).parents[2] / "src/lastseen/faults"
RULES = sorted(FAULTS.glob("*/*.py"))
SETTING = re.compile(r"sysctl -w \S+?='?([^'\s]+)")
SWITCHES = {"0", "1", "2"}
"""Of a switch the former position is known: the other one, without which there is nothing to change."""


def undone(source: str) -> Iterator[str]:
    """The values that undo commands of a source text set."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "undo":
            for text in ast.walk(node.value):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield from SETTING.findall(text.value)


@pytest.mark.parametrize("path", RULES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_undo_sets_the_value_that_was_there(path: Path) -> None:
    """A host whose value was not the kernel's own would get another one back than it had."""
    assert set(undone(path.read_text("utf-8"))) <= {"FORMER_VALUE", "FORMER_VALUES", *SWITCHES}


def test_a_fixed_value_in_an_undo_would_be_seen() -> None:
    source = """Remedy(undo=("sysctl -w net.ipv4.ip_local_port_range='32768 60999'", f"sysctl -w a.b=120"))"""
    assert set(undone(source)) == {"32768", "120"}
