"""FINs of an offloaded connection that come back to the kernel; and the same of one that nothing carried."""

from pathlib import Path

from offloaded_talk import KEPT, captures, host
from written_cases import write_case


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/hw_offload_window.py; "
    for name, files, why in (
        ("positive/written_fin_comes_back", host(), "the entry is marked HW_OFFLOAD, and FINs lie beyond the window."),
        ("near_miss/written_not_offloaded", host(entry=KEPT), "the same, and the entry is not marked.\nTruth: conntrack_out_of_window"),
    ):  # fmt: skip
        write_case(folder / name, captures() | files | {"ORIGIN.md": f"{origin}{why}\n"})
