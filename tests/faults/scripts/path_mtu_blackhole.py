"""A path that carries 1400 bytes, with and without the ICMP error that says so."""

import struct
from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, seen, write_case

ROUTER = "198.51.100.1"


def download(*, told: bool) -> Talk:
    """Segments of 1460 bytes where 1400 fit; `told`: an error arrives and the sender halves its segments."""
    talk = Talk()
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "PA", size=1200)
    talk.send(11.5, "A", client=True)
    talk.send(12, "A", size=1448)
    large = talk.sent[-1]
    if told:
        error = w.icmp(3, 4, rest=struct.pack(">HH", 0, 1400), data=large.packet[:28])
        talk.raw(12.4, w.ipv4(ROUTER, "192.0.2.80", error), client=True)
        talk.next_seq[1] -= 1448
        talk.send(13, "A", size=724)
        talk.send(13.5, "PA", size=724)
    else:
        for at_ms in (220, 640, 1500, 3200):
            talk.send(at_ms, "A", size=1448, again=large.number)
    end = 30 if told else 4000
    talk.send(end, "FA", client=True, unheard=0 if told else 1448)
    return talk


def captures(talk: Talk) -> dict[str, bytes | str]:
    """Before the narrow hop and behind it."""
    down = View(delay_ms=0.2, drop=lambda s: len(s.packet) > 1400 or s.packet[9] == 1)
    return {"1_wan.pcap": seen([talk], View()), "2_lan.pcap": seen([talk], down)}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/path_mtu_blackhole.py; "
    write_case(
        folder / "positive" / "written_1400",
        captures(download(told=False)) | {"ORIGIN.md": origin + "1400 bytes pass, and nobody says so.\n"},
    )
    write_case(
        folder / "near_miss" / "written_sender_told",
        captures(download(told=True))
        | {"ORIGIN.md": origin + "the error arrives and the sender obeys it.\n"},
    )
