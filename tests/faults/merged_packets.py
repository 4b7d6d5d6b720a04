"""A transfer whose segments a router's card merges: what single ones do, passes, and what was merged is lost."""

import packet_writer as w
from written_cases import Talk, View, seen

SEGMENT = 1448
LRO = (
    "$ ethtool -k eth0\nFeatures for eth0:\ntcp-segmentation-offload: on\ngeneric-segmentation-offload: on\n"
    "generic-receive-offload: on\nlarge-receive-offload: on\n"
)
GRO = LRO.replace("large-receive-offload: on", "large-receive-offload: off")
ADDRESSES = (
    "2: eth0: <UP> mtu 1500 qdisc mq state UP\n    inet 192.0.2.1/24 scope global eth0\n"
    "3: eth1: <UP> mtu 1500 qdisc mq state UP\n    inet 10.0.0.1/24 scope global eth1\n"
)
BURSTS = (12, 1700, 3400, 5200)


def transfer(*, merged: bool, opening: bool = True, behind: bool = False) -> Talk:
    """Bursts of three segments, which a card makes one; each is sent again one by one when a timer says so.

    `behind`: as the router has sent them on, with one hop less to go.
    """
    near, far = (64, 63) if behind else (63, 64)
    talk = Talk(timestamps=True)
    if opening:
        modern = w.mss(1460) + w.sack_permitted() + w.window_scale(7)
        talk.send(0, "S", client=True, options=modern, ttl=near)
        talk.send(0.5, "SA", options=modern, ttl=far)
        talk.send(1, "A", client=True, ttl=near)
    talk.send(10, "PA", client=True, size=150, ttl=near)
    for at_ms in BURSTS:
        first = talk.next_seq[1]
        if merged:
            talk.send(at_ms, "A", size=3 * SEGMENT, ttl=far)
            talk.identification += 2  # those of the segments in it
        else:
            for part in range(3):
                talk.send(at_ms + part / 100, "A", size=SEGMENT, ttl=far)
        for part in range(3):
            talk.next_seq[1] = first + part * SEGMENT
            talk.identification += 100
            talk.send(at_ms + 1210 + 20 * part, "A", size=SEGMENT, ttl=far)
            talk.send(at_ms + 1211 + 20 * part, "A", client=True, ttl=near)
    talk.send(7000, "FA", ttl=far)
    talk.send(7001, "FA", client=True, ttl=near)
    talk.send(7002, "A", ttl=far)
    return talk


def captures(*, small: bool = False, wire: bool = True, opening: bool = True) -> dict[str, bytes | str]:
    """The wire, where the router receives, and where it sends; `small`: its card merges nothing, and loses as much."""
    in_bursts = {at_ms + part / 100 for at_ms in BURSTS for part in range(3)}
    inside, behind = (transfer(merged=not small, opening=opening, behind=sent) for sent in (False, True))
    files: dict[str, bytes | str] = {
        "2_router_eth0.pcap": seen([inside], View(delay_ms=0.1)),
        "3_router_eth1.pcap": seen(
            [behind], View(delay_ms=0.2, drop=lambda sent: sent.from_server and sent.at_ms in in_bursts)
        ),
        "after/router/ip_addr.txt": ADDRESSES,
    }
    if wire:
        files["1_wire.pcap"] = seen([transfer(merged=False, opening=opening)], View())
    return files
