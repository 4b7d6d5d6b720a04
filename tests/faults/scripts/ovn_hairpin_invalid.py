"""A floating address asked from behind the same router: lost where the flow asks twice, in one zone; and in another zone."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case

FLOATING, OWN = ("172.18.2.11", 80), ("192.168.100.6", 80)
LOST = (100, 1100, 3100, 7100)


def talks() -> list[Talk]:
    """A page by the own address, and SYNs that nobody answers."""
    good, dead = (
        Talk(client=("192.168.100.5", 40000), server=OWN),
        Talk(client=("192.168.100.5", 40001), server=FLOATING),
    )
    good.opening()
    good.exchange(10)
    for number, at_ms in enumerate(LOST):
        dead.send(at_ms, "S", client=True, again=0 if number else None)
    good.exchange(7500)
    good.send(7520, "FA")
    good.send(7521, "FA", client=True)
    good.send(7522, "A")
    return [good, dead]


def flows(zone: int, hits: int) -> str:
    """The flow of the kernel's commit message, and the one behind it; `zone`: that of the second ct()."""
    return (
        "$ ovs-appctl dpctl/dump-flows\n"
        "recirc_id(0),in_port(3),eth(src=fa:16:3e:00:00:05,dst=fa:16:3e:00:00:01),eth_type(0x0800),"
        f"ipv4(src=192.168.100.5,dst=172.18.2.11,proto=6,ttl=64,frag=no), packets:{hits}, bytes:{74 * hits}, used:0.4s, "
        "flags:S, actions:ct(commit,zone=8,mark=0/0x1,nat(src)),"
        "set(eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:06)),"
        f"set(ipv4(src=172.18.2.10,dst=192.168.100.6,ttl=62)),ct(zone={zone}),recirc(0x4)\n"
        "ct_state(+inv+trk),recirc_id(0x4),in_port(3),eth(),eth_type(0x0800),ipv4(frag=no), "
        f"packets:{hits}, bytes:{74 * hits}, used:0.4s, flags:S, actions:drop\n"
    )


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ovn_hairpin_invalid.py; "
    captures: dict[str, bytes | str] = {
        "1_far.pcap": seen(
            talks(),
            View(
                delay_ms=-0.1,
                drop=lambda s: (
                    s.flags == "S" and s.at_ms in LOST and s.packet[16:20] == bytes([172, 18, 2, 11])
                ),
            ),
        ),
        "2_tap.pcap": seen(talks(), View()),
    }
    for name, kernel, zone, why in (
        ("positive/written_floating_address", "5.15.0-25-generic", 8, "the flow asks zone 8 twice, and the one behind it drops"),
        ("near_miss/written_two_zones", "5.15.0-25-generic", 9, "the second ct() asks another zone, which remembers nothing"),
        ("near_miss/written_newer_kernel", "6.1.0-18-amd64", 8, "the same flows, on a kernel that forgets"),
    ):  # fmt: skip
        write_case(
            folder / name,
            captures
            | {
                "after/compute/dump-flows.txt": flows(zone, len(LOST)),
                "after/compute/uname.txt": f"Linux compute {kernel} #1 SMP x86_64 GNU/Linux\n",
                "ORIGIN.md": f"{origin}{why}.\n",
            },
        )
