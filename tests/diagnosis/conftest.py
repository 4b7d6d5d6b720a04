"""Lets the tests of diagnosis import the writers at the root of the tests, and the cases written for the faults."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "faults")]
