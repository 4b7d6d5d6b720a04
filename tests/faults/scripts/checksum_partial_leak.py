"""A relay that passes packets on without their checksum; and offload between two guests of one host, where all is well."""

from pathlib import Path

from written_cases import Talk, View, log_line, seen, unfinished_talk, write_case


def captures(made: Talk, *, dropped: bool) -> dict[str, bytes | str]:
    """Before and behind a host that tracks connections; `dropped`: it calls the data invalid."""
    behind = View(delay_ms=0.2, drop=lambda s: dropped and s.from_server and s.size > 900)
    return {"1_relay_out.pcap": seen([made], View()), "2_tap.pcap": seen([made], behind)}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/checksum_partial_leak.py; "
    refused = unfinished_talk(filled=False)
    write_case(
        folder / "positive" / "written_refused",
        captures(refused, dropped=True)
        | {"dmesg.txt": "".join(log_line(s) for s in refused.sent if s.from_server and s.size > 900)}
        | {"ORIGIN.md": origin + "data without a checksum is called invalid and dropped behind the relay.\n"},
    )
    write_case(
        folder / "near_miss" / "written_offload",
        captures(unfinished_talk(filled=True), dropped=False)
        | {
            "ORIGIN.md": origin + "captured before the checksum was filled in; the client takes everything.\n"
        },
    )
