"""Short packets padded with leftovers, and a host whose card leaves the padding out of its sum."""

from pathlib import Path

from written_cases import Sent, Talk, View, conntrack_stats, seed_talk, seen, write_case

ORIGIN = "Written: tests/faults/scripts/nic_checksum_padding.py; "


def is_dirty(sent: Sent) -> bool:
    """Closing segments leave the sender with padding from its memory, bare acknowledgments with zeros."""
    return sent.from_server and sent.short and "F" in sent.flags


def on_wire(sent: Sent) -> bytes:
    """The packet with its padding."""
    if sent.from_client or not sent.short:
        return sent.packet
    return sent.packet.ljust(46, b"\x5a" if is_dirty(sent) else b"\0")


def cut(sent: Sent) -> bytes:
    return sent.packet


def captures(talk: Talk, *, all_pass: bool = False) -> dict[str, bytes | str]:
    lost = View(delay_ms=0.1, drop=lambda sent: is_dirty(sent) and not all_pass, change=cut)
    return {"1_eth0.pcap": seen([talk], View(change=on_wire)), "2_tap0.pcap": seen([talk], lost)}


def log(count: int) -> str:
    """What Linux 4.18 prints; each line is followed by the stack of calls."""
    return "".join(
        f"[{second:5d}.250000] eth0: hw csum failure\n[{second:5d}.250004] CPU: 3 PID: 0 Comm: swapper/3 Not tainted\n"
        for second in range(100, 100 + count)
    )


def texts(count: int) -> dict[str, bytes | str]:
    addresses = (
        "2: eth0: <BROADCAST,UP> mtu 1500 qdisc mq state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
        "3: tap0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n"
    )
    return {
        "before/ip_addr.txt": addresses,
        "before/conntrack_-S.txt": conntrack_stats(3),
        "after/conntrack_-S.txt": conntrack_stats(3),
        "after/dmesg.txt": log(count),
    }


def closing() -> Talk:
    """The answer, a close that the client hears, and its own."""
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    return talk


def write(folder: Path) -> None:
    write_case(
        folder / "positive" / "written_leftovers_dropped",
        captures(seed_talk())
        | texts(5)
        | {
            "ORIGIN.md": ORIGIN
            + "short packets padded with zeros pass, those with leftovers do not, and the kernel "
            "complains of the card's sums. Who on that host trusts them is left open; no recording of such a loss is known.\n"
        },
    )
    write_case(
        folder / "near_miss" / "written_only_logged",
        captures(closing(), all_pass=True)
        | texts(1)
        | {
            "ORIGIN.md": ORIGIN
            + "the same complaint in the log, and everything is taken: Linux summed again.\n"
        },
    )
