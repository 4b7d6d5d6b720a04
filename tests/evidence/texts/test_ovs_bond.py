"""`ovs-appctl bond/show`, `lacp/show` and `lacp/show-stats`, old words and new."""

import text_samples as t

from lastseen.evidence.texts import ovs_bond as reader
from lastseen.tables.facts_from_texts import Interface

SAMPLE = """\
---- bond0 ----
bond_mode: balance-slb
bond may use recirculation: no, Recirc-ID : -1
bond-hash-basis: 0
lb_output action: disabled, bond-id: -1
all members active: false
updelay: 0 ms
next rebalance: 9947 ms
lacp_status: configured
active-backup primary: <none>
active member mac: 00:00:00:00:00:00(none)

member bx0: enabled
  active member
  may_enable: true
  hash 12: 3 kB load

member bx1: disabled
  may_enable: false

"""
SAMPLE_OLD = """\
---- bond0 ----
bond_mode: active-backup
bond may use recirculation: no, Recirc-ID : -1
bond-hash-basis: 0
updelay: 0 ms
downdelay: 0 ms
lacp_status: off
active slave mac: 00:0c:29:aa:bb:cc(eth1)

slave eth1: enabled
\tactive slave
\tmay_enable: true

slave eth2: disabled
\tmay_enable: false
"""
SAMPLE_LACP = """\
---- bond0 ----
  status: active negotiated
  sys_id: f6:4e:e6:5a:d5:40
  sys_priority: 65534
  aggregation key: 1
  lacp_time: slow

member: bx0: current attached
  port_id: 1
  may_enable: true

  actor state: activity aggregation synchronized collecting distributing
  partner sys_id: 00:11:22:33:44:55
  partner state:
"""
SAMPLE_LACP_STATISTICS = """\
---- bond0 statistics ----

member: bx0:
  TX PDUs: 10
  RX PDUs: 0
  Carrier Status Changed: 2
"""


def test_members_are_interfaces_with_their_state() -> None:
    """Called slaves before 2.16."""
    for sample, names in ((SAMPLE, ("bx0", "bx1")), (SAMPLE_OLD, ("eth1", "eth2"))):
        found = [row for row in t.rows(reader, sample) if isinstance(row, Interface)]
        assert [(row.name, row.master) for row in found] == [(name, "bond0") for name in names]
        values = t.settings(reader, sample)
        assert values[f"bond:bond0/{names[0]}", "state"] == "enabled"
        assert values[f"bond:bond0/{names[1]}", "may_enable"] == "false"
        assert not t.weirds(reader, sample)
    assert t.settings(reader, SAMPLE)["bond:bond0", "bond_mode"] == "balance-slb"


def test_lacp_tells_what_the_partner_agreed_to() -> None:
    """An empty state stays an empty value."""
    values = t.settings(reader, SAMPLE_LACP)
    assert values["bond:bond0", "status"] == "active negotiated"
    assert values["bond:bond0/bx0", "state"] == "current attached"
    assert values["bond:bond0/bx0", "partner sys_id"] == "00:11:22:33:44:55"
    assert values["bond:bond0/bx0", "partner state"] == ""


def test_lacp_statistics_are_counters_of_the_member() -> None:
    """Names in lower case with underscores."""
    assert t.counters(reader, SAMPLE_LACP_STATISTICS) == {
        ("lacp", "bond0/bx0", "tx_pdus"): 10,
        ("lacp", "bond0/bx0", "rx_pdus"): 0,
        ("lacp", "bond0/bx0", "carrier_status_changed"): 2,
    }


def test_recognised_by_bond_and_column_or_command_and_odd_lines_are_weird() -> None:
    """A heading of dashes alone is not enough."""
    for sample in (SAMPLE, SAMPLE_OLD, SAMPLE_LACP, SAMPLE_LACP_STATISTICS):
        assert t.recognised(reader, sample)
    assert t.recognised(reader, "", "ovs-appctl bond/show bond0")
    assert not t.recognised(reader, "---- bond0 ----\nnothing\n")
    assert t.weirds(reader, "odd\n") == [(1, "a line before any bond")]
    assert t.weirds(reader, SAMPLE + "odd\n") == [(21, "not a line of a bond")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE + SAMPLE_LACP + SAMPLE_LACP_STATISTICS)
