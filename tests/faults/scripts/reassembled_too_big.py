"""Fragments that are put together and cannot be cut again; and fragments that a filter takes."""

from pathlib import Path

from fragmented import answers, beside, is_fragment
from written_cases import View, seen, write_case

LINKS = (
    "2: wan0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
    "3: lan0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n"
)


def _nstat(failed: int) -> str:
    return f"#kernel\nIpReasmOKs                      {failed}                  0.0\nIpFragFails                     {failed}                  0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/reassembled_too_big.py; "
    captures: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([answers(), beside()], View()),
        "2_lan0.pcap": seen([answers(), beside()], View(delay_ms=0.1, drop=is_fragment)),
        "before/compute/ip_addr.txt": LINKS,
    }
    write_case(
        folder / "positive" / "written_cannot_be_cut",
        captures
        | {
            "before/compute/nstat.txt": _nstat(2),
            "after/compute/nstat.txt": _nstat(6),
            "ORIGIN.md": origin + "four datagrams are put together and cannot be cut again.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_nothing_to_cut",
        captures
        | {
            "before/compute/nstat.txt": _nstat(2),
            "after/compute/nstat.txt": _nstat(2),
            "ORIGIN.md": origin
            + "the same loss at a host that put nothing together.\nTruth: fragments_dropped\n",
        },
    )
