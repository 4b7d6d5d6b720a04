"""First packets of flows lost at a host whose table is nowhere near full."""

from pathlib import Path

from new_flows import first_syns_lost
from written_cases import write_case


def write(folder: Path) -> None:
    write_case(
        folder / "near_miss" / "written_table_half_empty",
        first_syns_lost()
        | {
            "mid/sysctl.txt": "net.netfilter.nf_conntrack_count = 120\nnet.netfilter.nf_conntrack_max = 262144\n",
            "ORIGIN.md": "Written: tests/faults/scripts/conntrack_table_full.py; every second SYN is lost, the table is half"
            " empty.\n",
        },
    )
