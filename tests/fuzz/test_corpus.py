"""Every input that once broke a promise is tried again: `corpus/`, see README.md for what each was."""

from pathlib import Path

import pytest
from run_long import CORPUS
from seeds import seeds
from tries import points_of_seed, try_bytes

INPUTS = sorted(CORPUS.glob("*.bin"))


@pytest.mark.parametrize("file", INPUTS, ids=[file.stem for file in INPUTS])
def test_what_once_failed(file: Path) -> None:
    """No exception, and every promise kept, matched against each of the valid captures."""
    for origin in seeds():
        try_bytes(file.read_bytes(), points_of_seed(origin))
