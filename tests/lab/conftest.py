"""Lets the tests of the lab import what runs the command, at the root of the tests."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]
