"""`dpctl/ct-stats-show` and `dpctl/ct-get-limits`."""

import text_samples as t

from lastseen.evidence.texts import ovs_dpctl_ct_stats as reader

SAMPLE = """\
Connections Stats:
    Total: 4
  TCP: 3
    Conn per TCP states:
\t  [SYN_SENT]=1
\t  [TIME_WAIT]=2
  UDP: 1
"""
SAMPLE_LIMITS = "default limit=0\nzone=1,limit=10,count=10\nzone=2, limit=5, count=0\n"


def test_connections_by_protocol_and_state() -> None:
    """States are those of the protocol named above them."""
    assert t.counters(reader, SAMPLE) == {
        ("ovs_conntrack", "", "total"): 4,
        ("ovs_conntrack", "", "tcp"): 3,
        ("ovs_conntrack", "", "tcp_SYN_SENT"): 1,
        ("ovs_conntrack", "", "tcp_TIME_WAIT"): 2,
        ("ovs_conntrack", "", "udp"): 1,
    }


def test_limits_are_settings_and_their_use_is_counted() -> None:
    """With a blank after the comma and without."""
    assert t.settings(reader, SAMPLE_LIMITS) == {
        ("ovs_conntrack:default", "limit"): "0",
        ("ovs_conntrack:zone=1", "limit"): "10",
        ("ovs_conntrack:zone=2", "limit"): "5",
    }
    assert t.counters(reader, SAMPLE_LIMITS)["ovs_conntrack", "zone=1", "entries"] == 10


def test_recognised_by_heading_limit_or_command_and_odd_lines_are_weird() -> None:
    """The list of connections is another text."""
    assert t.recognised(reader, SAMPLE)
    assert t.recognised(reader, SAMPLE_LIMITS)
    assert t.recognised(reader, SAMPLE_LIMITS.partition("\n")[2])
    assert t.recognised(reader, "", "ovs-dpctl ct-stats-show verbose")
    assert not t.recognised(reader, "", "ovs-appctl dpctl/dump-conntrack")
    assert t.weirds(reader, SAMPLE + "odd\n") == [(8, "not a line of conntrack statistics")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE + SAMPLE_LIMITS)
