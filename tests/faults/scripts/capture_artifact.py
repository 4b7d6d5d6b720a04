"""A capture that dropped packets in a burst; and a network that did."""

from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, packets, write_case


def transfer(*, repeated: bool) -> tuple[Talk, set[int]]:
    """Three segments of a burst are missing in the middle; `repeated`: the sender has to send them again."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "A")
    missing = set()
    for part in range(12):
        talk.send(12 + part / 10, "A", size=1200)
        if part in (4, 5, 6):
            missing.add(talk.sent[-1].number)
    if repeated:
        talk.send(14, "A", client=True, unheard=8 * 1200)
        for number, first in enumerate(sorted(missing)):
            talk.send(1500 + number, "A", size=1200, again=first)
    talk.send(1600, "A", client=True)
    talk.send(1601, "FA")
    talk.send(1602, "FA", client=True)
    talk.send(1603, "A")
    return talk, missing


def pcapng(talk: Talk, view: View, dropped: int | None) -> bytes:
    """A capture with its closing record."""
    writer = w.Pcapng()
    blocks = [writer.section(), writer.interface(name="", resolution=9)]
    seen = packets([talk], view)
    blocks += [writer.packet(at, frame) for at, frame in seen]
    if dropped is not None:
        blocks.append(writer.statistics(seen[-1][0] + 1000, os_drop=dropped, end=seen[-1][0] + 1000))
    return b"".join(blocks)


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/capture_artifact.py; "
    for kind, name, repeated, dropped, text in (
        (
            "positive",
            "written_capture_dropped",
            False,
            3,
            "three packets missing in a capture that counts three dropped.\n",
        ),
        (
            "near_miss",
            "written_network_dropped",
            True,
            0,
            "the same three packets, and the sender repeats them.\n",
        ),
    ):
        talk, missing = transfer(repeated=repeated)
        write_case(
            folder / kind / name,
            {
                "1_wan.pcapng": pcapng(talk, View(), 0),
                "2_mid.pcapng": pcapng(
                    talk, View(delay_ms=0.1, drop=lambda s, m=missing: s.number in m), dropped
                ),
                "3_tap.pcapng": pcapng(
                    talk, View(delay_ms=0.2, drop=lambda s, m=missing, r=repeated: r and s.number in m), 0
                ),
                "ORIGIN.md": origin + text,
            },
        )
