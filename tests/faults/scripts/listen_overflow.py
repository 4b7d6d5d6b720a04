"""A server that accepts nothing more: SYNs at its card without an answer; and the same with a rule that drops them."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def ignored() -> Talk:
    """The third SYN is answered."""
    talk = Talk(timestamps=True)
    talk.send(0, "S", client=True)
    for at_ms in (1000, 3000):
        talk.send(at_ms, "S", client=True, again=0)
    talk.send(3000.5, "SA")
    talk.send(3001, "A", client=True)
    talk.exchange(3010)
    talk.send(3020, "FA")
    talk.send(3021, "FA", client=True)
    talk.send(3022, "A")
    return talk


def nstat(overflows: int) -> str:
    return (
        "#kernel\nTcpPassiveOpens                 310                0.0\n"
        f"TcpExtListenOverflows           {overflows}                0.0\n"
        f"TcpExtListenDrops               {overflows}                0.0\n"
    )


def captures(talk: Talk) -> dict[str, bytes | str]:
    return {
        "1_server_eth0.pcap": seen([talk], View()),
        "2_client_eth0.pcap": seen([talk], View(delay_ms=0.2)),
    }


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/listen_overflow.py; "
    write_case(
        folder / "positive" / "written_two_syns_ignored",
        captures(ignored())
        | {"before/server/nstat.txt": nstat(40), "after/server/nstat.txt": nstat(42)}
        | {"ORIGIN.md": origin + "two SYNs dropped by a full accept queue, the third answered.\n"},
    )
    write_case(
        folder / "near_miss" / "written_counter_still",
        captures(ignored())
        | {"before/server/nstat.txt": nstat(40), "after/server/nstat.txt": nstat(40)}
        | {"ORIGIN.md": origin + "the same packets, and ListenOverflows stands still.\n"},
    )
