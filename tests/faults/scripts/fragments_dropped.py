"""Large datagrams whose fragments are dropped; and a hop that loses whole packets."""

from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, seen, write_case


def questions(*, fragments: bool) -> Talk:
    """Small and large answers in turn; the large ones in fragments."""
    talk = Talk()
    for number in range(8):
        query = w.udp(5300 + number, 53, bytes([number]) * 40)
        talk.raw(
            100 * number, w.ipv4("10.0.0.5", "192.0.2.53", query, identification=300 + number), client=True
        )
        size = 2400 if number % 2 and fragments else 300
        answer = w.udp(53, 5300 + number, bytes([number]) * size)
        if number % 2 and fragments:
            for part in w.ipv4_fragments(
                "192.0.2.53", "10.0.0.5", answer, size=1480, identification=900 + number
            ):
                talk.raw(100 * number + 1, part)
        else:
            talk.raw(100 * number + 1, w.ipv4("192.0.2.53", "10.0.0.5", answer, identification=900 + number))
    return talk


def beside() -> Talk:
    """A connection that shows that the captures have no filter."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(100, segments=1)
    talk.exchange(900, segments=1)
    return talk


def nstat(failed: int) -> str:
    return f"#kernel\nIpInReceives                    800                0.0\nIpReasmFails                    {failed}                  0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/fragments_dropped.py; "
    talk = questions(fragments=True)
    is_part = lambda s: s.from_server and (s.packet[6] & 0x3F or s.packet[7])  # noqa: E731 - MF or an offset
    write_case(
        folder / "positive" / "written_large_answers",
        {
            "1_wan0.pcap": seen([talk, beside()], View()),
            "2_lan0.pcap": seen(
                [talk, beside()], View(delay_ms=0.1, drop=lambda s: s.packet[9] == 17 and bool(is_part(s)))
            ),
            "before/nstat.txt": nstat(0),
            "after/nstat.txt": nstat(4),
            "ORIGIN.md": origin + "answers in fragments never arrive, small ones do.\n",
        },
    )
    whole = questions(fragments=False)
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
