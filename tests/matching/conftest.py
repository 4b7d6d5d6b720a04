"""Lets the tests of matching import what they share: the writers at the root of the tests, `captured`, and whole cases."""

import sys
from pathlib import Path

HERE = Path(__file__)
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE.parents[1] / "faults")]
