"""A connection that stops after a pause, beside one that survived a longer pause at the same hop."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def paused(port: int, pause_ms: float, *, fails: bool) -> Talk:
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.opening()
    talk.exchange(10)
    if not fails:
        talk.exchange(30 + pause_ms)
        return talk
    talk.send(30 + pause_ms, "PA", client=True, size=150)
    first = talk.sent[-1].number
    for wait in (200, 600, 1400, 3000):
        talk.send(30 + pause_ms + wait, "PA", client=True, size=150, again=first)
    return talk


def write(folder: Path) -> None:
    talks = [paused(40000, 4000, fails=True), paused(40001, 9000, fails=False)]
    write_case(
        folder / "near_miss" / "written_longer_pause_survives",
        {
            "1_wan0.pcap": seen(
                talks,
                View(
                    delay_ms=-0.1,
                    drop=lambda s: s.from_client and s.packet[20:22] == b"\x9c\x40" and s.at_ms > 1000,
                ),
            ),
            "2_lan0.pcap": seen(talks, View()),
            "ORIGIN.md": "Written: tests/faults/scripts/stateful_idle_expiry.py; another connection survived a longer pause.\n",
        },
    )
