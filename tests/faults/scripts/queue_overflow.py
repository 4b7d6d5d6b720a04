"""A shaper's queue that is full; and the same loss where no queue dropped."""

from pathlib import Path

from written_cases import View, bursts, seen, write_case


def qdisc(dropped: int) -> str:
    return (
        "qdisc noqueue 0: dev wan0 root refcnt 2\n"
        " Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0)\n backlog 0b 0p requeues 0\n"
        "qdisc tbf 8001: dev lan0 root refcnt 2 rate 10Mbit burst 5Kb lat 2ms\n"
        f" Sent 51200 bytes 40 pkt (dropped {dropped}, overlimits 50 requeues 0)\n backlog 0b 0p requeues 0\n"
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/queue_overflow.py; "
    talk, over = bursts()
    captures: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([talk], View()),
        "2_lan0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: s.number in over)),
    }
    write_case(
        folder / "positive" / "written_shaper_full",
        captures
        | {"before/router/tc.txt": qdisc(0), "after/router/tc.txt": qdisc(len(over))}
        | {"ORIGIN.md": origin + "a token bucket's queue drops the tails of bursts.\n"},
    )
    write_case(
        folder / "near_miss" / "written_queues_idle",
        captures
        | {"before/router/tc.txt": qdisc(3), "after/router/tc.txt": qdisc(3)}
        | {"ORIGIN.md": origin + "the same loss, and no queue of the host dropped.\nTruth: random_loss\n"},
    )
