"""Losses with a reason: every one a packet of one kind, so that it is no chance."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def marked() -> Talk:
    """Every third segment is marked with a traffic class; none of those arrives before it is sent again without."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "A")
    for part in range(30):
        odd = part % 3 == 1
        talk.send(12 + 20 * part, "PA", size=700, tos=0xB8 if odd else 0)
        if odd:
            talk.send(20 + 20 * part, "PA", size=700, again=talk.sent[-1].number)
        talk.send(21 + 20 * part, "A", client=True)
    talk.send(800, "FA")
    talk.send(801, "FA", client=True)
    talk.send(802, "A")
    return talk


def write(folder: Path) -> None:
    talk = marked()
    write_case(
        folder / "near_miss" / "written_one_class_only",
        {
            "1_wan.pcap": seen([talk], View()),
            "2_tap.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: s.packet[1] == 0xB8)),
            "ORIGIN.md": "Written: tests/faults/scripts/random_loss.py; only packets of one traffic class are lost.\n",
        },
    )
