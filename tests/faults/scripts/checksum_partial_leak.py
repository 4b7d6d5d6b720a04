"""A relay that passes packets on without their checksum; and offload between two guests of one host, where all is well."""

from pathlib import Path

from written_cases import Talk, View, log_line, seen, write_case


def talk(*, filled: bool) -> Talk:
    """The server's data reaches the client's side without its checksum; `filled`: the client takes it."""
    made = Talk(timestamps=True)
    made.opening()
    made.send(10, "PA", client=True, size=150)
    made.send(11, "A")
    for part in range(3):
        made.send(12 + part, "PA", size=900, checksum="partial")
        if filled:
            made.send(12.4 + part, "A", client=True)
    if filled:
        made.send(20, "FA")
        made.send(21, "FA", client=True)
        made.send(22, "A")
        return made
    first = [sent.number for sent in made.sent if sent.size > 900]
    for at_ms in (220, 640, 1500, 3200):
        made.send(at_ms, "PA", size=900, again=first[0], checksum="partial")
    made.send(5000, "FA", client=True, unheard=2700)
    return made


def captures(made: Talk, *, dropped: bool) -> dict[str, bytes | str]:
    """Before and behind a host that tracks connections; `dropped`: it calls the data invalid."""
    behind = View(delay_ms=0.2, drop=lambda s: dropped and s.from_server and s.size > 900)
    return {"1_relay_out.pcap": seen([made], View()), "2_tap.pcap": seen([made], behind)}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/checksum_partial_leak.py; "
    refused = talk(filled=False)
    write_case(
        folder / "positive" / "written_refused",
        captures(refused, dropped=True)
        | {"dmesg.txt": "".join(log_line(s) for s in refused.sent if s.from_server and s.size > 900)}
        | {"ORIGIN.md": origin + "data without a checksum is called invalid and dropped behind the relay.\n"},
    )
    write_case(
        folder / "near_miss" / "written_offload",
        captures(talk(filled=True), dropped=False)
        | {
            "ORIGIN.md": origin + "captured before the checksum was filled in; the client takes everything.\n"
        },
    )
