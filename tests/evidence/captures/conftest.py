"""Lets the tests of captures import what they share: the packet writer at the root of the tests, and `decoded`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
