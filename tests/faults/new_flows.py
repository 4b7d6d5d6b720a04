"""Many short connections, of which some lose the first SYN: what hops leave behind that drop only first packets."""

from written_cases import Sent, Talk, View, seen


def _connection(number: int, *, again: bool) -> Talk:
    talk = Talk(client=("10.0.0.5", 40000 + number), timestamps=True)
    begin = 100 * number
    talk.send(begin, "S", client=True)
    if again:
        talk.send(begin + 1000, "S", client=True, again=0)
        begin += 1000
    talk.send(begin + 0.5, "SA")
    talk.send(begin + 1, "A", client=True)
    talk.exchange(begin + 10, segments=1)
    return talk


def _first_of_odd(sent: Sent) -> bool:
    """The first SYN of each second connection (by its port)."""
    return sent.number == 0 and sent.packet[21] % 2 == 1


def first_syns_lost() -> dict[str, bytes | str]:
    """Captures on both sides of a host that loses the first SYN of every second of six connections: three in all."""
    talks = [_connection(number, again=number % 2 == 1) for number in range(6)]
    return {
        "1_wan0.pcap": seen(talks, View(delay_ms=-0.1, drop=_first_of_odd)),
        "2_lan0.pcap": seen(talks, View()),
    }


def datapath(lost: int) -> str:
    """`ovs-appctl dpctl/show` of a switch that lost so many upcalls."""
    return f"system@ovs-system:\n  lookups: hit:8200 missed:1400 lost:{lost}\n  flows: 61\n  port 0: ovs-system (internal)\n"


def upcalls(current: int, limit: int) -> str:
    """`ovs-appctl upcall/show` of a switch with so many flows."""
    return (
        f"system@ovs-system:\n  flows         : (current {current}) (avg {current}) (max {current}) (limit {limit})\n"
        "  dump duration : 410ms\n  ufid enabled : true\n\n"
        f"  3: (keys {current})\n"
    )
