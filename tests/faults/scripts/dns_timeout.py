"""A resolver whose first name server is dead; and one whose query is lost on the way to a living one."""

import struct
from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, seen, write_case

CLIENT, DEAD, ALIVE = "10.0.0.5", "192.0.2.53", "192.0.2.54"


def message(number: int, *, reply: bool = False) -> bytes:
    name = b"\3www\7example\3org\0"
    head = struct.pack(">HHHHHH", number, 0x8180 if reply else 0x0100, 1, 1 if reply else 0, 0, 0)
    answer = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 60, 4) + bytes((192, 0, 2, 80)) if reply else b""
    return head + name + struct.pack(">HH", 1, 1) + answer


def ask(talk: Talk, at_ms: float, server: str, port: int, number: int) -> None:
    packet = w.ipv4(CLIENT, server, w.udp(port, 53, message(number)), identification=300 + number)
    talk.raw(at_ms, packet, client=True)


def answer(talk: Talk, at_ms: float, server: str, port: int, number: int) -> None:
    packet = w.ipv4(server, CLIENT, w.udp(53, port, message(number, reply=True)), identification=700 + number)
    talk.raw(at_ms, packet)


def then_connect(talk: Talk, at_ms: float) -> None:
    modern = w.mss(1460) + w.sack_permitted()
    talk.send(at_ms, "S", client=True, options=modern)
    talk.send(at_ms + 0.5, "SA", options=modern)
    talk.send(at_ms + 1, "A", client=True)
    talk.exchange(at_ms + 5)
    talk.send(at_ms + 20, "FA")
    talk.send(at_ms + 21, "FA", client=True)
    talk.send(at_ms + 22, "A")


def lookup(*, dead: bool) -> Talk:
    """The first server never answers (or does); the second is asked after five seconds."""
    talk = Talk()
    ask(talk, 0, DEAD, 41000, 11)
    if dead:
        ask(talk, 5005, ALIVE, 41001, 12)
        answer(talk, 5006, ALIVE, 41001, 12)
    else:
        answer(talk, 2, DEAD, 41000, 11)
    then_connect(talk, 5010 if dead else 5)
    return talk


def captures(talk: Talk) -> dict[str, bytes | str]:
    return {"1_wan.pcap": seen([talk], View()), "2_tap.pcap": seen([talk], View(delay_ms=0.1))}


STRACE = (
    "77 1700000000.000000 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 3 <0.000020>\n"
    "77 1700000000.000050 connect(3<UDP:[901]>, {sa_family=AF_INET, sin_port=htons(53), "
    'sin_addr=inet_addr("192.0.2.53")}, 16) = 0 <0.000030>\n'
    '77 1700000000.000100 sendto(3<UDP:[10.0.0.5:41000->192.0.2.53:53]>, "\\0\\v\\1\\0"..., 33, MSG_NOSIGNAL, NULL, 0)'
    " = 33 <0.000040>\n"
    "77 1700000000.000200 poll([{fd=3<UDP:[10.0.0.5:41000->192.0.2.53:53]>, events=POLLIN}], 1, 5000)"
    " = 0 (Timeout) <5.004000>\n"
)


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/dns_timeout.py; "
    write_case(
        folder / "positive" / "written_first_server_dead",
        captures(lookup(dead=True))
        | {
            "strace.txt": STRACE,
            "ORIGIN.md": origin + "the second name server is asked after five seconds.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_answered",
        captures(lookup(dead=False)) | {"ORIGIN.md": origin + "the first name server answers.\n"},
    )
