"""A rule with a limit whose rest is dropped; and the same loss beside a limit that counted nothing."""

from pathlib import Path

from written_cases import View, pieces_lost, seen, write_case


def rules(dropped: int) -> str:
    return (
        "table ip shape {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
        "\t\tip daddr 10.0.0.5 limit rate 200/second burst 5 packets counter packets 60 bytes 60000 accept\n"
        f"\t\tip daddr 10.0.0.5 counter packets {dropped} bytes {dropped * 1252} drop\n\t}}\n}}\n"
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/rate_limit.py; "
    # every third segment of a burst exceeds the limit
    talk, over = pieces_lost([(12 + part / 10, part % 3 == 2) for part in range(24)])
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
