"""Packets damaged on a link, which a container takes; and the same where it verifies."""

from pathlib import Path

from written_cases import Sent, Talk, View, seen, write_case

ORIGIN = "Written: tests/faults/scripts/veth_checksum_bypass.py; "
LINKS = (
    "2: eth0: <BROADCAST,UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000\n"
    "    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
    "3: veth1a2b: <BROADCAST,UP> mtu 1500 qdisc pfifo_fast state UP mode DEFAULT group default qlen 1000\n"
    "    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff promiscuity 0\n    veth addrgenmode eui64\n"
)
DAMAGED = (7, 9)
"""Segments of the answer."""


def talk(*, taken: bool) -> Talk:
    """An answer in six segments; `taken`: all are acknowledged, else the damaged ones are sent again and again."""
    made = Talk(timestamps=True)
    made.opening()
    made.send(10, "PA", client=True, size=200)
    made.send(11, "A")
    for part in range(6):
        made.send(12 + part, "PA", size=1000)
        if taken or part < 1:
            made.send(12.5 + part, "A", client=True)
        else:
            made.send(12.5 + part, "A", client=True, unheard=1000 * part)
    if not taken:
        for at_ms in (220, 640, 1500, 3200):
            made.send(at_ms, "PA", size=1000, again=DAMAGED[0])
    made.send(5000, "FA", client=True, unheard=0 if taken else 5000)
    return made


def damaged(sent: Sent) -> bytes:
    """Two bits of the payload changed."""
    if sent.number not in DAMAGED and not (sent.at_ms > 200 and sent.from_server):
        return sent.packet
    return sent.packet[:-1] + bytes((sent.packet[-1] ^ 0x42,))


def nstat(wrong: int) -> str:
    return f"#kernel\nTcpInSegs                       400                0.0\nTcpInCsumErrors                 {wrong}                  0.0\n"


def case(made: Talk, wrong: int) -> dict[str, bytes | str]:
    return {
        "1_mirror.pcap": seen([made], View()),
        "2_eth0.pcap": seen([made], View(delay_ms=0.1, change=damaged)),
        "3_veth1a2b.pcap": seen([made], View(delay_ms=0.2, change=damaged)),
        "before/ip_-d_link.txt": LINKS,
        "before/nstat.txt": nstat(3),
        "after/nstat.txt": nstat(3 + wrong),
        "uname.txt": "Linux node7 3.13.0-74-generic #118-Ubuntu SMP x86_64 GNU/Linux\n",
    }


def write(folder: Path) -> None:
    write_case(
        folder / "positive" / "written_taken",
        case(talk(taken=True), 0)
        | {
            "ORIGIN.md": ORIGIN
            + "two segments are right on the switch and wrong at the host and its container, which takes them "
            "without counting an error.\n"
        },
    )
    write_case(
        folder / "near_miss" / "written_verified",
        case(talk(taken=False), 6)
        | {"ORIGIN.md": ORIGIN + "the same damage, and the receiver drops it.\nTruth: packet_corruption\n"},
    )
