"""`ovs-appctl fdb/show` and `fdb/stats-show`."""

import text_samples as t

from lastseen.evidence.texts import ovs_fdb as reader

SAMPLE = """\
 port  VLAN  MAC                Age
LOCAL     0  f6:4e:e6:5a:d5:40  281
    2   100  fa:16:3e:aa:00:15    1
 gen1     0  02:00:00:00:00:0b  static
"""
SAMPLE_STATISTICS = """\
Statistics for bridge "br-ex":
  Current/maximum MAC entries in the table: 3/8192
  Current static MAC entries in the table : 0
  Total number of learned MAC entries     : 12
  Total number of port moved MAC entries  : 5
"""


def test_an_address_is_a_setting_of_the_bridge() -> None:
    """Its VLAN and MAC are the name, its port the value."""
    assert t.settings(reader, SAMPLE, "ovs-appctl fdb/show br-ex") == {
        ("fdb:br-ex", "vlan=0 f6:4e:e6:5a:d5:40"): "LOCAL",
        ("fdb:br-ex", "vlan=100 fa:16:3e:aa:00:15"): "2",
        ("fdb:br-ex", "vlan=0 02:00:00:00:00:0b"): "gen1",
    }


def test_statistics_are_counters_of_the_bridge() -> None:
    """How full the table is, and how often an address moved."""
    assert t.counters(reader, SAMPLE_STATISTICS) == {
        ("ovs_fdb", "br-ex", "entries"): 3,
        ("ovs_fdb", "br-ex", "entries_maximum"): 8192,
        ("ovs_fdb", "br-ex", "static"): 0,
        ("ovs_fdb", "br-ex", "learned"): 12,
        ("ovs_fdb", "br-ex", "port_moved"): 5,
    }


def test_recognised_by_heading_or_command_and_odd_lines_are_weird() -> None:
    """The kernel's `bridge fdb` is another text."""
    assert t.recognised(reader, SAMPLE)
    assert t.recognised(reader, SAMPLE_STATISTICS)
    assert t.recognised(reader, "", "ovs-appctl fdb/show br-int")
    assert not t.recognised(reader, "", "bridge fdb show")
    assert t.weirds(reader, SAMPLE + "odd\n") == [(5, "not a learned address")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE + SAMPLE_STATISTICS)
