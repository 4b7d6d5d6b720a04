"""Lets these tests import what runs the installed command, the packet writer and the schema check."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
