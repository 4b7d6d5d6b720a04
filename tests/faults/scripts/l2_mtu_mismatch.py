"""A veth pair with two MTUs, one of them with room for a VLAN tag; and the same step where all interfaces have one."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def download(passes: int) -> Talk:
    """One answer of `passes` bytes, then one of 1448 that never arrives."""
    talk = Talk()
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "PA", size=passes)
    talk.send(11.5, "A", client=True)
    talk.send(12, "A", size=1448)
    large = talk.sent[-1].number
    for at_ms in (220, 640, 1500, 3200):
        talk.send(at_ms, "A", size=1448, again=large)
    talk.send(5000, "FA", client=True, unheard=1448)
    return talk


def links(small: int) -> str:
    return "".join(
        f"{number}: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {mtu} qdisc noqueue master qbr0 state UP mode DEFAULT "
        f"group default qlen 1000\n    link/ether 02:00:00:00:00:0{number} brd ff:ff:ff:ff:ff:ff\n"
        for number, name, mtu in ((3, "qvb0", 1500), (4, "tap0", small))
    )


def captures(passes: int = 1300, most: int = 1400) -> dict[str, bytes | str]:
    talk = download(passes)
    return {
        "1_qvb0.pcap": seen([talk], View()),
        "2_tap0.pcap": seen([talk], View(delay_ms=0.02, drop=lambda s: len(s.packet) > most)),
    }


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/l2_mtu_mismatch.py; "
    write_case(
        folder / "positive" / "written_tap_1400",
        captures()
        | {
            "after/ip_link.txt": links(1400),
            "ORIGIN.md": origin + "the tap's MTU is 1400, the veth's 1500.\n",
        },
    )
    write_case(
        folder / "positive" / "written_room_for_a_tag",
        captures(passes=1364, most=1404)
        | {
            "after/ip_link.txt": links(1400),
            "ORIGIN.md": origin
            + "the kernel leaves room for a VLAN tag, so 1404 bytes pass an MTU of 1400.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_one_mtu",
        captures()
        | {"after/ip_link.txt": links(1500), "ORIGIN.md": origin + "the same step, and one MTU.\n"},
    )
