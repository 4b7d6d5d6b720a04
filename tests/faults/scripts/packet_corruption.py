"""Wrong checksums that their receiver takes: the capture shows something else than what was on the wire."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def taken() -> Talk:
    """A checksum left over from before packets were merged: wrong in the capture, and acknowledged."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "A")
    for part in range(5):
        talk.send(12 + part, "PA", size=2800, checksum="wrong")
        talk.send(12.4 + part, "A", client=True)
    talk.send(3000, "PA", size=900)
    talk.send(3001, "A", client=True)
    talk.send(3002, "FA")
    talk.send(3003, "FA", client=True)
    talk.send(3004, "A")
    return talk


def write(folder: Path) -> None:
    talk = taken()
    write_case(
        folder / "near_miss" / "written_wrong_and_taken",
        {
            "1_wan.pcap": seen([talk], View()),
            "2_tap.pcap": seen([talk], View(delay_ms=0.1)),
            "ORIGIN.md": "Written: tests/faults/scripts/packet_corruption.py; merged packets whose checksum is wrong in the"
            " capture, and all of them are acknowledged. The wait is the server's.\nTruth: slow_server\n",
        },
    )
