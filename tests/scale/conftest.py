"""Lets the tests of scale import what they share: the writers at the root of the tests."""

import sys
from pathlib import Path

HERE = Path(__file__)
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE.parents[1] / "faults")]
