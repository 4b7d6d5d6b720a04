"""A and AAAA of one socket, of which one is lost; and a query that is lost alone."""

import struct
from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case

CLIENT, SERVER = "10.0.0.5", "10.96.0.10"


def message(number: int, qtype: int, *, reply: bool) -> bytes:
    head = struct.pack(">HHHHHH", number, 0x8180 if reply else 0x0100, 1, 0, 0, 0)
    return head + b"\3www\7example\3org\0" + struct.pack(">HH", qtype, 1)


def query(talk: Talk, at_ms: float, port: int, number: int, *, qtype: int = 1, answered: bool = True) -> None:
    asked = w.udp(port, 53, message(number, qtype, reply=False))
    talk.raw(at_ms, w.ipv4(CLIENT, SERVER, asked, identification=number), client=True)
    if answered:
        reply = w.udp(53, port, message(number, qtype, reply=True))
        talk.raw(at_ms + 1, w.ipv4(SERVER, CLIENT, reply, identification=5000 + number))


def lookups(*, together: bool) -> Talk:
    """Five lookups; the third one's second query is lost, and asked again after five seconds."""
    talk = Talk()
    for part in range(5):
        at_ms, port = 6000 * part, 41000 + part
        lost = part == 2
        query(talk, at_ms, port, 100 + 10 * part)
        query(talk, at_ms + (0.03 if together else 300), port, 101 + 10 * part, qtype=28, answered=not lost)
        if lost:
            query(talk, at_ms + 5005, port, 105 + 10 * part, qtype=28)
    return talk


def is_lost(sent: Sent) -> bool:
    return int.from_bytes(sent.packet[4:6], "big") == 121


def stats(failed: int) -> str:
    return f"cpu=0 \tfound=0 invalid=0 insert=0 insert_failed={failed} drop={failed} early_drop=0 error=0 search_restart=0 \n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/conntrack_dns_race.py; "
    for kind, name, together, what in (
        (
            "positive",
            "written_aaaa_lost",
            True,
            "the AAAA query of one lookup of five is lost beside its twin",
        ),
        ("near_miss", "written_lost_alone", False, "the lost query was sent alone, though the counter rose"),
    ):
        talk = lookups(together=together)
        write_case(
            folder / kind / name,
            {
                "1_wan0.pcap": seen([talk], View(delay_ms=-0.1, drop=is_lost)),
                "2_lan0.pcap": seen([talk], View()),
                "before/conntrack_stats.txt": stats(3),
                "after/conntrack_stats.txt": stats(4),
                "ORIGIN.md": f"{origin}{what}.\n",
            },
        )
