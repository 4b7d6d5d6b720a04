"""Lets the tests of matching import what they share: the writers at the root of the tests, and `captured`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
