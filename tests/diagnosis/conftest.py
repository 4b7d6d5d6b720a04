"""Lets the tests of diagnosis import the writers at the root of the tests, and the cases written for the faults."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "faults"), str(Path(__file__).parent)]
