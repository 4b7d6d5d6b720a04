"""A request that is acknowledged at once and answered after three seconds; and one whose answer was lost."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def answered_after(wait_ms: float) -> Talk:
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=180)
    talk.send(11, "A")
    talk.send(11 + wait_ms, "PA", size=900)
    talk.send(12 + wait_ms, "A", client=True)
    talk.send(13 + wait_ms, "FA")
    talk.send(14 + wait_ms, "FA", client=True)
    talk.send(15 + wait_ms, "A")
    return talk


def lost_and_repeated() -> tuple[Talk, int]:
    """The answer leaves at once and is lost before the tap until its repetition after three seconds."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=180)
    talk.send(11, "A")
    talk.send(12, "PA", size=900)
    first = talk.sent[-1].number
    for at_ms in (220, 640, 1500, 3200):
        talk.send(at_ms, "PA", size=900, again=first)
    last = talk.sent[-1].number
    talk.send(3201, "A", client=True)
    return talk, last


STRACE = (
    "812 1700000000.009000 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3 <0.000020>\n"
    "812 1700000000.009100 connect(3<TCP:[4711]>, {sa_family=AF_INET, sin_port=htons(443), "
    'sin_addr=inet_addr("192.0.2.80")}, 16) = 0 <0.001000>\n'
    '812 1700000000.010000 sendto(3<TCP:[10.0.0.5:40000->192.0.2.80:443]>, "GET / HTTP/1.1\\r\\n"..., 180, 0, NULL, 0)'
    " = 180 <0.000040>\n"
    "812 1700000000.010100 poll([{fd=3<TCP:[10.0.0.5:40000->192.0.2.80:443]>, events=POLLIN}], 1, 60000)"
    " = 1 ([{fd=3, revents=POLLIN}]) <3.000900>\n"
    '812 1700000003.011100 recvfrom(3<TCP:[10.0.0.5:40000->192.0.2.80:443]>, "HTTP/1.1 200 OK\\r\\n"..., 8192, 0,'
    " NULL, NULL) = 900 <0.000030>\n"
)


def captures(talk: Talk, lost: range = range(0)) -> dict[str, bytes | str]:
    down = View(delay_ms=0.1, drop=lambda sent: sent.number in lost)
    return {"1_wan.pcap": seen([talk], View()), "2_tap.pcap": seen([talk], down)}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/slow_server.py; "
    write_case(
        folder / "positive" / "written_three_seconds",
        captures(answered_after(3000))
        | {
            "strace.txt": STRACE,
            "ORIGIN.md": origin + "acknowledged at once, answered after three seconds.\n",
        },
    )
    talk, last = lost_and_repeated()
    write_case(
        folder / "near_miss" / "written_answer_lost",
        captures(talk, range(5, last))
        | {"ORIGIN.md": origin + "the answer leaves at once and is lost on the way.\n"},
    )
