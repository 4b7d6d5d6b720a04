"""`ovn-nbctl acl-list`."""

import text_samples as t

from lastseen.evidence.texts import ovn_acl_list as reader
from lastseen.tables.facts_from_texts import Rule

SAMPLE = """\
from-lport  1003 (inport == "vm-a" && (udp || icmp)) reject log()
  to-lport  1002 (outport == "vm-b" && tcp.dst == 9999) drop log(name=no-9999,severity=warning)
  to-lport  1001 (outport == "vm-b" && ip) allow-related
"""


def test_an_access_rule_has_match_verdict_and_logging() -> None:
    """The match holds brackets; drop and reject both discard."""
    rules = [row for row in t.rows(reader, SAMPLE, "ovn-nbctl acl-list net1") if isinstance(row, Rule)]
    assert [(rule.place, rule.priority, rule.match, rule.actions, rule.drops) for rule in rules] == [
        ("net1 from-lport", 1003, 'inport == "vm-a" && (udp || icmp)', "reject log()", True),
        (
            "net1 to-lport",
            1002,
            'outport == "vm-b" && tcp.dst == 9999',
            "drop log(name=no-9999,severity=warning)",
            True,
        ),
        ("net1 to-lport", 1001, 'outport == "vm-b" && ip', "allow-related", False),
    ]
    assert {rule.layer for rule in rules} == {"ovn_acl"}


def test_recognised_by_rule_or_command_and_odd_lines_are_weird() -> None:
    """A rule without a verdict is none."""
    assert t.recognised(reader, SAMPLE)
    assert t.recognised(reader, "", "ovn-nbctl --no-leader-only acl-list net1")
    assert not t.recognised(reader, "", "ovn-nbctl show")
    assert t.weirds(reader, "  to-lport  1001 (outport\n") == [(1, "not an access rule")]


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, SAMPLE)
