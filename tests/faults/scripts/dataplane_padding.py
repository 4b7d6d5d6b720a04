"""A checksum written over padding, which the receiver refuses; and what really damaged packets look like."""

from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, padded, seed_talk, seen, write_case

ORIGIN = "Written: tests/faults/scripts/dataplane_padding.py; "


def summed(sent: Sent) -> bytes:
    """The packet with a TCP checksum over what its frame holds: its sum misses by the padding's length."""
    if sent.from_client or not sent.short:
        return sent.packet
    ip, segment = sent.packet[:20], sent.packet[20:].ljust(26, b"\0")
    pseudo = ip[12:20] + bytes((0, 6)) + len(segment).to_bytes(2, "big")
    bare = segment[:16] + bytes(2) + segment[18:]
    value = ~w.ones_sum(pseudo + bare) & 0xFFFF
    return ip + (segment[:16] + value.to_bytes(2, "big") + segment[18:])[: len(sent.packet) - 20]


def damaged(sent: Sent) -> bytes:
    """The packet with a fixed checksum, as a broken card may write it."""
    if sent.from_client or not sent.short:
        return sent.packet
    return sent.packet[:36] + b"\xbe\xef" + sent.packet[38:]


def nstat(wrong: int) -> str:
    return f"#kernel\nTcpInSegs                       400                0.0\nTcpInCsumErrors                 {wrong}                  0.0\n"


def texts(wrong: int) -> dict[str, bytes | str]:
    return {"before/vm/nstat.txt": nstat(0), "after/vm/nstat.txt": nstat(wrong)}


def two(talk: Talk, behind: View) -> dict[str, bytes | str]:
    return {"1_uplink.pcap": seen([talk], View(pad_to=padded)), "2_guest.pcap": seen([talk], behind)}


def write(folder: Path) -> None:
    write_case(
        folder / "positive" / "written_checksum_over_padding",
        two(seed_talk(), View(delay_ms=0.1, change=summed))
        | texts(7)
        | {
            "ORIGIN.md": ORIGIN
            + "the short packets are right and padded before the data plane; behind it their TCP "
            "checksum is that of the padded segment, and the guest drops them.\n"
        },
    )
    write_case(
        folder / "near_miss" / "written_damaged",
        two(seed_talk(), View(delay_ms=0.1, change=damaged))
        | texts(7)
        | {
            "ORIGIN.md": ORIGIN
            + "the same packets with a checksum that is wrong whatever is counted.\nTruth: packet_corruption\n"
        },
    )
