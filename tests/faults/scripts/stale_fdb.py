"""A bridge whose table points to the wrong port; and one whose table is right while frames are lost."""

from pathlib import Path

from written_cases import Sent, Talk, View, seen, write_case

CLIENT, SERVER = bytes.fromhex("0200000000c1"), bytes.fromhex("020000000051")


def talk() -> Talk:
    made = Talk(timestamps=True)
    made.opening()
    made.exchange(10)
    made.send(100, "PA", size=150)
    first = made.sent[-1].number
    for at_ms in (300, 700, 1500, 3100):
        made.send(at_ms, "PA", size=150, again=first)
    made.send(5000, "FA", client=True, unheard=150)
    return made


def links() -> str:
    return "".join(
        f"{number}: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP mode DEFAULT group "
        f"default qlen 1000\n    link/ether 02:00:00:00:01:0{number} brd ff:ff:ff:ff:ff:ff\n"
        for number, name in ((3, "port1"), (4, "port2"), (5, "port3"))
    )


def fdb(port: str) -> str:
    return (
        f"02:00:00:00:00:c1 dev {port} master br0 sticky static\n02:00:00:00:00:51 dev port1 master br0 \n"
        "33:33:00:00:00:01 dev port1 self permanent\n02:00:00:00:01:03 dev port1 master br0 permanent\n"
    )


def captures() -> dict[str, bytes | str]:
    def macs(sent: Sent) -> tuple[bytes, bytes]:
        return (CLIENT, SERVER) if sent.from_client else (SERVER, CLIENT)

    made = talk()
    astray = View(delay_ms=0.05, macs=macs, drop=lambda s: s.from_server and s.at_ms >= 100)
    return {"1_port1.pcap": seen([made], View(macs=macs)), "2_port2.pcap": seen([made], astray)}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/stale_fdb.py; "
    write_case(
        folder / "positive" / "written_sticky_entry",
        captures()
        | {"mid/bridge_fdb.txt": fdb("port3"), "after/ip_link.txt": links()}
        | {"ORIGIN.md": origin + "a sticky entry sends the client's frames to port3.\n"},
    )
    write_case(
        folder / "near_miss" / "written_right_port",
        captures()
        | {"mid/bridge_fdb.txt": fdb("port2"), "after/ip_link.txt": links()}
        | {"ORIGIN.md": origin + "the table is right; the frames are lost for another reason.\n"},
    )
