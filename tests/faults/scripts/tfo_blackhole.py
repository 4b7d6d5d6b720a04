"""SYNs with a Fast Open cookie and data vanish and pass without; and a path that lets them through."""

from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case

PLAIN = w.mss(1460) + w.sack_permitted()
COOKIE = PLAIN + bytes((34, 10)) + b"cookie88"


def connection(number: int, *, dropped: bool) -> Talk:
    talk = Talk(client=("10.0.0.5", 40000 + number))
    begin = 50 * number + 20
    talk.send(begin, "S", client=True, options=COOKIE, size=120)
    if dropped:
        talk.send(begin + 1000, "S", client=True, again=0, options=PLAIN)
        begin += 1000
    talk.send(begin + 0.5, "SA", options=PLAIN, unheard=120 if dropped else 0)
    talk.send(begin + 1, "A", client=True)
    talk.exchange(begin + 10)
    talk.send(begin + 30, "FA")
    talk.send(begin + 31, "FA", client=True)
    talk.send(begin + 32, "A")
    return talk


def captures(*, dropped: bool) -> dict[str, bytes | str]:
    before = Talk(client=("10.0.0.5", 39999))
    before.opening()
    talks = [before, *(connection(number, dropped=dropped) for number in range(3))]

    def drop(sent: Sent) -> bool:
        return dropped and sent.flags == "S" and b"cookie88" in sent.packet

    return {"1_wan.pcap": seen(talks, View(delay_ms=-0.1, drop=drop)), "2_lan.pcap": seen(talks, View())}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/tfo_blackhole.py; "
    write_case(
        folder / "positive" / "written_fallback",
        captures(dropped=True) | {"ORIGIN.md": origin + "three clients fall back to a plain SYN.\n"},
    )
    write_case(
        folder / "near_miss" / "written_passes",
        captures(dropped=False) | {"ORIGIN.md": origin + "the SYN with cookie and data passes.\n"},
    )
