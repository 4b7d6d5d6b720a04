"""A link that is down for two seconds; and a loss of as long while the link stayed up."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def transfer() -> Talk:
    """Data every 100 ms, repeated while nothing comes back."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "A")
    for part in range(5):
        talk.send(100 * part + 100, "PA", size=600)
        talk.send(100 * part + 101, "A", client=True)
    talk.send(600, "PA", size=600)
    first = talk.sent[-1].number
    for at_ms in (810, 1230, 2070):
        talk.send(at_ms, "PA", size=600, again=first)
    talk.send(2900, "PA", size=600, again=first)
    talk.send(2901, "A", client=True)
    talk.send(2950, "FA")
    talk.send(2951, "FA", client=True)
    talk.send(2952, "A")
    return talk


def log(*, down: bool) -> str:
    lines = "[  100.000000] e1000: wan0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX\n"
    if down:
        lines += "[  200.600000] e1000: wan0 NIC Link is Down\n"
        lines += "[  202.700000] e1000: wan0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX\n"
    return lines


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/link_flap.py; "
    talk = transfer()
    captures: dict[str, bytes | str] = {
        "1_far_end.pcap": seen([talk], View()),
        "2_wan0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: 600 <= s.at_ms < 2800)),
    }
    write_case(
        folder / "positive" / "written_down_two_seconds",
        captures | {"dmesg.txt": log(down=True), "ORIGIN.md": origin + "the link is down for two seconds.\n"},
    )
    write_case(
        folder / "near_miss" / "written_link_up",
        captures
        | {"dmesg.txt": log(down=False), "ORIGIN.md": origin + "the same loss on a link that stays up.\n"},
    )
