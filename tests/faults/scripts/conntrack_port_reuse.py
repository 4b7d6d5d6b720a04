"""A SYN with the ports of a connection closed 20 s before; and one with other ports."""

from pathlib import Path

from written_cases import Talk, View, log_line, seen, write_case


def closed(port: int) -> Talk:
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.opening()
    talk.exchange(10, segments=1)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    return talk


def again(port: int) -> Talk:
    """Its first two SYNs are lost."""
    talk = Talk(
        client=("10.0.0.5", port), timestamps=True, next_seq=[9_000_001, 8_000_001], identification=600
    )
    talk.send(20_000, "S", client=True)
    for wait in (1000, 3000):
        talk.send(20_000 + wait, "S", client=True, again=0)
    talk.send(23_000.5, "SA")
    talk.send(23_001, "A", client=True)
    talk.exchange(23_010, segments=1)
    return talk


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/conntrack_port_reuse.py; "
    for kind, name, port, text in (
        ("positive", "written_twenty_seconds_later", 40000, "the port was used 20 s before.\n"),
        ("near_miss", "written_another_port", 40007, "no earlier connection had the port.\n"),
    ):
        talks = [closed(40000), again(port)]
        lost = [s for s in talks[1].sent if s.flags == "S"][:2]
        reason = "nf_ct_proto_6: invalid packet ignored in state TIME_WAIT"
        drop = View(delay_ms=-0.1, drop=lambda s, lost=lost: any(s is one for one in lost))
        write_case(
            folder / kind / name,
            {
                "1_wan0.pcap": seen(talks, drop),
                "2_lan0.pcap": seen(talks, View()),
                "dmesg.txt": "".join(log_line(s, reason=reason) for s in lost),
                "ORIGIN.md": origin + text,
            },
        )
