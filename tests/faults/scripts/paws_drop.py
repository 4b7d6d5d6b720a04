"""Data whose timestamps jump back in mid-connection; and data that is lost on its way instead."""

from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case


def stamped(value: int) -> bytes:
    return w.timestamps(value, 1)


def talk(*, back: bool) -> Talk:
    """The server's data carries timestamps; from the third segment on they are old when `back`."""
    made = Talk()
    options = w.mss(1460) + w.sack_permitted()
    made.send(0, "S", client=True, options=options + stamped(100))
    made.send(0.5, "SA", options=options + stamped(900_000))
    made.send(1, "A", client=True, options=stamped(101))
    made.send(10, "PA", client=True, size=150, options=stamped(110))
    made.send(11, "A", options=stamped(900_011))
    for part in range(2):
        made.send(12 + part, "A", size=1000, options=stamped(900_012 + part))
        made.send(12.5 + part, "A", client=True, options=stamped(112 + part))
    first = None
    for number, at_ms in enumerate((14, 220, 640, 1500, 3200)):
        value = 500_000 + number if back else 900_014 + int(at_ms)
        made.send(at_ms, "PA", size=1000, options=stamped(value), again=first)
        first = first if first is not None else made.sent[-1].number
        if back:
            made.send(at_ms + 0.5, "A", client=True, unheard=1000, options=stamped(114 + int(at_ms)))
    made.send(5000, "RA", client=True, unheard=1000, options=stamped(5000))
    return made


def captures(made: Talk, *, lost: bool) -> dict[str, bytes | str]:
    def dropped(sent: Sent) -> bool:
        return lost and sent.from_server and sent.at_ms >= 14

    return {
        "1_wan.pcap": seen([made], View()),
        "2_tap.pcap": seen([made], View(delay_ms=0.1, drop=dropped)),
    }


def nstat(old: int) -> str:
    return f"#kernel\nTcpInSegs                       900                0.0\nTcpExtPAWSEstab                 {old}                  0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/paws_drop.py; "
    write_case(
        folder / "positive" / "written_timestamps_jump_back",
        captures(talk(back=True), lost=False)
        | {"before/vm/nstat.txt": nstat(0), "after/vm/nstat.txt": nstat(5)}
        | {"ORIGIN.md": origin + "from the third segment on the timestamps are older.\n"},
    )
    write_case(
        folder / "near_miss" / "written_lost_instead",
        captures(talk(back=False), lost=True)
        | {"ORIGIN.md": origin + "timestamps rise, and the data is lost.\n"},
    )
