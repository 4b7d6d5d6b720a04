"""Packets of a flow in use lost while the datapath is full of flows; and where it had been full before only."""

from pathlib import Path

from new_flows import datapath, upcalls
from written_cases import View, bursts, seen, write_case

LOG = (
    "2023-11-14T22:13:20.100Z|00001|ofproto_dpif_upcall(revalidator5)|WARN|Spent an unreasonably long 1234ms dumping"
    " flows\n"
)


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ovs_flow_limit.py; "
    talk, over = bursts()
    captures: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([talk], View()),
        "2_lan0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: s.number in over)),
    }
    write_case(
        folder / "positive" / "written_at_the_limit",
        captures
        | {
            "before/compute/dpctl_show.txt": datapath(10),
            "after/compute/dpctl_show.txt": datapath(31),
            "before/compute/upcall_show.txt": upcalls(900, 5000),
            "after/compute/upcall_show.txt": upcalls(1990, 2000),
            "after/compute/ovs-vswitchd.log": LOG,
            "ORIGIN.md": origin + "the limit was lowered; flows in use are evicted and their packets lost.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_full_before_only",
        captures
        | {
            "before/compute/dpctl_show.txt": datapath(31),
            "after/compute/dpctl_show.txt": datapath(31),
            "before/compute/upcall_show.txt": upcalls(1990, 2000),
            "after/compute/upcall_show.txt": upcalls(900, 5000),
            "ORIGIN.md": origin
            + "the same loss at a switch that was full before, and loses no upcall now.\nTruth: random_loss\n",
        },
    )
