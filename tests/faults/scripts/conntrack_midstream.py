"""Connections older than the captures that die at one moment; and ones that begin inside them."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def old(port: int) -> Talk:
    """In mid-stream from the start; dead from 2000 ms on."""
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.exchange(10, segments=1)
    talk.exchange(500, segments=1)
    talk.send(2000, "PA", client=True, size=100)
    first = talk.sent[-1].number
    for wait in (200, 600, 1400, 3000):
        talk.send(2000 + wait, "PA", client=True, size=100, again=first)
    return talk


def new(port: int, begin: float) -> Talk:
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.send(begin, "S", client=True)
    talk.send(begin + 0.5, "SA")
    talk.send(begin + 1, "A", client=True)
    talk.exchange(begin + 10, segments=1)
    return talk


def captures(*, opened: bool) -> dict[str, bytes | str]:
    talks = [old(40000), old(40001), new(41000, 2500), new(41001, 6000)]
    if opened:
        for talk in talks[:2]:
            begun = Talk(client=talk.client, timestamps=True)
            begun.send(0, "S", client=True)
            talk.sent.insert(0, begun.sent[0])
    olds = (b"\x9c\x40", b"\x9c\x41")
    drop = View(delay_ms=-0.1, drop=lambda s: s.from_client and s.packet[20:22] in olds and s.at_ms >= 2000)
    return {"1_wan0.pcap": seen(talks, drop), "2_lan0.pcap": seen(talks, View())}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/conntrack_midstream.py; "
    loose = {"after/sysctl.txt": "net.netfilter.nf_conntrack_tcp_loose = 0\n"}
    write_case(
        folder / "positive" / "written_table_flushed",
        captures(opened=False)
        | loose
        | {"ORIGIN.md": origin + "two old connections die at one moment, new ones work.\n"},
    )
    write_case(
        folder / "near_miss" / "written_begun_in_sight",
        captures(opened=True)
        | loose
        | {"ORIGIN.md": origin + "the same, but the SYNs of the two were seen to pass.\n"},
    )
