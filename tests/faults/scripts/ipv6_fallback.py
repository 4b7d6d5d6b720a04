"""A client that waits three seconds for IPv6 before it uses IPv4; and one whose IPv6 works."""

from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, seen, write_case

OFFER = w.mss(1440) + w.sack_permitted() + w.window_scale(7)
SIX = (("2001:db8::5", 40000), ("2001:db8:1::80", 443))
FOUR = (("10.0.0.5", 40002), ("192.0.2.80", 443))


def works(ends: tuple[tuple[str, int], tuple[str, int]], begin: float) -> Talk:
    talk = Talk(client=ends[0], server=ends[1])
    talk.send(begin, "S", client=True, options=OFFER)
    talk.send(begin + 0.5, "SA", options=OFFER)
    talk.send(begin + 1, "A", client=True)
    talk.exchange(begin + 5)
    talk.send(begin + 20, "FA")
    talk.send(begin + 21, "FA", client=True)
    talk.send(begin + 22, "A")
    return talk


def hangs() -> Talk:
    talk = Talk(client=SIX[0], server=SIX[1])
    talk.send(0, "S", client=True, options=OFFER)
    talk.send(1000, "S", client=True, again=0, options=OFFER)
    return talk


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ipv6_fallback.py; "
    strace = (
        "9 1700000000.000000 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 3 <0.000020>\n"
        "9 1700000000.000050 connect(3<TCPv6:[801]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "2001:db8:1::80", &sin6_addr), sin6_scope_id=0}, 28) = -1 EINPROGRESS (Operation now in '
        "progress) <0.000100>\n"
        "9 1700000000.000200 poll([{fd=3<TCPv6:[801]>, events=POLLOUT}], 1, 3000) = 0 (Timeout) <3.002000>\n"
    )
    write_case(
        folder / "positive" / "written_three_seconds",
        {
            "client_eth0.pcap": seen([hangs(), works(FOUR, 3002)], View()),
            "strace.txt": strace,
            "ORIGIN.md": origin + "two SYNs over IPv6 unanswered, IPv4 after three seconds.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_both_work",
        {
            "client_eth0.pcap": seen([works(SIX, 0), works(FOUR, 3002)], View()),
            "ORIGIN.md": origin + "IPv6 works; a connection over IPv4 follows three seconds later.\n",
        },
    )
