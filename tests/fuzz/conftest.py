"""Lets the fuzzing tests import what they share: the packet writers at the root of the tests, and their own modules."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
