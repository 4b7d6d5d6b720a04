"""`ovs-ofctl show` and `dump-ports-desc`, as 3.1.0 prints them for OpenFlow 1.0 and later."""

import text_samples as t

from lastseen.evidence.texts import ovs_ofctl_show as reader
from lastseen.tables.facts_from_texts import Interface

SAMPLE_OF10 = """\
OFPT_FEATURES_REPLY (xid=0x2): dpid:00009ae70c1bf04f
n_tables:254, n_buffers:0
capabilities: FLOW_STATS TABLE_STATS PORT_STATS QUEUE_STATS ARP_MATCH_IP
actions: output enqueue set_vlan_vid set_vlan_pcp strip_vlan mod_dl_src mod_dl_dst
 1(lsroa): addr:7e:61:a4:ba:3c:dd
     config:     0
     state:      0
     current:    10GB-FD COPPER
     speed: 10000 Mbps now, 0 Mbps max
 2(lsrob): addr:0e:9d:fc:fc:c6:61
     config:     NO_RECV NO_FWD
     state:      0
 LOCAL(br-int): addr:9a:e7:0c:1b:f0:4f
     config:     PORT_DOWN
     state:      LINK_DOWN
OFPT_GET_CONFIG_REPLY (xid=0x4): frags=normal miss_send_len=0
"""
SAMPLE_OF15 = """\
OFPST_PORT_DESC reply (OF1.5) (xid=0x2):
 3(gen1): addr:b6:65:61:95:dc:f2
     config:     0
     state:      LIVE
     speed: 0 Mbps now, 0 Mbps max
"""


def test_ports_are_interfaces_of_the_bridge() -> None:
    """PORT_DOWN and LINK_DOWN are down, anything else printed is up."""
    found = [
        row for row in t.rows(reader, SAMPLE_OF10, "ovs-ofctl show br-int") if isinstance(row, Interface)
    ]
    assert [(row.name, row.mac, row.master, row.state) for row in found] == [
        ("lsroa", "7e:61:a4:ba:3c:dd", "br-int", "up"),
        ("lsrob", "0e:9d:fc:fc:c6:61", "br-int", "up"),
        ("br-int", "9a:e7:0c:1b:f0:4f", "br-int", "down"),
    ]


def test_numbers_and_flags_are_settings_of_the_port() -> None:
    """What is 0 is not a flag."""
    assert t.settings(reader, SAMPLE_OF10, "ovs-ofctl show br-int") == {
        ("openflow_port:br-int/lsroa", "number"): "1",
        ("openflow_port:br-int/lsrob", "number"): "2",
        ("openflow_port:br-int/lsrob", "config"): "NO_RECV NO_FWD",
        ("openflow_port:br-int/br-int", "number"): "LOCAL",
        ("openflow_port:br-int/br-int", "config"): "PORT_DOWN",
        ("openflow_port:br-int/br-int", "state"): "LINK_DOWN",
    }
    assert t.settings(reader, SAMPLE_OF15)["openflow_port:/gen1", "state"] == "LIVE"


def test_recognised_by_reply_port_or_command() -> None:
    """`ovs-vsctl show` and `dpctl/show` are others."""
    assert t.recognised(reader, SAMPLE_OF10)
    assert t.recognised(reader, SAMPLE_OF15.partition("\n")[2])
    assert t.recognised(reader, "", "sudo ovs-ofctl -O OpenFlow13 dump-ports-desc br-int")
    assert not t.recognised(reader, "", "ovs-vsctl show")


def test_lines_of_nothing_are_weird() -> None:
    """A flag line before any port, and a word that is no flag."""
    assert t.weirds(reader, "     config:     0\n") == [(1, "not a line of a bridge's ports")]
    assert t.weirds(reader, SAMPLE_OF15 + "     state:      odd\n") == [(6, "not a line of a bridge's ports")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE_OF10)
