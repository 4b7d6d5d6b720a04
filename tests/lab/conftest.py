"""Lets the tests of the lab import what runs the command, and draws the scenes that are recorded a second time."""

import random
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1])]

_SEED: pytest.StashKey[int] = pytest.StashKey()
_ANY = 1 << 32


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise what takes a scene `again`: as many of the module's TOGETHER as --again says, drawn by a seed."""
    if "again" not in metafunc.fixturenames:
        return
    config = metafunc.config
    given = config.getoption("--again-seed")
    seed = config.stash.setdefault(_SEED, random.randrange(_ANY) if given is None else given)
    names = list(metafunc.module.TOGETHER)
    count = min(len(names), round(len(names) * config.getoption("--again")))
    metafunc.parametrize("again", sorted(random.Random(seed).sample(names, count)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how to draw the same scenes once more."""
    seed = terminalreporter.config.stash.get(_SEED, None)
    if seed is not None:
        terminalreporter.write_line(f"scenes recorded twice were drawn with --again-seed {seed}")
