"""A failover address that the switch does not let out of the port; and a rule about the destination."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def blocked() -> Talk:
    """A guest that sends with an address the port was not given."""
    talk = Talk(client=("10.0.0.99", 40000), timestamps=True)
    talk.send(0, "S", client=True)
    for wait in (1000, 3000, 7000):
        talk.send(wait, "S", client=True, again=0)
    return talk


def allowed() -> Talk:
    talk = Talk(client=("10.0.0.5", 41000), timestamps=True)
    talk.opening()
    talk.exchange(500, segments=1)
    talk.exchange(8000, segments=1)
    return talk


def rules(dropped: int, match: str) -> str:
    return (
        "table ip filter {\n\tchain guard {\n\t\ttype filter hook forward priority filter; policy accept;\n"
        f"\t\t{match} counter packets {dropped} bytes {dropped * 60} drop\n\t}}\n}}\n"
    )


def captures() -> dict[str, bytes | str]:
    talks = [blocked(), allowed()]
    drop = View(delay_ms=-0.1, drop=lambda s: s.packet[12:16] == bytes((10, 0, 0, 99)))
    return {"1_br_int.pcap": seen(talks, drop), "2_tap0.pcap": seen(talks, View())}


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/port_security.py; "
    for kind, name, match, text in (
        (
            "positive",
            "written_failover_address",
            'iifname "tap0" ip saddr != 10.0.0.5',
            "a source that is not the port's.\n",
        ),
        (
            "near_miss",
            "written_destination_rule",
            "ip daddr 192.0.2.80",
            "a rule about the destination.\nTruth: firewall_deny\n",
        ),
    ):
        write_case(
            folder / kind / name,
            captures()
            | {
                "before/nft.txt": rules(0, match),
                "after/nft.txt": rules(4, match),
                "ORIGIN.md": origin + text,
            },
        )
