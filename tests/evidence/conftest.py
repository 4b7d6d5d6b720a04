"""Lets the tests of evidence import the packet writer at the root of the tests."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]
