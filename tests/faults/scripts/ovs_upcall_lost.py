"""First packets of flows lost at a switch that counts lost upcalls; and the same where it counts none."""

from pathlib import Path

from new_flows import datapath, first_syns_lost, upcalls
from written_cases import write_case

LOG = (
    "2023-11-14T22:13:20.100Z|00001|dpif_netlink(handler3)|WARN|system@ovs-system: lost packet on handler 3\n"
    "2023-11-14T22:13:20.300Z|00002|dpif_netlink(handler3)|WARN|system@ovs-system: lost packet on handler 3\n"
)


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ovs_upcall_lost.py; "
    write_case(
        folder / "positive" / "written_handlers_overrun",
        first_syns_lost()
        | {
            "before/compute/dpctl_show.txt": datapath(10),
            "after/compute/dpctl_show.txt": datapath(14),
            "after/compute/upcall_show.txt": upcalls(61, 200000),
            "after/compute/ovs-vswitchd.log": LOG,
            "ORIGIN.md": origin + "three first packets are lost on the way to ovs-vswitchd.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_nothing_lost_there",
        first_syns_lost()
        | {
            "before/compute/dpctl_show.txt": datapath(14),
            "after/compute/dpctl_show.txt": datapath(14),
            "ORIGIN.md": origin + "the same loss, and the datapath lost no upcall.\n",
        },
    )
