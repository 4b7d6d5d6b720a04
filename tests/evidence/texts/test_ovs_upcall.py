"""`ovs-appctl upcall/show`."""

import text_samples as t

from lastseen.evidence.texts import ovs_upcall as reader

SAMPLE = """\
netdev@ovs-netdev:
  flows         : (current 15) (avg 14) (max 105) (limit 15000)
  offloaded flows : 3
  dump duration : 1ms
  ufid enabled : true

  5: (keys 9)
  6: (keys 6)
"""
SAMPLE_TWO = (
    "system@ovs-system:\n\tflows         : (current 1) (avg 1) (max 2) (limit 200000)\n\n\t10: (keys 1)\n"
    + SAMPLE
)


def test_flows_limits_and_keys_are_counters_of_the_datapath() -> None:
    """One value a bracket, one a revalidator."""
    values = {key[2]: value for key, value in t.counters(reader, SAMPLE).items()}
    assert values == {
        "flows_current": 15, "flows_avg": 14, "flows_max": 105, "flows_limit": 15000,
        "offloaded_flows": 3, "dump_duration_ms": 1, "keys_5": 9, "keys_6": 6,
    }  # fmt: skip
    assert {key[:2] for key in t.counters(reader, SAMPLE)} == {("ovs_upcall", "netdev@ovs-netdev")}
    assert t.settings(reader, SAMPLE) == {("ovs_upcall:netdev@ovs-netdev", "ufid"): "true"}


def test_two_datapaths_are_told_apart() -> None:
    """Older indents are tabs."""
    values = t.counters(reader, SAMPLE_TWO)
    assert values["ovs_upcall", "system@ovs-system", "flows_limit"] == 200_000
    assert values["ovs_upcall", "netdev@ovs-netdev", "flows_limit"] == 15_000


def test_recognised_by_its_flows_or_command_and_odd_lines_are_weird() -> None:
    """Other appctl commands are others."""
    assert t.recognised(reader, SAMPLE)
    assert t.recognised(reader, "", "ovs-appctl -t /run/ovs-vswitchd.ctl upcall/show")
    assert not t.recognised(reader, "", "ovs-appctl coverage/show")
    assert t.weirds(reader, SAMPLE + "odd\n") == [(9, "not a line of upcall/show")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE_TWO)
