"""Lets the tests of faults import the writers at the root of the tests, and the cases written beside this file."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
