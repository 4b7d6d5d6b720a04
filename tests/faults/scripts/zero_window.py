"""A reader that stops: the client's window closes, probes follow, the window opens after four seconds."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def transfer(*, shut: bool) -> Talk:
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=120)
    talk.send(11, "A")
    for part in range(6):
        talk.send(12 + part, "A", size=1200)
        talk.send(12.5 + part, "A", client=True, window=0 if shut and part == 5 else 502)
    if shut:
        for at_ms in (220, 640, 1500, 3200):
            talk.next_seq[1] -= 1
            talk.send(at_ms, "A")
            talk.next_seq[1] += 1
            talk.send(at_ms + 0.5, "A", client=True, window=0)
    begin = 4200 if shut else 30
    talk.send(begin, "A", client=True)
    for part in range(6):
        talk.send(begin + 1 + part, "PA", size=1200)
        talk.send(begin + 1.5 + part, "A", client=True)
    talk.send(begin + 20, "FA")
    talk.send(begin + 21, "FA", client=True)
    talk.send(begin + 22, "A")
    return talk


def slow() -> Talk:
    """The window stays open; the server is the one that waits."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=120)
    talk.send(11, "A")
    talk.send(4000, "PA", size=900)
    talk.send(4001, "A", client=True)
    talk.send(4002, "FA")
    talk.send(4003, "FA", client=True)
    talk.send(4004, "A")
    return talk


def nstat(advertised: int) -> str:
    return (
        "#kernel\nIpInReceives                    120                0.0\n"
        f"TcpExtTCPToZeroWindowAdv        {advertised}                  0.0\n"
    )


def captures(talk: Talk) -> dict[str, bytes | str]:
    return {"1_wan.pcap": seen([talk], View()), "2_tap.pcap": seen([talk], View(delay_ms=0.1))}


def write(folder: Path) -> None:
    write_case(
        folder / "positive" / "written_reader_stops",
        captures(transfer(shut=True))
        | {"before/vm/nstat.txt": nstat(0), "after/vm/nstat.txt": nstat(1)}
        | {
            "ORIGIN.md": "Written: tests/faults/scripts/zero_window.py; the client's window is shut for four seconds.\n"
        },
    )
    write_case(
        folder / "near_miss" / "written_open_window",
        captures(slow())
        | {
            "ORIGIN.md": "Written: tests/faults/scripts/zero_window.py; as long a wait behind an open window.\nTruth: slow_server\n"
        },
    )
