"""`iptables -L` and `-S`."""

from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import iptables_list as reader
from lastseen.evidence.texts import iptables_save
from lastseen.tables.facts_from_texts import Rule


def _rules(text: str, command: str = "") -> list[Rule]:
    return [row for row in rows(reader, text, command) if isinstance(row, Rule)]


def test_rules_with_exact_counters() -> None:
    """Target or none, a goto, a comment, fragments only."""
    found = {(r.place, r.match): r for r in _rules(sample("iptables_list/nft_vnx"))}
    assert found["ip filter INPUT", "-p 6 tcp dpt:22"].drops
    assert found["ip filter INPUT", "-i va"].actions == "-g sub"
    assert found["ip filter INPUT", "-i va"].packets is not None
    assert found["ip filter INPUT", "-p 17"].actions == ""
    assert found["ip filter sub", "/* a b */ reject-with icmp-port-unreachable"].drops
    assert found["ip filter INPUT", "policy"].actions == "ACCEPT"


def test_ipv6_is_seen_in_the_addresses() -> None:
    """Without a command; the options column is empty."""
    found = {(r.place, r.match): r for r in _rules(sample("iptables_list/ip6_vnx"))}
    assert found["ip6 filter INPUT", "-p 6 -i va"].actions == "DROP"


def test_the_table_comes_from_the_command() -> None:
    """Else it is filter."""
    assert {rule.place.split()[1] for rule in _rules(sample("iptables_list/nat"))} == {"nat"}
    assert any(
        rule.actions == "MASQUERADE" and rule.match == "-o va -s 10.0.0.0/8"
        for rule in _rules(sample("iptables_list/nat"))
    )


def test_rounded_counts_are_unknown() -> None:
    """12K may be 12,000 or 12,499; a broken line is weird."""
    text = (
        "Chain FORWARD (policy DROP 12K packets, 3M bytes)\n"
        " pkts bytes target     prot opt in     out     source               destination\n"
        "  12K   3M ACCEPT     all  --  eth0   !eth1   10.0.0.0/8           !192.168.0.0/16      ctstate NEW\nhello\n"
    )
    policy, rule = _rules(text)
    assert (policy.packets, policy.drops) == (None, True)
    assert (rule.packets, rule.match) == (
        None,
        "-i eth0 -o !eth1 -s 10.0.0.0/8 -d !192.168.0.0/16 ctstate NEW",
    )
    assert weirds(reader, text) == [4]


def test_without_devices() -> None:
    """`iptables -L`, with names or numbers."""
    assert any(
        rule.match == "-p tcp tcp dpt:ssh" and rule.drops for rule in _rules(sample("iptables_list/nft"))
    )
    assert any(
        rule.match == "-p 6 tcp dpt:22" and rule.drops for rule in _rules(sample("iptables_list/nft_n"))
    )


def test_list_rules_gives_the_rows_of_iptables_save() -> None:
    """`iptables -S -v` and the filter table of `iptables-save -c`."""

    def said(text: str) -> set[tuple[str, str, str, int | None]]:
        found = [row for row in rows(iptables_save, text) if isinstance(row, Rule)]
        return {
            (r.place, r.match, r.actions, r.packets)
            for r in found
            if r.place.startswith("ip filter") and r.match != "policy"
        }

    listed = said(sample("iptables_save/list_rules_v"))
    assert {("ip filter INPUT", "-p tcp -m tcp --dport 22", "DROP", 0)} <= listed
    assert {rule[:3] for rule in listed} == {rule[:3] for rule in said(sample("iptables_save/list_rules"))}
    assert {
        r.place
        for r in rows(iptables_save, "-A c -j DROP\nx\n", "ip6tables -t nat -S")
        if isinstance(r, Rule)
    } == {"ip6 nat c"}
    assert weirds(iptables_save, "-A c -j DROP\nx\n", "ip6tables -t nat -S") == [2]
    assert weirds(iptables_save, "x\n", "iptables -S") == [1]
    assert recognised(iptables_save, "", "iptables -S")


def test_recognition() -> None:
    """By command when empty, else by its first chain."""
    assert recognised(reader, "", "iptables -L -v -n -x")
    assert recognised(reader, "", "ip6tables -t nat -vnL")
    assert not recognised(reader, "", "iptables -A INPUT -j DROP")
    assert not recognised(reader, "Chain of events (policy)\n")


def test_rules_that_take_some_at_random_or_in_turns() -> None:
    """`-m statistic` in both listings: the same counters, and of the 400 packets sent those that were dropped."""
    saved = [row for row in rows(iptables_save, sample("iptables_save/statistic_c")) if isinstance(row, Rule)]
    listed = [row for row in rows(reader, sample("iptables_list/statistic_vnx")) if isinstance(row, Rule)]
    for found in (saved, listed):
        dropping = [rule for rule in found if rule.drops]
        assert [(rule.place, rule.packets, rule.bytes) for rule in dropping] == [
            ("ip filter OUTPUT", 14, 1092), ("ip filter OUTPUT", 50, 3900),
        ]  # fmt: skip
    assert saved[-1].match.endswith("--dport 9002 -m statistic --mode nth --every 4 --packet 1")
    assert listed[-1].match.endswith("udp dpt:9002 statistic mode nth every 4 packet 1")
