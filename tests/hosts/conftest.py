"""Lets these tests import the namespaces they work in and what runs the installed command."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
