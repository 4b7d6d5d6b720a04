"""`nft list ruleset`: rules, counters, verdicts, and everything around them."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import nft_ruleset as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Rule
from lastseen.tables.sources import Weird

SAMPLE = """\
table ip sg {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state invalid counter packets 8 bytes 368 drop
		ct state established,related counter packets 10 bytes 2564 accept
		iifname "t0" ct state new counter packets 1 bytes 60 accept
		counter packets 0 bytes 0 drop
	}
}
table ip fault {
	chain f {
		type filter hook prerouting priority raw; policy accept;
		iifname "t0" tcp flags ack / syn,ack ip length < 60 counter packets 49 bytes 2548 notrack
		iifname "w1" tcp flags & fin == fin counter packets 6 bytes 312 drop
	}
}
"""
FURNISHED = """\
# Warning: table ip filter is managed by iptables-nft, do not touch!
table inet fw { # handle 4
	comment "the host's own"
	flags dormant
	set bad {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.1, 10.0.0.2,
			     10.0.0.3 }
	}
	counter hits {
		packets 5 bytes 6
	}
	ct helper ftp-standard {
		type "ftp" protocol tcp
		l3proto ip
	}
	chain input { # handle 1
		comment "all that comes in"
		type filter hook input priority filter - 10
		policy drop;
		ip saddr @bad counter packets 3 bytes 180 drop comment "listed: accept" # handle 7
		tcp dport { 22, 80 } log prefix "drop this " counter packets 2 bytes 120 accept
		ct state vmap { invalid : drop, established : accept }
		limit rate 10/second burst 5 packets accept
		iifname "lo" jump local
		meta mark set 0x00000001
		update @bad { ip saddr timeout 1m } counter packets 1 bytes 60
		tcp dport 25 reject with tcp reset
		counter name "hits"
	}
	chain local {
	}
}
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _rules(sample: str) -> list[Rule]:
    return [row for row in _rows(sample) if isinstance(row, Rule) and row.layer == "nft"]


def test_a_counted_rule_is_cut_at_its_counter() -> None:
    """Before it the match, after it the verdict."""
    rule = _rules(SAMPLE)[1]
    assert (rule.layer, rule.place, rule.source.line) == ("nft", "ip sg forward", 4)
    assert (rule.match, rule.actions, rule.drops) == ("ct state invalid", "drop", True)
    assert (rule.packets, rule.bytes, rule.priority) == (8, 368, None)


def test_flags_lengths_and_names_stay_in_the_match() -> None:
    """`notrack` is an action; `tcp flags` and `ip length` are not."""
    rules = {rule.actions: rule for rule in _rules(SAMPLE) if rule.place == "ip fault f"}
    assert rules["notrack"].match == 'iifname "t0" tcp flags ack / syn,ack ip length < 60'
    assert rules["drop"].match == 'iifname "w1" tcp flags & fin == fin'
    assert not rules["notrack"].drops


def test_a_base_chains_policy_is_a_rule_too() -> None:
    """A chain that drops by policy drops without any rule saying so."""
    (policy,) = (rule for rule in _rules(FURNISHED) if rule.match == "policy")
    assert (policy.place, policy.actions, policy.drops, policy.packets) == (
        "inet fw input",
        "drop",
        True,
        None,
    )


def test_statements_of_all_kinds_are_told_from_matches() -> None:
    """Comments, log prefixes and verdict maps do not make a rule drop; unseen counters are None."""
    rules = [(rule.match, rule.actions, rule.packets, rule.drops) for rule in _rules(FURNISHED)[1:]]
    assert rules == [
        ("ip saddr @bad", "drop", 3, True),
        ("tcp dport { 22, 80 }", 'log prefix "drop this " accept', 2, False),
        ("ct state", "vmap { invalid : drop, established : accept }", None, False),
        ("limit rate 10/second burst 5 packets", "accept", None, False),
        ('iifname "lo"', "jump local", None, False),
        ("", "meta mark set 0x00000001", None, False),
        ("", "update @bad { ip saddr timeout 1m }", 1, False),
        ("tcp dport 25", "reject with tcp reset", None, True),
        ("", 'counter name "hits"', None, False),
    ]
    assert not [row for row in _rows(FURNISHED) if isinstance(row, Weird)]


def test_recognised_by_its_first_table_or_command() -> None:
    """An empty ruleset prints nothing; JSON is not this reader's."""
    assert _recognised(SAMPLE)
    assert _recognised(FURNISHED)
    assert _recognised("", "nft list ruleset")
    assert _recognised("", "nft -a list table ip sg")
    assert not _recognised('{"nftables": []}', "nft -j list ruleset")
    assert _rows("") == []


def test_lines_outside_any_table_are_weird() -> None:
    """A ruleset cut at its start loses its chain."""
    assert [type(row) for row in _rows("\t\tct state invalid counter packets 8 bytes 368 drop\n")] == [Weird]


@given(st.text(max_size=300), st.integers(0, 2000), st.randoms(use_true_random=False))
def test_arbitrary_cut_or_shuffled_text_never_raises(noise: str, cut: int, random: object) -> None:
    """Whatever the file holds, reading ends with rows and weirds."""
    lines = (SAMPLE[:cut] + noise + SAMPLE[cut:]).splitlines()
    random.shuffle(lines)  # type: ignore[attr-defined]
    for sample in (noise, SAMPLE[:cut], "\n".join(lines)):
        assert all(row is not None for row in _rows(sample))
        _recognised(sample)


def test_prose_and_source_code_are_not_recognised() -> None:
    """A reader must leave other people's files alone."""
    assert not _recognised("The switch dropped packets, see table=0 and port 1.\nAll is well.\n")
    assert not _recognised("import sys\n\n\ndef drop(port):\n    return port\n")
    assert not _recognised("", "uname -a")
    assert not _recognised("")


def test_sets_maps_and_counters() -> None:
    """Elements over several lines, with counters, times and comments; what a map gives; a named counter."""
    rows = _rows(
        "table ip t {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.0/8 counter packets 1 bytes 2 timeout 1h,\n"
        '\t\t\t     1.1.1.1-1.1.1.9 comment "a, b : c", 2.2.2.2 . 80 }\n\t}\n'
        "\tmap m {\n\t\telements = { 80 : drop, 443 : jump web }\n\t}\n"
        "\tcounter c {\n\t\tpackets 5 bytes 300\n\t}\n}\n"
    )
    assert [(r.place, r.match, r.actions, r.packets, r.drops) for r in rows if isinstance(r, Rule)] == [
        ("ip t s", "10.0.0.0/8", "", 1, False),
        ("ip t s", "1.1.1.1-1.1.1.9", "", None, False),
        ("ip t s", "2.2.2.2 . 80", "", None, False),
        ("ip t m", "80", "drop", None, True),
        ("ip t m", "443", "jump web", None, False),
    ]
    assert [(r.scope, r.name, r.value) for r in rows if isinstance(r, Counter)] == [
        ("ip t c", "packets", 5),
        ("ip t c", "bytes", 300),
    ]
    assert not [row for row in rows if isinstance(row, Weird)]
