"""A sender whose card fills no checksum in; and a capture of a healthy sender, where that is normal."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


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
        captures(talk(filled=False))
        | {"before/client/nstat.txt": nstat(0), "after/client/nstat.txt": nstat(7)}
        | {"ORIGIN.md": origin + "data without a checksum reaches the client, which counts and drops it.\n"},
    )
    write_case(
        folder / "near_miss" / "written_offload",
        captures(talk(filled=True))
        | {"before/client/nstat.txt": nstat(0), "after/client/nstat.txt": nstat(0)}
        | {
            "ORIGIN.md": origin + "captured before the checksum was filled in; the client takes everything.\n"
        },
    )
