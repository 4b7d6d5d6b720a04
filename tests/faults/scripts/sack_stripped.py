"""A SYN that loses an option between two points; and a server that never offers it."""

from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case

OPTION = w.sack_permitted()


def connection(*, offered: bool = True) -> Talk:
    talk = Talk(timestamps=True)
    talk.send(0, "S", client=True, options=w.mss(1460) + OPTION)
    talk.send(0.5, "SA", options=w.mss(1460) + (OPTION if offered else b""))
    talk.send(1, "A", client=True)
    talk.exchange(10)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    return talk


def without(sent: Sent) -> bytes:
    """The packet with NOPs in the option's place, as nftables' "reset tcp option" leaves it."""
    return sent.packet.replace(OPTION, b"\1" * len(OPTION), 1)


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/sack_stripped.py; "
    talk, never = connection(), connection(offered=False)
    write_case(
        folder / "positive" / "written_reset_on_the_way",
        {
            "1_wan.pcap": seen([talk], View(delay_ms=-0.1, change=without)),
            "2_lan.pcap": seen([talk], View(change=lambda s: s.packet if s.from_client else without(s))),
            "ORIGIN.md": origin + "the option is overwritten in both directions.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_never_offered",
        {
            "1_wan.pcap": seen([never], View(delay_ms=-0.1)),
            "2_lan.pcap": seen([never], View()),
            "ORIGIN.md": origin + "the server does not offer the option; nothing is removed.\n",
        },
    )
