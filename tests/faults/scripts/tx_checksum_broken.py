"""A sender whose card fills no checksum in; and a capture of a healthy sender, where that is normal."""

from pathlib import Path

from written_cases import Talk, View, seen, unfinished_talk, write_case


def captures(made: Talk) -> dict[str, bytes | str]:
    return {
        "1_server_side.pcap": seen([made], View()),
        "2_client_side.pcap": seen([made], View(delay_ms=0.2)),
    }


def nstat(wrong: int) -> str:
    return f"#kernel\nTcpInSegs                       400                0.0\nTcpInCsumErrors                 {wrong}                  0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/tx_checksum_broken.py; "
    write_case(
        folder / "positive" / "written_refused",
        captures(unfinished_talk(filled=False))
        | {"before/client/nstat.txt": nstat(0), "after/client/nstat.txt": nstat(7)}
        | {"ORIGIN.md": origin + "data without a checksum reaches the client, which counts and drops it.\n"},
    )
    write_case(
        folder / "near_miss" / "written_offload",
        captures(unfinished_talk(filled=True))
        | {"before/client/nstat.txt": nstat(0), "after/client/nstat.txt": nstat(0)}
        | {
            "ORIGIN.md": origin + "captured before the checksum was filled in; the client takes everything.\n"
        },
    )
