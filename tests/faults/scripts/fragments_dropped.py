"""Large datagrams whose fragments are dropped; and a hop that loses whole packets."""

from pathlib import Path

from fragmented import answers, beside, is_fragment
from written_cases import View, seen, write_case


def nstat(failed: int) -> str:
    return f"#kernel\nIpInReceives                    800                0.0\nIpReasmFails                    {failed}                  0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/fragments_dropped.py; "
    talk = answers()
    write_case(
        folder / "positive" / "written_large_answers",
        {
            "1_wan0.pcap": seen([talk, beside()], View()),
            "2_lan0.pcap": seen([talk, beside()], View(delay_ms=0.1, drop=is_fragment)),
            "before/nstat.txt": nstat(0),
            "after/nstat.txt": nstat(4),
            "ORIGIN.md": origin + "answers in fragments never arrive, small ones do.\n",
        },
    )
    whole = answers(fragments=False)
    write_case(
        folder / "near_miss" / "written_whole_packets",
        {
            "1_wan0.pcap": seen([whole, beside()], View()),
            "2_lan0.pcap": seen(
                [whole],
                View(delay_ms=0.1, drop=lambda s: s.from_server and s.packet[9] == 17 and s.number % 4 == 3),
            ),
            "ORIGIN.md": origin + "whole answers are lost.\n",
        },
    )
