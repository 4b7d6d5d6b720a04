"""A SYN that loses an option between two points; and a server that never offers it."""

from functools import partial
from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case


def _connection(option: bytes, *, offered: bool = True) -> Talk:
    talk = Talk(timestamps=True)
    talk.send(0, "S", client=True, options=w.mss(1460) + option)
    talk.send(0.5, "SA", options=w.mss(1460) + (option if offered else b""))
    talk.send(1, "A", client=True)
    talk.exchange(10)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    return talk


def _without(option: bytes, sent: Sent) -> bytes:
    """The packet with NOPs in the option's place, as nftables' "reset tcp option" leaves it."""
    return sent.packet.replace(option, b"\1" * len(option), 1)


def write_removed_option(folder: Path, script: str, option: bytes) -> None:
    """The cases of a fault whose script removes `option`."""
    origin = f"Written: tests/faults/scripts/{script}.py; "
    talk, never, without = _connection(option), _connection(option, offered=False), partial(_without, option)
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
