"""Packets that arrive with one hop left, and the router's message; and a loss of packets with many hops left."""

from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, seen, write_case


def connecting(*, ttl: int, told: bool) -> Talk:
    talk = Talk(timestamps=True)
    for number, at_ms in enumerate((0, 1000, 3000)):
        talk.send(at_ms, "S", client=True, again=0 if number else None, ttl=ttl)
        if told:
            error = w.icmp(11, 0, rest=bytes(4), data=talk.sent[-1].packet[:28])
            talk.raw(at_ms + 0.3, w.ipv4("10.0.0.1", "10.0.0.5", error))
    return talk


def other() -> Talk:
    talk = Talk(client=("10.0.0.9", 51000), timestamps=True)
    talk.opening()
    for at_ms in (500, 4000):
        talk.exchange(at_ms)
    return talk


def captures(talk: Talk) -> dict[str, bytes | str]:
    mine = bytes((10, 0, 0, 5))
    behind = View(delay_ms=-0.1, drop=lambda s: mine in (s.packet[12:16], s.packet[16:20]))
    talks = [talk, other()]
    return {"1_wan0.pcap": seen(talks, behind), "2_lan0.pcap": seen(talks, View())}


def nstat(errors: int) -> str:
    return f"#kernel\nIpInReceives                    800                0.0\nIpInHdrErrors                   {errors}                  0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ttl_expiry.py; "
    write_case(
        folder / "positive" / "written_one_hop_left",
        captures(connecting(ttl=1, told=True))
        | {"before/router/nstat.txt": nstat(0), "after/router/nstat.txt": nstat(3)}
        | {"ORIGIN.md": origin + "three SYNs with a TTL of 1 and the router's ICMP time exceeded.\n"},
    )
    write_case(
        folder / "near_miss" / "written_hops_left",
        captures(connecting(ttl=64, told=False))
        | {"ORIGIN.md": origin + "the same loss with 64 hops left.\n"},
    )
