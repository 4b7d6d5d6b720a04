"""Lets these tests import what they share: the packet writers, the helper of matching's tests, and their own modules."""

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "matching"), str(Path(__file__).parent)]
