"""A device that moves numbers, and the blocks with them; the loss is repaired by the sender's timer all the same."""

from pathlib import Path

from renumbered import MOVED, captures, talk
from written_cases import write_case


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/sequence_rewrite_sack.py; "
    write_case(
        folder / "near_miss" / "written_blocks_moved_along",
        captures(talk(), talk(moved=MOVED, edges=MOVED))
        | {"ORIGIN.md": origin + "the device moves the blocks as well.\n"},
    )
