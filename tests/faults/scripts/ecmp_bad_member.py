"""Two next hops of which one is dead; and losses that spare no connection."""

from pathlib import Path

from written_cases import Talk, View, seen, write_case


def connection(number: int, *, dead: bool) -> Talk:
    """`dead`: nothing of the client arrives, and its SYN is repeated."""
    talk = Talk(client=("10.0.0.5", 40000 + number), timestamps=True)
    begin = 40 * number
    if dead:
        talk.send(begin, "S", client=True)
        for wait in (1000, 3000):
            talk.send(begin + wait, "S", client=True, again=0)
        return talk
    talk.send(begin, "S", client=True)
    talk.send(begin + 0.5, "SA")
    talk.send(begin + 1, "A", client=True)
    talk.exchange(begin + 10, segments=1)
    talk.exchange(begin + 4000, segments=1)
    return talk


def routes(hops: int) -> str:
    ways = "".join(f"\tnexthop via 192.0.2.{hop} dev eth{hop} weight 1 \n" for hop in range(1, hops + 1))
    return f"default \n{ways}10.0.0.0/24 dev lan0 proto kernel scope link src 10.0.0.1 \n"


def write(folder: Path) -> None:
    origin = "Written: tests/faults/scripts/ecmp_bad_member.py; "
    dead = {1, 4, 5, 8}
    talks = [connection(number, dead=number in dead) for number in range(10)]
    gone = {talk.client for number, talk in enumerate(talks) if number in dead}

    def drop(sent: object) -> bool:
        packet = sent.packet  # type: ignore[attr-defined]
        return ("10.0.0.5", int.from_bytes(packet[20:22], "big")) in gone and packet[12:16] == bytes(
            (10, 0, 0, 5)
        )

    write_case(
        folder / "positive" / "written_one_of_two_dead",
        {
            "1_wan.pcap": seen(talks, View(delay_ms=-0.1, drop=drop)),
            "2_lan0.pcap": seen(talks, View()),
            "after/router/ip_route.txt": routes(2),
            "ORIGIN.md": origin + "four of ten connections lose everything; the route has two next hops.\n",
        },
    )
    write_case(
        folder / "near_miss" / "written_one_next_hop",
        {
            "1_wan.pcap": seen(talks, View(delay_ms=-0.1, drop=drop)),
            "2_lan0.pcap": seen(talks, View()),
            "after/router/ip_route.txt": routes(1).replace("default \n\tnexthop", "default"),
            "ORIGIN.md": origin + "the same connections fail; the route has one next hop.\n",
        },
    )
