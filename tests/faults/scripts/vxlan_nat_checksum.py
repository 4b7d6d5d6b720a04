"""Six SYNs inside a tunnel whose outer checksum is wrong; and the same loss with a checksum of 0."""

from dataclasses import replace
from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case


def _talks() -> list[Talk]:
    """A connection between pods that opens at once, and one whose seventh SYN is answered."""
    pod = Talk(client=("10.244.1.5", 39999), server=("10.244.2.7", 8080), timestamps=True)
    pod.opening()
    pod.exchange(10)
    talk = Talk(client=("10.244.1.5", 40000), server=("10.244.2.7", 8080), timestamps=True)
    talk.send(0, "S", client=True)
    for at_ms in (1000, 3000, 7000, 15000, 31000, 63000):
        talk.send(at_ms, "S", client=True, again=0)
    talk.send(63000.5, "SA")
    talk.send(63001, "A", client=True)
    talk.exchange(63010)
    return [pod, talk]


def _lost(sent: Sent) -> bool:
    return sent.number < 6


def _tunnelled(sent: Sent, *, wrong: bool) -> bytes:
    ends = ("198.51.100.1", "198.51.100.2")
    source, target = ends if sent.from_client else ends[::-1]
    payload = w.vxlan(w.ethernet(sent.packet), vni=1, port=8472)
    payload = replace(payload, checksum="wrong") if wrong and _lost(sent) else payload
    return w.ipv4(source, target, payload, identification=sent.packet[21] * 100 + sent.number)


def _captures(*, wrong: bool) -> dict[str, bytes | str]:
    return {
        "1_peer_flannel.pcap": seen(_talks(), View(delay_ms=-0.2, drop=_lost)),
        "2_node_eth0.pcap": seen(_talks(), View(change=lambda sent: _tunnelled(sent, wrong=wrong))),
    }


def _nstat(wrong: int) -> str:
    return f"#kernel\nUdpInDatagrams                  400                0.0\nUdpInCsumErrors                 {wrong}                  0.0\n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/vxlan_nat_checksum.py; "
    write_case(
        folder / "positive" / "written_seventh_syn_passes",
        _captures(wrong=True)
        | {
            "before/peer/nstat.txt": _nstat(3),
            "after/peer/nstat.txt": _nstat(9),
            "ORIGIN.md": origin + "six SYNs have a wrong outer checksum, and the peer counts them.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_without_checksum",
        _captures(wrong=False)
        | {
            "before/peer/nstat.txt": _nstat(3),
            "after/peer/nstat.txt": _nstat(3),
            "ORIGIN.md": origin + "the same SYNs are lost, and the outer checksum is 0.\n",
        },
    )
