"""An answer that pauses after the client has shut down its sending side; and one that pauses while both are open."""

from pathlib import Path

from written_cases import Talk, View, conntrack_stats, seen, write_case

TIMEOUT = "net.netfilter.nf_conntrack_tcp_timeout_close_wait"


def answer(*, closed: bool) -> Talk:
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "FPA" if closed else "PA", client=True, size=150)
    talk.send(11, "A")
    talk.send(12, "PA", size=1000)
    talk.send(13, "A", client=True)
    talk.send(4012, "PA", size=1000)
    first = talk.sent[-1].number
    for wait in (200, 600, 1400, 3000):
        talk.send(4012 + wait, "PA", size=1000, again=first)
    return talk


def captures(talk: Talk) -> dict[str, bytes | str]:
    behind = View(delay_ms=0.1, drop=lambda s: s.from_server and s.at_ms >= 4000)
    late = Talk(client=("10.0.0.5", 41000), timestamps=True)
    late.opening()
    late.exchange(9000)
    talks = [talk, late]
    return {"1_wan0.pcap": seen(talks, View()), "2_lan0.pcap": seen(talks, behind_or(behind))}


def behind_or(view: View) -> View:
    """The view for the first talk; the second connection is spared."""
    drop = view.drop
    return View(
        delay_ms=view.delay_ms, drop=lambda s: drop(s) and s.packet[22:24] != b"\xa0\x28" and s.at_ms < 8500
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/conntrack_half_close_expiry.py; "
    write_case(
        folder / "positive" / "written_close_wait_two_seconds",
        captures(answer(closed=True))
        | {"before/conntrack_-S.txt": conntrack_stats(0), "after/conntrack_-S.txt": conntrack_stats(5)}
        | {"after/sysctl.txt": f"{TIMEOUT} = 2\n"}
        | {"ORIGIN.md": origin + "the client has sent its FIN, the answer pauses for four seconds.\n"},
    )
    write_case(
        folder / "near_miss" / "written_both_halves_open",
        captures(answer(closed=False))
        | {"before/conntrack_-S.txt": conntrack_stats(0), "after/conntrack_-S.txt": conntrack_stats(5)}
        | {"ORIGIN.md": origin + "the same pause without a FIN.\nTruth: stateful_idle_expiry\n"},
    )
