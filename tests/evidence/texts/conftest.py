"""Lets the tests of readers import `reading`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]
