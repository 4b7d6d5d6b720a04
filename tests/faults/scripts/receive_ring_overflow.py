"""A card that misses packets in bursts; and the same loss with a card that missed nothing."""

from pathlib import Path

from written_cases import View, bursts, seen, write_case


def statistics(missed: int) -> str:
    return (
        "NIC statistics:\n     rx_packets: 51234\n     tx_packets: 40211\n     rx_crc_errors: 0\n"
        f"     rx_missed_errors: {missed}\n     rx_no_buffer_count: 0\n"
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/receive_ring_overflow.py; "
    talk, over = bursts()
    captures: dict[str, bytes | str] = {
        "1_switch.pcap": seen([talk], View()),
        "2_behind_eth0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: s.number in over)),
    }
    write_case(
        folder / "positive" / "written_card_full",
        captures
        | {
            "before/ethtool_-S_eth0.txt": statistics(7),
            "after/ethtool_-S_eth0.txt": statistics(7 + len(over)),
        }
        | {"ORIGIN.md": origin + "the card counts what is lost.\n"},
    )
    write_case(
        folder / "near_miss" / "written_card_idle",
        captures
        | {"before/ethtool_-S_eth0.txt": statistics(7), "after/ethtool_-S_eth0.txt": statistics(7)}
        | {"ORIGIN.md": origin + "the same loss; the card missed nothing.\nTruth: random_loss\n"},
    )
