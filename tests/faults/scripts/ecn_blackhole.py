"""SYNs that ask for ECN are dropped and pass without; and SYNs lost whatever they ask for."""

from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case


def connection(number: int, *, fallback: bool) -> Talk:
    talk = Talk(client=("10.0.0.5", 40000 + number), timestamps=True)
    begin = 50 * number + 20
    options = w.mss(1460) + w.sack_permitted()
    talk.send(begin, "SEC", client=True, options=options)
    talk.send(begin + 1000, "SEC", client=True, again=0, options=options)
    talk.send(begin + 3000, "S" if fallback else "SEC", client=True, again=0, options=options)
    talk.send(begin + 3000.5, "SA", options=options)
    talk.send(begin + 3001, "A", client=True)
    talk.exchange(begin + 3010)
    talk.send(begin + 3020, "FA")
    talk.send(begin + 3021, "FA", client=True)
    talk.send(begin + 3022, "A")
    return talk


def captures(*, fallback: bool) -> dict[str, bytes | str]:
    before = Talk(client=("10.0.0.5", 39999), timestamps=True)
    before.opening()
    talks = [before, *(connection(number, fallback=fallback) for number in range(3))]

    def dropped(sent: Sent) -> bool:
        return sent.flags == "SEC" and sent.number < 2

    return {
        "1_wan.pcap": seen(talks, View(delay_ms=-0.1, drop=dropped)),
        "2_lan.pcap": seen(talks, View()),
    }


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ecn_blackhole.py; "
    write_case(
        folder / "positive" / "written_fallback",
        captures(fallback=True) | {"ORIGIN.md": origin + "three connections fall back to a plain SYN.\n"},
    )
    write_case(
        folder / "near_miss" / "written_passes_with_ecn",
        captures(fallback=False)
        | {"ORIGIN.md": origin + "the third SYN asks for ECN as well, and passes.\n"},
    )
