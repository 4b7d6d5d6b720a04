"""Two hosts behind one address: the one with the lower clock cannot connect while the other one talks to the server."""

from pathlib import Path

import packet_writer as w
from written_cases import Talk, View, seen, write_case

MODERN = w.mss(1460) + w.sack_permitted() + w.window_scale(7)


def accepted() -> Talk:
    """A host whose clock is far ahead."""
    talk = Talk(client=("198.51.100.7", 40001))
    stamp = 900_000
    talk.send(0, "S", client=True, options=MODERN + w.timestamps(stamp, 0))
    talk.send(0.5, "SA", options=MODERN + w.timestamps(7000, stamp))
    talk.send(1, "A", client=True, options=w.timestamps(stamp + 1, 7000))
    talk.send(10, "PA", client=True, size=200, options=w.timestamps(stamp + 10, 7000))
    talk.send(11, "PA", size=900, options=w.timestamps(7011, stamp + 10))
    talk.send(12, "A", client=True, options=w.timestamps(stamp + 12, 7011))
    talk.send(13, "FA", client=True, options=w.timestamps(stamp + 13, 7011))
    talk.send(13.5, "FA", options=w.timestamps(7013, stamp + 13))
    talk.send(14, "A", client=True, options=w.timestamps(stamp + 14, 7013))
    return talk


def ignored() -> Talk:
    """Another host, whose clock is behind: three SYNs without an answer."""
    talk = Talk(client=("198.51.100.7", 51002))
    talk.send(2000, "S", client=True, options=MODERN + w.timestamps(5000, 0))
    for at_ms in (3000, 5000):
        talk.send(at_ms, "S", client=True, again=0, options=MODERN + w.timestamps(3000 + at_ms, 0))
    return talk


def captures() -> dict[str, bytes | str]:
    talks = [accepted(), ignored()]
    return {
        "1_server_eth0.pcap": seen(talks, View()),
        "2_nat_eth0.pcap": seen(talks, View(delay_ms=0.2)),
    }


def nstat(rejected: int) -> str:
    return f"#kernel\nTcpPassiveOpens                 310                0.0\nTcpExtPAWSPassive               {rejected}                0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/tw_recycle_nat.py; "
    write_case(
        folder / "positive" / "written_two_clocks",
        captures()
        | {"before/server/nstat.txt": nstat(4), "after/server/nstat.txt": nstat(7)}
        | {"after/server/sysctl.txt": "net.ipv4.tcp_timestamps = 1\nnet.ipv4.tcp_tw_recycle = 1\n"}
        | {"ORIGIN.md": origin + "SYNs with an older timestamp than the address had before are ignored.\n"},
    )
    write_case(
        folder / "near_miss" / "written_setting_off",
        captures()
        | {"before/server/nstat.txt": nstat(4), "after/server/nstat.txt": nstat(4)}
        | {"after/server/sysctl.txt": "net.ipv4.tcp_timestamps = 1\nnet.ipv4.tcp_tw_recycle = 0\n"}
        | {"ORIGIN.md": origin + "the same packets; the setting is off and nothing was counted.\n"},
    )
