"""A SYN that loses its option for window scaling between two points; and a server that never offers it."""

from pathlib import Path

import packet_writer as w
from removed_options import write_removed_option


def write(folder: Path) -> None:
    write_removed_option(folder, "window_scale_stripped", w.window_scale(7))
