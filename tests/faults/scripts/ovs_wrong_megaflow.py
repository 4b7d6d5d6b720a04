"""A flow that the kernel refuses, so that its packets never pass; and a refused flow of other packets."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def _talks() -> list[Talk]:
    """A connection that opens, and one whose SYN is repeated unheard."""
    good, dead = (
        Talk(client=("10.0.0.5", 40000)),
        Talk(client=("10.0.0.5", 40001)),
    )
    good.opening()
    good.exchange(10)
    good.send(20, "FA")
    good.send(21, "A", client=True)
    good.send(7500, "FA", client=True)
    good.send(7501, "A")
    for number, at_ms in enumerate((0, 1000, 3000, 7000)):
        dead.send(at_ms, "S", client=True, **({"again": 0} if number else {}))
    return [good, dead]


def _log(port: int) -> str:
    return (
        "2023-11-14T22:13:19.100Z|00061|bridge|INFO|ovs-vswitchd (Open vSwitch) 2.8.1\n"
        "2023-11-14T22:13:20.100Z|00062|dpif(handler3)|WARN|system@ovs-system: failed to put[create] (Invalid argument)"
        " ufid:5f3f1bd2-1e14-4f0c-8a57-1f5f6a4b3c21 recirc_id(0),in_port(3),eth_type(0x0800),"
        f"ipv4(src=10.0.0.5,dst=192.0.2.80,proto=6,tos=0/0x3,frag=no),tcp(src={port},dst=443),"
        " actions:set(tunnel(tun_id=0x5,dst=198.51.100.7)),2\n"
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ovs_wrong_megaflow.py; "
    captures: dict[str, bytes | str] = {
        "1_wan0.pcap": seen(
            _talks(), View(delay_ms=-0.1, drop=lambda s: s.flags == "S" and s.packet[21] == 0x41)
        ),
        "2_lan0.pcap": seen(_talks(), View()),
    }
    write_case(
        folder / "positive" / "written_flow_refused",
        captures
        | {
            "after/compute/ovs-vswitchd.log": _log(40001),
            "after/compute/uname.txt": "Linux compute 3.10.0-693.2.2.el7.x86_64 #1 SMP x86_64 GNU/Linux\n",
            "ORIGIN.md": origin + "the kernel refuses the flow of one connection; every SYN of it is lost.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_another_flow_refused",
        captures
        | {
            "after/compute/ovs-vswitchd.log": _log(40002),
            "ORIGIN.md": origin + "the same loss, and the refused flow is of another connection.\n",
        },
    )
