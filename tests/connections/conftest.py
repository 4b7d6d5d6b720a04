"""Lets the tests of connections import what they share: the rows written by hand in `segments`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]
