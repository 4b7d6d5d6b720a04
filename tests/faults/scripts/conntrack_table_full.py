"""First packets of flows lost at a host whose table is nowhere near full."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def connection(number: int, *, late: bool) -> Talk:
    talk = Talk(client=("10.0.0.5", 40000 + number), timestamps=True)
    begin = 100 * number
    talk.send(begin, "S", client=True)
    if late:
        talk.send(begin + 1000, "S", client=True, again=0)
        begin += 1000
    talk.send(begin + 0.5, "SA")
    talk.send(begin + 1, "A", client=True)
    talk.exchange(begin + 10, segments=1)
    return talk


def write(folder: Path) -> None:
    talks = [connection(number, late=number % 2 == 1) for number in range(6)]
    write_case(
        folder / "near_miss" / "written_table_half_empty",
        {
            "1_wan0.pcap": seen(
                talks, View(delay_ms=-0.1, drop=lambda s: s.number == 0 and s.packet[21] % 2 == 1)
            ),
            "2_lan0.pcap": seen(talks, View()),
            "mid/sysctl.txt": "net.netfilter.nf_conntrack_count = 120\nnet.netfilter.nf_conntrack_max = 262144\n",
            "ORIGIN.md": "Written: tests/faults/scripts/conntrack_table_full.py; every second SYN is lost, the table is half"
            " empty.\n",
        },
    )
