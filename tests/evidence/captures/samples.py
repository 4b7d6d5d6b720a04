"""One packet of every encapsulation the reader knows, all around the same segment."""

import packet_writer as w

SRC, DST, SRC6, DST6 = "10.1.0.1", "10.1.0.2", "2001:db8::1", "2001:db8::2"
OUTER = ("192.0.2.1", "192.0.2.2")
OUTER6 = ("2001:db8:ff::1", "2001:db8:ff::2")

SEGMENT = w.tcp(
    40000, 443, seq=0xFFFFFFF0, ack=77, flags="PA", window=501, options=w.timestamps(1, 2), data=b"x" * 40
)
V4 = w.ipv4(SRC, DST, SEGMENT, identification=4242)
V6 = w.ipv6(SRC6, DST6, SEGMENT, flow_label=4242)
FRAME = w.ethernet(V4)
LARGE = w.tcp(40000, 443, seq=5, ack=77, flags="PA", window=501, data=b"x" * 100_000)
"""What BIG TCP hands to the card at once: more than 16 bits of length can tell."""


def carried(payload: w.Payload) -> bytes:
    """The tunnel's payload between two IPv4 hosts, as an Ethernet frame."""
    return w.ethernet(w.ipv4(*OUTER, payload, identification=9))


def nested(tunnel: str, *, depth: int) -> bytes:
    """`V4` as an IPv4 packet inside that many tunnels of one kind: "gre", "ipip" or "gtpu"."""
    packet = V4
    for number in range(depth):
        inside = {"gre": w.gre, "ipip": w.ip_in_ip, "gtpu": lambda inner: w.gtpu(inner, teid=1)}[tunnel](
            packet
        )
        packet = w.ipv4(*OUTER, inside, identification=number)
    return packet


def jumbogram(*, said: int | None = None, payload: w.Payload = LARGE) -> bytes:
    """An IPv6 packet whose length stands in the jumbo payload option (RFC 2675); `said`: another length there."""
    length = len(payload.data) + 8 if said is None else said
    option = bytes((0, 0, 0xC2, 4)) + length.to_bytes(4)
    return w.ipv6(SRC6, DST6, payload, flow_label=4242, extensions=[(0, option)], payload_length=0)


ETHERNET_FRAMES: dict[str, bytes] = {
    "plain": FRAME,
    "ipv6": w.ethernet(V6),
    "ipv4 options": w.ethernet(w.ipv4(SRC, DST, SEGMENT, identification=4242, options=b"\x94\x04\0\0")),
    "ipv6 extensions": w.ethernet(
        w.ipv6(SRC6, DST6, SEGMENT, flow_label=4242, extensions=[(0, w.extension()), (60, w.extension(2))])
    ),
    "ah": w.ethernet(w.ipv4(SRC, DST, w.authentication(SRC, DST, SEGMENT), identification=4242)),
    "ah in ah": w.ethernet(
        w.ipv4(
            SRC,
            DST,
            w.authentication(SRC, DST, w.authentication(SRC, DST, SEGMENT)),
            identification=4242,
            options=b"\x94\x04\0\0",
        )
    ),
    "ah ipv6": w.ethernet(
        w.ipv6(
            SRC6, DST6, w.authentication(SRC6, DST6, SEGMENT, icv_bytes=20), extensions=[(60, w.extension())]
        )
    ),
    "ah around a tunnel": carried(w.authentication(*OUTER, w.ip_in_ip(V4))),
    "ah around gre": carried(w.authentication(*OUTER, w.gre(V4, key=42), icv_bytes=32)),
    "vlan": w.ethernet(V4, tags=[(0x8100, 12)]),
    "qinq": w.ethernet(V6, tags=[(0x88A8, 12), (0x8100, 13)]),
    "vn-tag": w.ethernet(b"\x80\x01\x00\x02\x08\x00" + V4, kind=0x8926),
    "snap": w.ethernet_snap(V4),
    "trailer": w.ethernet(V4, trailer=b"\1\2\3\4"),
    "mpls": w.ethernet(w.mpls(V4, 16, 17), kind=0x8847),
    "pppoe": w.ethernet(w.pppoe(V4), kind=0x8864),
    "pppoe vlan": w.ethernet(w.pppoe(V6), kind=0x8864, tags=[(0x8100, 4)]),
    "802.1ah": w.ethernet(w.provider_backbone(FRAME), kind=0x88E7),
    "geneve": carried(w.geneve(FRAME, vni=42)),
    "geneve options": carried(w.geneve(FRAME, vni=42, options=bytes.fromhex("0102800100020003"))),
    "geneve ip": carried(w.geneve(V4, vni=42, kind=0x0800)),
    "geneve over v6": w.ethernet(w.ipv6(*OUTER6, w.geneve(FRAME, vni=42))),
    "vxlan": carried(w.vxlan(FRAME, vni=42)),
    "vxlan linux": carried(w.vxlan(FRAME, vni=42, port=8472)),
    "vxlan-gpe": carried(w.vxlan_gpe(V4, vni=42)),
    "gre": carried(w.gre(V4)),
    "gre full": carried(w.gre(V4, key=42, sequence=3, checksum=True)),
    "gre ethernet": carried(w.gre(w.ethernet(V6), kind=0x6558, key=42)),
    "gre mpls": carried(w.gre(w.mpls(V4, 16), kind=0x8847)),
    "erspan 2": carried(w.erspan2(FRAME, session=42)),
    "erspan 3": carried(w.erspan3(FRAME, session=42)),
    "erspan 3 platform": carried(w.erspan3(FRAME, session=42, platform=True)),
    "ipip": carried(w.ip_in_ip(V4)),
    "sit": carried(w.ip_in_ip(V6)),
    "ip6 in ip6": w.ethernet(w.ipv6(*OUTER6, w.ip_in_ip(V6))),
    "gtpu": carried(w.gtpu(V4, teid=42)),
    "gtpu sequence": carried(w.gtpu(V4, teid=42, sequence=258)),
    "gtpu extension": carried(w.gtpu(V4, teid=42, extensions=[(0x85, b"\0\0")])),
    "nested": carried(w.geneve(carried(w.vxlan(carried(w.gre(V4)), vni=1)), vni=2)),
    "nested 4": carried(
        w.geneve(carried(w.vxlan(carried(w.gtpu(nested("gre", depth=1), teid=3)), vni=1)), vni=2)
    ),
}

LARGE_FRAMES: dict[str, bytes] = {
    "jumbogram": w.ethernet(jumbogram()),
    "jumbogram with a trailer": w.ethernet(jumbogram(), trailer=b"\1\2\3\4"),
    "ipv4 without a length": w.ethernet(w.ipv4(SRC, DST, LARGE, identification=4242, total_length=0)),
}

OTHER_LINKS: dict[str, tuple[int, bytes]] = {
    "null": (0, w.null(V4)),
    "ppp": (9, w.ppp(V4)),
    "ppp short": (9, w.ppp(V6, address=False, short=True)),
    "ppp hdlc": (50, w.ppp(V4)),
    "cisco hdlc": (50, b"\x0f\0\x08\0" + V4),
    "ppp ethernet": (51, w.pppoe(V4)),
    "raw": (101, V4),
    "raw6": (101, V6),
    "wifi": (105, w.wifi(V4)),
    "wifi qos": (105, w.wifi(V6, qos=True)),
    "wifi four addresses": (105, w.wifi(V4, four_addresses=True, qos=True)),
    "loop": (108, w.null(V4, big_endian=True)),
    "cooked": (113, w.sll(V4)),
    "radiotap": (127, w.radiotap(w.wifi(V4), length=24)),
    "ipv4": (228, V4),
    "ipv6": (229, V6),
    "nflog": (239, w.nflog(V4)),
    "pflog": (117, w.pflog(V4)),
    "cooked 2": (276, w.sll2(V6)),
}
