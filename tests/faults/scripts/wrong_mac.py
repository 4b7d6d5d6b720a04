"""Frames to a MAC address that nobody has; and the same loss under the right address."""

from pathlib import Path

from written_cases import Sent, Talk, View, seen, write_case

CLIENT, SERVER, STALE = (bytes.fromhex(mac) for mac in ("0200000000c1", "020000000051", "0200000000de"))


def talk() -> Talk:
    """Works until the sender's neighbour entry goes stale: then data is repeated unheard."""
    made = Talk(timestamps=True)
    made.opening()
    made.exchange(10)
    made.send(100, "PA", client=True, size=150)
    first = made.sent[-1].number
    for at_ms in (300, 700, 1500, 3100, 6300):
        made.send(at_ms, "PA", client=True, size=150, again=first)
    made.send(7000, "A", unheard=150)
    return made


def captures(*, stale: bool) -> dict[str, bytes | str]:
    def astray(sent: Sent) -> bool:
        return sent.from_client and sent.at_ms >= 100

    def macs(sent: Sent) -> tuple[bytes, bytes]:
        if sent.from_server:
            return SERVER, CLIENT
        return CLIENT, STALE if stale and astray(sent) else SERVER

    made = talk()
    return {
        "1_server_port.pcap": seen([made], View(macs=macs, drop=astray)),
        "2_client_port.pcap": seen([made], View(delay_ms=0.1, macs=macs)),
    }


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/wrong_mac.py; "
    write_case(
        folder / "positive" / "written_stale_neighbour",
        captures(stale=True)
        | {"ORIGIN.md": origin + "the sender's neighbour entry goes stale in mid-connection.\n"},
    )
    write_case(
        folder / "near_miss" / "written_right_address",
        captures(stale=False) | {"ORIGIN.md": origin + "the same loss under the right address.\n"},
    )
