"""What a kernel message is about: the known texts of all kernel generations at once, whichever log they stand in.

A log does not say which kernel wrote it, so every wording is tried. Source: the kernel's own format strings in
net/netfilter, net/ipv4, net/ipv6, net/core, net/sched, net/bridge, net/openvswitch, drivers/net and mm, 2.6.32 to
6.12. What drivers say of their links differs from driver to driver; the commonest shapes are known.
"""

import re
from typing import Final

from lastseen.evidence.nf_log import endpoint_of, packet_of
from lastseen.tables.facts_from_texts import LoggedPacket

__all__ = ["TOPIC_WORD", "about", "logged"]

_PROTO_UDP: Final = 17
_PACKET_STARTS = re.compile(r"(?:I(?<!\SI)N|S(?<!\SS)RC)=")
"""The word IN= or SRC=. It begins with its letters, as a search for those is ten times as fast as one for blanks."""
_INNER_PREFIX = re.compile(r"^nf_ct_[a-z]{2,8}: ")
_DEV = r"\S{1,64}"
_NIC = rf"(?!SATA |PCIe |Slot){_DEV}(?: NIC(?: Copper| SerDes| Fibre)?)?"
"""What a driver calls its interface; disks and slots have links too."""
_DRIVER = rf"^(?:{_DEV}: |\S{{1,16}} [0-9a-f:.]{{7,16}} ){{0,2}}?"
_BOND = r"\S{1,64}(?:: \(slave \S{1,64}\)|: \w{1,64} \S{1,64})?"
_TOPICS = tuple(
    (topic, re.compile(pattern))
    for topic, pattern in (
        (
            "conntrack_invalid",
            r"^nf_ct_(?:tcp|udp|udplite|icmp|icmpv6|dccp|sctp|gre|proto_[0-9]{1,3}): (?P<reason>.*)",
        ),
        ("conntrack_invalid", r"^nf_ct_[\w-]{1,32}: (?P<reason>dropping packet.*)"),
        ("conntrack_table_full", r"^(?:(?:nf|ip)_conntrack: ){1,2}(?P<reason>table full.*)"),
        ("expectation_table_full", r"^(?:nf_conntrack: ){1,2}(?P<reason>expectation table full.*)"),
        (
            "udp_bad_checksum",
            (
                r"^UDP(?:v6|-?Lite)?: (?P<reason>bad checksum)\. From (?P<src>\S{2,64}):(?P<sport>[0-9]{1,5})"
                r" to (?P<dst>\S{2,64}):(?P<dport>[0-9]{1,5}) ulen"
            ),
        ),
        (
            "neighbour_table_overflow",
            (
                r"^(?:neighbour: |ipv[46]: |IPv[46]: ){0,2}"
                r"(?P<reason>(?:\w{1,32}: )?[Nn]eighbou?r table overflow.*)"
            ),
        ),
        ("syn_flooding", r"^(?:\w{1,32}: ){0,2}(?P<reason>[Pp]ossible SYN flooding on port .*)"),
        (
            "martian_source",
            (
                r"^(?:IPv4: )?(?P<reason>martian source (?P<dst>\S{2,64}) from (?P<src>\S{2,64}),"
                r" on dev (?P<dev>\S{1,64}))"
            ),
        ),
        (
            "martian_destination",
            (
                r"^(?:IPv4: )?(?P<reason>martian destination (?P<dst>\S{2,64}) from (?P<src>\S{2,64}),"
                r" dev (?P<dev>\S{1,64}))"
            ),
        ),
        (
            "ovs_recursion",
            (
                rf"^(?:openvswitch: )?{_DEV}: (?P<reason>(?:deferred action limit reached, drop"
                r"|recursion limit reached on datapath|packet loop detected).*)"
            ),
        ),
        ("device_recursion", r"^(?P<reason>Dead loop on (?:virtual device|netdevice) .*)"),
        ("hw_csum_failure", rf"^{_DEV}: (?P<reason>hw csum failure.*)"),
        (
            "lro_forwarding",
            rf"^(?P<reason>{_DEV}: received packets cannot be forwarded while LRO is enabled)",
        ),
        (
            "own_address_as_source",
            rf"^{_DEV}: (?P<reason>received packet on {_DEV} with own address as source address.*)",
        ),
        (
            "duplicate_address",
            r"^(?:IPv6: |ICMPv6: )?(?P<reason>.{0,80}(?:IPv6 duplicate address|our address:) .*)",
        ),
        ("over_mtu", rf"^(?:openvswitch: )?(?P<reason>{_DEV}: dropped over-mtu packet: .*)"),
        ("tunnel_ecn", r"^(?:\w{1,32}: ){0,2}(?P<reason>non-ECT from \S{2,64} with (?:TOS|DS)=.*)"),
        ("bad_gso", r"^(?:tun: )?(?P<reason>unexpected GSO type: .*)"),
        ("bad_gso", r"^(?P<reason>(?:WARNING: .{0,200})?\bskb_warn_bad_offload\b.*)"),
        ("peer_shrunk_window", r"^(?:TCP: )?(?P<reason>Peer \S{1,80} unexpectedly shrunk window .*)"),
        (
            "tcp_memory",
            r"^TCP: (?P<reason>(?:out of memory|too many orphaned sockets|time wait bucket table overflow).*)",
        ),
        (
            "transmit_timeout",
            (
                rf"{_DRIVER}(?:{_DEV} \([^)]{{1,64}}\): )?"
                r"(?P<reason>NETDEV WATCHDOG: .{0,160}transmit queue [0-9]{1,5} timed out.*)"
            ),
        ),
        ("transmit_timeout", rf"{_DRIVER}(?P<reason>.{{0,64}}\bDetected (?:Tx|Hardware) Unit Hang.*)"),
        ("rate_limited", r"^(?:(?:\w{1,64}: )?(?P<reason>[0-9]{1,10} (?:callbacks|messages?) suppressed).*)"),
        (
            "out_of_memory",
            r"^(?P<reason>(?:Memory cgroup out of memory|Out of memory)(?::| \().*|\S{1,64} invoked oom-killer: .*)",
        ),
        ("out_of_memory", r"^(?P<reason>\S{1,64}: page allocation failure.*)"),
        ("link_down", rf"{_DRIVER}(?P<reason>{_NIC} [Ll]ink (?:is )?[Dd]own\b.*)"),
        ("link_up", rf"{_DRIVER}(?P<reason>{_NIC} [Ll]ink (?:is )?[Uu]p\b.*)"),
        (
            "link_up",
            r"^(?:IPv6: )?ADDRCONF\(NETDEV_(?:UP|CHANGE)\): (?P<reason>\S{1,64}: link becomes ready)",
        ),
        ("link_down", rf"^(?:bonding: )?(?P<reason>{_BOND}:? link status (?:definitely )?down)"),
        ("link_up", rf"^(?:bonding: )?(?P<reason>{_BOND}:? link status (?:definitely )?up)"),
        (
            "bond",
            (
                r"^(?:bonding: )?(?P<reason>\S{1,64}: (?:Warning: No 802\.3ad response from the link partner"
                r"|(?:Error: |Warning: )?An illegal loopback occurred|now running without any active interface"
                r"|active interface up|(?:\(slave \S{1,64}\): )?making interface (?:\S{1,64} )?the new active one"
                r"|.{0,80}duplex.{0,80}802\.3ad).*)"
            ),
        ),
        ("link_down", r"^(?P<reason>\S{1,64}: port [0-9]{1,5}\([^)]{1,64}\) entered disabled state)"),
        ("link_up", r"^(?P<reason>\S{1,64}: port [0-9]{1,5}\([^)]{1,64}\) entered forwarding state)"),
    )
)
TOPIC_WORD = re.compile(
    r"nf_ct_|table full|bad checksum|table overflow|SYN flooding|martian|limit reached|loop detected|hw csum"
    r"|[Ll]ink |entered |Dead loop|LRO|own address|duplicate address|our address|over-mtu|non-ECT|GSO type"
    r"|warn_bad_offload|shrunk window|out of memory|orphaned|timed out|Hang|suppressed|Out of mem|oom-killer"
    r"|allocation failure|802\.3ad|loopback occ|active "
)
"""A word of every text above: most lines of a kernel log have none, and one search is faster than all of them."""


def about(message: str) -> tuple[str, str, LoggedPacket | None] | None:
    """(topic, reason, packet) of a known text, or None."""
    if not TOPIC_WORD.search(message):
        return None
    matches = ((topic, pattern.match(message)) for topic, pattern in _TOPICS)
    topic, found = next(((topic, found) for topic, found in matches if found), ("", None))
    if found is None:
        return None
    groups = found.groupdict()
    if "src" in groups:
        return topic, groups["reason"], _quoted(groups)
    _, packet = logged(message)
    return topic, _reason(groups["reason"]), packet


def _reason(text: str) -> str:
    """The reason without the packet behind it and without DCCP's and SCTP's second prefix."""
    starts = _PACKET_STARTS.search(text)
    return _INNER_PREFIX.sub("", text[: starts.start()] if starts else text).strip()


def logged(message: str) -> tuple[str, LoggedPacket | None]:
    """(the text before, the packet) of a netfilter LOG line; ("", None) where there is no packet."""
    starts = _PACKET_STARTS.search(message)
    packet = packet_of(message[starts.start() :]) if starts else None
    return (message[: starts.start()].strip() if starts and packet else ""), packet


def _quoted(groups: dict[str, str | None]) -> LoggedPacket | None:
    """The packet of the two texts that name addresses in a sentence (UDP checksum, martian)."""
    src = endpoint_of(groups["src"] or "", groups.get("sport") or "")
    dst = endpoint_of(groups["dst"] or "", groups.get("dport") or "")
    if src is None or dst is None:
        return None
    proto = _PROTO_UDP if "sport" in groups else None
    return LoggedPacket(src=src, dst=dst, proto=proto, in_device=groups.get("dev") or "")
