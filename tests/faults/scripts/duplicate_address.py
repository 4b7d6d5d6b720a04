"""Two hosts answer ARP for the server's address; and one that announces itself twice."""

import ipaddress
import struct
from pathlib import Path

import packet_writer as w
from written_cases import MS, START_NS, Sent, Talk, View, packets, write_case

CLIENT, OWNER, RIVAL = (bytes.fromhex(mac) for mac in ("0200000000c1", "0200000000a1", "0200000000a2"))


def arp(at_ms: float, sender: bytes) -> tuple[int, bytes]:
    """A gratuitous reply: the address is at this MAC address."""
    address = ipaddress.ip_address("10.0.0.80").packed
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + sender + address + sender + address
    return START_NS + int(at_ms * MS), b"\xff" * 6 + sender + b"\x08\x06" + body


def talk(*, breaks: bool) -> Talk:
    made = Talk(client=("10.0.0.5", 40000), server=("10.0.0.80", 443), timestamps=True)
    made.opening()
    made.exchange(10)
    if breaks:
        made.send(100, "PA", client=True, size=150)
        made.send(100.5, "RA")
    else:
        made.exchange(100)
        made.send(200, "FA")
        made.send(201, "FA", client=True)
        made.send(202, "A")
    return made


def capture(*, two: bool) -> bytes:
    def macs(sent: Sent) -> tuple[bytes, bytes]:
        far = RIVAL if two and sent.at_ms >= 100 else OWNER
        return (CLIENT, far) if sent.from_client else (far, CLIENT)

    claims = [arp(-50, OWNER), *([arp(90, RIVAL)] if two else [arp(150, OWNER)])]
    return w.pcap(sorted([*packets([talk(breaks=two)], View(macs=macs)), *claims]))


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/duplicate_address.py; "
    write_case(
        folder / "positive" / "written_two_owners",
        {
            "segment.pcap": capture(two=True),
            "before/vm/neigh.txt": "10.0.0.80 dev eth0 lladdr 02:00:00:00:00:a1 REACHABLE\n",
            "after/vm/neigh.txt": "10.0.0.80 dev eth0 lladdr 02:00:00:00:00:a2 REACHABLE\n",
            "ORIGIN.md": origin + "a second host claims the server's address and resets the connection.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_one_owner",
        {"segment.pcap": capture(two=False), "ORIGIN.md": origin + "the owner announces itself twice.\n"},
    )
