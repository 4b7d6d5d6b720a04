"""A rule with a limit whose rest is dropped; and the same loss beside a limit that counted nothing."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def burst() -> tuple[Talk, set[int]]:
    """Every third segment of a burst exceeds the limit and is sent again later."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "A")
    over = set()
    for part in range(24):
        talk.send(12 + part / 10, "A", size=1200)
        if part % 3 == 2:
            over.add(talk.sent[-1].number)
    for number, first in enumerate(sorted(over)):
        talk.send(1500 + 40 * number, "A", size=1200, again=first)
    talk.send(1990, "A", client=True)
    talk.send(2000, "FA")
    talk.send(2001, "FA", client=True)
    talk.send(2002, "A")
    return talk, over


def rules(dropped: int) -> str:
    return (
        "table ip shape {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
        "\t\tip daddr 10.0.0.5 limit rate 200/second burst 5 packets counter packets 60 bytes 60000 accept\n"
        f"\t\tip daddr 10.0.0.5 counter packets {dropped} bytes {dropped * 1252} drop\n\t}}\n}}\n"
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/rate_limit.py; "
    talk, over = burst()
    captures: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([talk], View()),
        "2_lan0.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: s.number in over)),
    }
    write_case(
        folder / "positive" / "written_limit_then_drop",
        captures
        | {"before/router/nft.txt": rules(0), "after/router/nft.txt": rules(len(over))}
        | {"ORIGIN.md": origin + "what a limit does not let through is dropped by the next rule.\n"},
    )
    write_case(
        folder / "near_miss" / "written_limit_idle",
        captures
        | {"before/router/nft.txt": rules(0), "after/router/nft.txt": rules(0)}
        | {"ORIGIN.md": origin + "the same loss; the limit counted nothing.\nTruth: random_loss\n"},
    )
