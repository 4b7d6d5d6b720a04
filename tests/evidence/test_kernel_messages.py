"""What kernel messages are about, over all generations of their texts."""

import pytest

from lastseen.evidence.kernel_messages import about


@pytest.mark.parametrize(
    ("message", "topic", "reason"),
    [
        ("IPv4: martian destination 0.0.0.0 from 10.0.0.2, dev eth0", "martian_destination", ...),
        ("Dead loop on virtual device vxlan1, fix it urgently!", "device_recursion", None),
        ("Dead loop on netdevice br0, fix it urgently!", "device_recursion", None),
        ("eth0: received packets cannot be forwarded while LRO is enabled", "lro_forwarding", None),
        (
            "br0: received packet on eth0 with own address as source address (addr:52:54:00:00:00:01, vlan:0)",
            "own_address_as_source",
            "received packet on eth0 with own address as source address (addr:52:54:00:00:00:01, vlan:0)",
        ),
        ("br0: received packet on eth0 with own address as source address", "own_address_as_source", ...),
        (
            "IPv6: ens3: IPv6 duplicate address fe80::1 used by 52:54:00:00:00:01 detected!",
            "duplicate_address",
            "ens3: IPv6 duplicate address fe80::1 used by 52:54:00:00:00:01 detected!",
        ),
        ("openvswitch: eth0: dropped over-mtu packet: 1514 > 1500", "over_mtu", "eth0: dropped over-mtu packet: 1514 > 1500"),
        ("vxlan: non-ECT from 10.0.0.2 with TOS=0x3", "tunnel_ecn", "non-ECT from 10.0.0.2 with TOS=0x3"),
        ("tun: unexpected GSO type: 0x0, gso_size 1368, hdr_len 66", "bad_gso", ...),
        ("WARNING: CPU: 1 PID: 0 at net/core/dev.c:3303 skb_warn_bad_offload+0xb1/0xc0", "bad_gso", None),
        ("TCP: Peer 10.0.0.2:443/50184 unexpectedly shrunk window 1:2 (repaired)", "peer_shrunk_window", ...),
        ("TCP: out of memory -- consider tuning tcp_mem", "tcp_memory", ...),
        ("TCP: too many orphaned sockets", "tcp_memory", ...),
        ("NETDEV WATCHDOG: eth0 (e1000): transmit queue 0 timed out", "transmit_timeout", None),
        ("NETDEV WATCHDOG: eth0 (e1000): transmit queue 0 timed out 5212 ms", "transmit_timeout", None),
        (
            "e1000 0000:00:03.0 eth0: NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5212 ms",
            "transmit_timeout",
            "NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5212 ms",
        ),
        ("eth0 (e1000): NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5212 ms", "transmit_timeout", ...),
        ("e1000e 0000:00:19.0 eth0: Detected Hardware Unit Hang:", "transmit_timeout", ...),
        ("net_ratelimit: 45 callbacks suppressed", "rate_limited", "45 callbacks suppressed"),
        ("printk: 30 messages suppressed.", "rate_limited", "30 messages suppressed"),
        ("Out of memory: Killed process 4711 (php) total-vm:1000kB, anon-rss:10kB", "out_of_memory", None),
        ("Memory cgroup out of memory: Killed process 4711 (php)", "out_of_memory", None),
        ("php invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0", "out_of_memory", None),
        ("swapper/0: page allocation failure: order:0, mode:0x480020(GFP_ATOMIC)", "out_of_memory", None),
        ("bond0: (slave eth1): link status down for interface, disabling it in 200 ms", "link_down", ...),
        ("bonding: bond0: link status definitely down for interface eth1, disabling it", "link_down", ...),
        ("bond0: link status definitely up for interface eth1, 10000 Mbps full duplex", "link_up", ...),
        ("bond0: Warning: No 802.3ad response from the link partner for any adapters in the bond", "bond", None),
        ("bond0: now running without any active interface!", "bond", None),
        ("bond0: (slave eth1): making interface the new active one", "bond", None),
        ("bond0: making interface eth1 the new active one", "bond", None),
        ("mlx5_core 0000:03:00.0 ens1f0: Link down", "link_down", "ens1f0: Link down"),
        ("request_sock_TCP: Possible SYN flooding on port 10.0.0.1:80. Sending cookies.", "syn_flooding", ...),
        ("possible SYN flooding on port 80. Sending cookies.", "syn_flooding", None),
        ("UDPv6: bad checksum. From [fd00::1]:500 to [fd00::2]:8472 ulen 75", "udp_bad_checksum", "bad checksum"),
    ],
)  # fmt: skip
def test_topics(message: str, topic: str, reason: str | None) -> None:
    """The topic; the reason is the whole message (None), a part of it, or (...) not asked for here."""
    found = about(message)
    assert found is not None
    assert found[0] == topic
    if reason is not ...:
        assert found[1] == (message if reason is None else reason)


def test_martian_destination_names_its_packet() -> None:
    """Destination first, as with a martian source."""
    found = about("IPv4: martian destination 0.0.0.0 from 10.0.0.2, dev eth0")
    assert found is not None
    assert found[2] is not None
    assert (found[2].src.address, found[2].dst.address, found[2].in_device) == ("10.0.0.2", "0.0.0.0", "eth0")


@pytest.mark.parametrize(
    "message",
    [
        "device eth0 entered promiscuous mode",
        "ll header: 00000000: ff ff",
        "php: segfault",
        "ata1: SATA link down",
    ],
)
def test_other_messages_have_no_topic(message: str) -> None:
    """However alike."""
    assert about(message) is None
