"""Pods of two hosts whose tunnel goes over virtual cards: undone inner checksums arrive, vanish, or are done."""

from pathlib import Path

import packet_writer as w
from written_cases import Sent, Talk, View, seen, write_case

ORIGIN = "Written: tests/faults/scripts/vmxnet3_tunnel_checksum.py; "
CLIENT, SERVER = "10.244.1.5", "10.244.2.7"


def talks(*, answered: bool) -> list[Talk]:
    """SYNs of a pod, the checksum left to the card; pings before, between and after."""
    talk = Talk(client=(CLIENT, 40000), server=(SERVER, 8080), timestamps=True)
    if answered:
        for at_ms, flags, client, size in (
            (0, "S", True, 0), (0.5, "SA", False, 0), (1, "A", True, 0), (10, "PA", True, 150), (11, "A", False, 0),
            (12, "PA", False, 900), (13, "A", True, 0), (20, "FA", False, 0), (21, "FA", True, 0), (22, "A", False, 0),
        ):  # fmt: skip
            talk.send(at_ms, flags, client=client, size=size, checksum="partial")
    else:
        talk.send(0, "S", client=True, checksum="partial")
        for at_ms in (1000, 3000, 7000):
            talk.send(at_ms, "S", client=True, again=0, checksum="partial")
    pings = Talk(client=(CLIENT, 0), server=(SERVER, 0))
    for number, at_ms in enumerate((-500, 500, 2000, 8000)):
        for client in (True, False):
            source, target = (CLIENT, SERVER) if client else (SERVER, CLIENT)
            echo = w.icmp(8 if client else 0, rest=bytes((0, 9, 0, number)), data=b"x" * 48)
            packet = w.ipv4(source, target, echo, identification=900 + number + 100 * client)
            pings.raw(at_ms + (0 if client else 0.4), packet, client=client)
    return [talk, pings]


def done(sent: Sent) -> bytes:
    """The packet as its sender meant it, its checksum filled in."""
    packet = sent.packet
    if packet[9] != 6:
        return packet
    segment = packet[20:36] + bytes(2) + packet[38:]
    pseudo = packet[12:20] + bytes((0, 6)) + len(segment).to_bytes(2, "big")
    return packet[:36] + (~w.ones_sum(pseudo + segment) & 0xFFFF).to_bytes(2, "big") + packet[38:]


def tunnelled(packet: bytes, sent: Sent) -> bytes:
    ends = ("198.51.100.1", "198.51.100.2")
    source, target = ends if sent.from_client else ends[::-1]
    identification = int.from_bytes(packet[4:6], "big")
    return w.ipv4(source, target, w.vxlan(w.ethernet(packet), vni=1), identification=identification)


def as_sent(sent: Sent) -> bytes:
    return tunnelled(sent.packet, sent)


def filled(sent: Sent) -> bytes:
    return tunnelled(done(sent), sent)


def is_undone(sent: Sent) -> bool:
    return sent.packet[9] == 6 and sent.packet[12:14] == b"\x0a\xf4"


def addresses(last: int) -> str:
    return (
        f"2: eth0: <BROADCAST,UP> mtu 1500 qdisc mq state UP\n    link/ether 00:50:56:00:00:0{last} brd ff:ff:ff:ff:ff:ff\n"
        f"    inet 198.51.100.{last}/24 brd 198.51.100.255 scope global eth0\n"
        f"5: veth{last}: <BROADCAST,UP> mtu 1450 qdisc noqueue state UP\n"
        f"    link/ether 02:00:00:00:00:0{last} brd ff:ff:ff:ff:ff:ff\n"
    )


def driver(name: str) -> str:
    return f"$ ethtool -i eth0\ndriver: {name}\nversion: 1.7.0.0-k-NAPI\nfirmware-version: \nbus-info: 0000:0b:00.0\n"


def features(value: str) -> str:
    return (
        "$ ethtool -k eth0\nFeatures for eth0:\nrx-checksumming: on\ntx-checksumming: on\n"
        f"tx-udp_tnl-segmentation: {value}\ntx-udp_tnl-csum-segmentation: {value}\n"
    )


def nstat(wrong: int) -> str:
    return f"#kernel\nTcpInSegs                       400                0.0\nTcpInCsumErrors                 {wrong}                  0.0\n"


def hosts(wrong: int) -> dict[str, bytes | str]:
    return {
        "before/node1/ip_addr.txt": addresses(1),
        "before/node1/ethtool_-i_eth0.txt": driver("vmxnet3"),
        "before/node1/ethtool_-k_eth0.txt": features("on"),
        "before/node2/ip_addr.txt": addresses(2),
        "before/node2/nstat.txt": nstat(0),
        "after/node2/nstat.txt": nstat(wrong),
    }


def arriving() -> dict[str, bytes | str]:
    """At the other host the inner checksum is still undone; the pod gets it so."""
    made = talks(answered=False)
    return {
        "node2_veth2.pcap": seen(made, View(delay_ms=-0.3)),
        "node2_eth0.pcap": seen(made, View(delay_ms=-0.2, change=as_sent)),
        "node1_eth0.pcap": seen(made, View(change=as_sent)),
    }


def api() -> Talk:
    """A connection between the hosts themselves, which needs no tunnel."""
    talk = Talk(client=("198.51.100.1", 50000), server=("198.51.100.2", 6443), timestamps=True)
    talk.opening()
    for at_ms in (10, 1500, 4000, 8500):
        talk.exchange(at_ms)
    return talk


def or_plain(sent: Sent) -> bytes:
    return sent.packet if sent.packet[12:14] == b"\xc6\x33" else as_sent(sent)


def vanishing() -> dict[str, bytes | str]:
    """What leaves the one virtual card never comes to the other."""
    made = [*talks(answered=False), api()]
    return {
        "node2_eth0.pcap": seen(made, View(delay_ms=-0.2, change=or_plain, drop=is_undone)),
        "node1_eth0.pcap": seen(made, View(change=or_plain)),
    }


def write(folder: Path) -> None:
    write_case(
        folder / "positive" / "written_undone_at_the_peer",
        arriving()
        | hosts(4)
        | {
            "ORIGIN.md": ORIGIN
            + "SYNs between pods arrive in the tunnel without their inner checksum; pings work.\n"
        },
    )
    write_case(
        folder / "positive" / "written_vanish_between_cards",
        vanishing()
        | hosts(0)
        | {"ORIGIN.md": ORIGIN + "the same SYNs never come out of the other virtual card; pings work.\n"},
    )
    made = talks(answered=True)
    write_case(
        folder / "near_miss" / "written_done_by_the_card",
        {
            "node2_veth2.pcap": seen(made, View(delay_ms=-0.3, change=done)),
            "node2_eth0.pcap": seen(made, View(delay_ms=-0.2, change=filled)),
            "node1_eth0.pcap": seen(made, View(change=as_sent)),
        }
        | hosts(0)
        | {
            "ORIGIN.md": ORIGIN
            + "the same card does its part: checksums are undone where they are sent, and right elsewhere.\n"
        },
    )
