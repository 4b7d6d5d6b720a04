"""Attempts with the ports of a connection that the server had reset two seconds before; and with other ports."""

from pathlib import Path

from written_cases import Talk, View, log_line, seen, write_case


def ended(port: int) -> Talk:
    """The server's program dies, and its host resets the connection."""
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.opening()
    talk.exchange(10, segments=1)
    talk.send(20, "R")
    return talk


def again(port: int) -> Talk:
    """Nothing listens yet. Each SYN is refused; the hop forgets the old entry after 10 s (CLOSE)."""
    talk = Talk(client=("10.0.0.5", port), next_seq=[9_000_001, 0], identification=600)
    for number, wait in enumerate((0, 1000, 3000, 7000, 15_000)):
        talk.send(2020 + wait, "S", client=True, again=0 if number else None)
        talk.send(2020.3 + wait, "RA")
    return talk


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/conntrack_port_reuse.py; "
    for kind, name, port, text in (
        (
            "positive",
            "written_two_seconds_later",
            40000,
            "the server reset the port's connection 2 s before.\n",
        ),
        ("near_miss", "written_another_port", 40007, "no earlier connection had the port.\n"),
    ):
        talks = [ended(40000), again(port)]
        lost = [s for s in talks[1].sent if s.from_server][:-1]
        drop = View(delay_ms=0.1, drop=lambda s, lost=lost: any(s is one for one in lost))
        write_case(
            folder / kind / name,
            {
                "1_wan0.pcap": seen(talks, View()),
                "2_lan0.pcap": seen(talks, drop),
                "dmesg.txt": "".join(log_line(s, reason="nf_ct_proto_6: invalid rst") for s in lost),
                "ORIGIN.md": origin + text,
            },
        )
