"""A card that merges: what it merged is lost; and the same loss where GRO alone is on, or of what the sender sent so."""

from pathlib import Path

from merged_packets import GRO, LRO, captures
from written_cases import write_case


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/lro_forwarding.py; "
    for name, files, why in (
        ("positive/written_router", captures() | {"after/router/ethtool.txt": LRO}, "merged by eth0, lost before eth1, LRO on."),
        ("near_miss/written_gro_alone", captures() | {"after/router/ethtool.txt": GRO}, "the same loss, but eth0 has LRO off and GRO on."),
        ("near_miss/written_small_ones_lost", captures(small=True) | {"after/router/ethtool.txt": LRO}, "LRO is on, and segments of usual size are lost.\nTruth: random_loss"),
    ):  # fmt: skip
        write_case(folder / name, files | {"ORIGIN.md": f"{origin}{why}\n"})
