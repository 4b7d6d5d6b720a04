"""What `lastseen path` says of an interface beside its place: offloads and zones, from what tools print."""

from lastseen.live.features import offloads_in, zones_in

NEUTRON = """*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j neutron-openvswi-PREROUTING
-A neutron-openvswi-PREROUTING -m physdev --physdev-in qvb3f1c9a2e-7b -m comment --comment "Set zone for f1c9a2e-7b" -j CT --zone 4097
-A neutron-openvswi-PREROUTING -i qvb3f1c9a2e-7b -m comment --comment "Set zone for f1c9a2e-7b" -j CT --zone 4097
-A neutron-openvswi-PREROUTING -m physdev --physdev-in tap3f1c9a2e-7b -m comment --comment "Set zone" -j CT --zone 4097
-A PREROUTING -i eth1 -j CT --notrack
-A PREROUTING -s 192.0.2.1/32 -j CT --zone 9
COMMIT
"""
NFT = """table ip raw {
	chain pre {
		iifname "t0" counter packets 0 bytes 0 ct zone set 7
		iifname "t1" ct original zone set 8
		ct zone 7 accept
	}
}
"""


def test_the_zone_of_each_port_of_a_hybrid_firewall() -> None:
    """Written after neutron's iptables_firewall.py; rules without an interface or without a zone say nothing of one."""
    assert zones_in(NEUTRON) == {"qvb3f1c9a2e-7b": 4097, "tap3f1c9a2e-7b": 4097}
    assert zones_in(NFT) == {"t0": 7, "t1": 8}
    assert zones_in("") == {}


def test_offloads_that_are_on() -> None:
    """Fixed ones, too: they change what a capture shows all the same."""
    shown = (
        "Features for tap0:\nrx-checksumming: on [fixed]\ntx-checksumming: off\n\ttx-checksum-ip-generic: on\n"
        "generic-receive-offload: on\nhw-tc-offload: off [fixed]\n"
    )
    assert list(offloads_in(shown)) == ["rx", "gro"]
    assert list(offloads_in("Cannot get device settings: No such device\n")) == []
