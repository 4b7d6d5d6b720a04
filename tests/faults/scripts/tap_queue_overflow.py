"""A tap whose ring is full for the tails of bursts; and the same loss with a tap that dropped nothing."""

from pathlib import Path

from written_cases import View, bursts, seen, write_case


def links(dropped: int) -> str:
    return (
        "7: tap3f1c9a2e-7b: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group "
        "default qlen 1000\n    link/ether fe:16:3e:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
        "    RX: bytes  packets  errors  dropped overrun mcast   \n    5120       40       0       0       0       0       \n"
        "    TX: bytes  packets  errors  dropped carrier collsns \n"
        f"    51200      60       0       {dropped}       0       0       \n"
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/tap_queue_overflow.py; "
    talk, over = bursts()
    captures: dict[str, bytes | str] = {
        "1_tap3f1c9a2e-7b.pcap": seen([talk], View()),
        "2_guest_eth0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: s.number in over)),
    }
    write_case(
        folder / "positive" / "written_guest_starved",
        captures
        | {"before/ip_link.txt": links(2), "after/ip_link.txt": links(2 + len(over))}
        | {"ORIGIN.md": origin + "the tap's TX dropped moves by what is lost.\n"},
    )
    write_case(
        folder / "near_miss" / "written_tap_idle",
        captures
        | {"before/ip_link.txt": links(2), "after/ip_link.txt": links(2)}
        | {"ORIGIN.md": origin + "the same loss; the tap dropped nothing.\nTruth: random_loss\n"},
    )
