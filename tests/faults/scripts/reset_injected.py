"""A reset that appears between two points; and one that its sender really sent."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def talk(*, ttl: int) -> Talk:
    made = Talk(timestamps=True)
    made.opening()
    made.exchange(10)
    made.send(100, "PA", client=True, size=150)
    made.send(100.2, "RA", ttl=ttl)
    return made


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/reset_injected.py; "
    forged, own = talk(ttl=255), talk(ttl=64)
    after = Talk(client=("10.0.0.5", 41000), timestamps=True)
    after.opening()
    after.exchange(400, segments=1)
    write_case(
        folder / "positive" / "written_device_resets",
        {
            "1_server.pcap": seen(
                [forged, after],
                View(drop=lambda s: "R" in s.flags or (s.from_client and 100 <= s.at_ms < 101)),
            ),
            "2_tap.pcap": seen([forged, after], View(delay_ms=0.2)),
            "ORIGIN.md": origin + "the reset is at the tap and not at the server.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_server_resets",
        {
            "1_server.pcap": seen([own, after], View()),
            "2_tap.pcap": seen([own, after], View(delay_ms=0.2)),
            "ORIGIN.md": origin + "the server sent the reset itself.\n",
        },
    )
