"""Lets the tests of contrasts import the writers at the root of the tests, and those of matching and of faults."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "matching"), str(TESTS / "faults")]
