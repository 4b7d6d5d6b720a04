"""A server under pressure that answers one client with a cookie; and a server that never scales windows."""

from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, seen, write_case

OFFER = w.mss(1460) + w.sack_permitted() + w.window_scale(7)


def connection(number: int, answer: bytes) -> Talk:
    talk = Talk(client=("10.0.0.5", 40000 + number))
    begin = 100 * number
    talk.send(begin, "S", client=True, options=OFFER)
    talk.send(begin + 0.5, "SA", options=answer)
    talk.send(begin + 1, "A", client=True)
    talk.exchange(begin + 10)
    talk.send(begin + 20, "FA")
    talk.send(begin + 21, "FA", client=True)
    talk.send(begin + 22, "A")
    return talk


def nstat(sent: int) -> str:
    return f"#kernel\nTcpPassiveOpens                 310                0.0\nTcpExtSyncookiesSent            {sent}                  0.0\n"


LOG = "[  512.000000] TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.  Check SNMP counters.\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/syn_cookies.py; "
    cookies = [connection(0, OFFER), connection(1, w.mss(1460))]
    write_case(
        folder / "positive" / "written_one_cookie",
        {
            "server_eth0.pcap": seen(cookies, View()),
            "before/nstat.txt": nstat(0),
            "after/nstat.txt": nstat(12),
            "dmesg.txt": LOG,
            "ORIGIN.md": origin + "the second client gets a cookie: no window scaling, no SACK.\n",
        },
    )
    never = [connection(0, w.mss(1460)), connection(1, w.mss(1460))]
    write_case(
        folder / "near_miss" / "written_never_scaled",
        {
            "server_eth0.pcap": seen(never, View()),
            "ORIGIN.md": origin + "the server never offers the options.\n",
        },
    )
