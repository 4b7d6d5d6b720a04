"""`iptables -L -v -n -x` (and less): rules as a table, with their counters.

Source: iptables 1.4 to 1.8, iptables/iptables.c `print_header`, `print_firewall` and nft-shared.c. The table's name
is not printed: it is the one of the command's `-t`, else filter. A count that is rounded (`12K`, without `-x`) is
not known exactly and is None. Since 1.8.9 a protocol is a number under `-n`; a rule may have no target, and
ip6tables leaves the options column empty.

Rows: `Rule` of layer "iptables", place "FAMILY TABLE CHAIN"; a policy is a rule of match "policy". `match` is
written like iptables' own options (`-p tcp -i eth0 -s 10.0.0.0/8`) with what stands behind the addresses; without
`-v` the interfaces are not known.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.iptables_rows import asked_table, rule_row
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "iptables -L"

_COMMAND = re.compile(
    r"(?:^|[\s/])ip6?tables(?:-nft|-legacy)?\s(?:[^;&|]{0,200}\s)?(?:-\w{0,6}L\w{0,6}|--list)(?:\s|$)"
)
_CHAIN = re.compile(
    r"^Chain (?P<chain>\S{1,128}) \((?:policy (?P<policy>[A-Z]{1,16})"
    r"(?: (?P<packets>[0-9]{1,20}[KMGT]?) packets, (?P<bytes>[0-9]{1,20}[KMGT]?) bytes)?"
    r"|(?:-?[0-9]{1,10}|ERROR obtaining) (?:references?|refs)[^)]{0,40})\)\s*$"
)
_HEADER = re.compile(
    r"^(?:num\s+)?(?:\s*pkts\s+bytes\s+)?target\s+prot\s+opt\s+(?P<devices>in\s+out\s+)?source\s+destination\s*$"
)
_COUNTS = r"(?P<packets>[0-9]{1,20}[KMGT]?)\s+(?P<bytes>[0-9]{1,20}[KMGT]?)\s+"
_PROTO = (
    r"(?P<proto>!?(?:all|tcp|udp|udplite|icmp|icmpv6|ipv6-icmp|esp|ah|sctp|gre|dccp|mh|ipv6|[0-9]{1,3}))\s+"
)
_ENDS = r"(?P<source>!?[0-9A-Za-z_.:/-]{1,90})\s+(?P<destination>!?[0-9A-Za-z_.:/-]{1,90})(?:\s+(?P<extra>\S.*))?\s*$"
_RULE_WITH_DEVICES = re.compile(
    rf"^(?:[0-9]{{1,6}}\s+)?\s*{_COUNTS}(?:(?P<target>\S{{1,64}})\s+)?{_PROTO}(?:(?:--|!?-f|!f)\s+)?"
    rf"(?P<in>\S{{1,20}})\s+(?P<out>\S{{1,20}})\s+{_ENDS}"
)
_RULE = re.compile(
    rf"^\s*(?:[0-9]{{1,6}}\s+)?(?:(?P<target>\S{{1,64}})\s+)?{_PROTO}(?:(?:--|!?-f|!f)\s+)?{_ENDS}"
)
_WARNING = re.compile(r"^# Warning: ")
_ANYWHERE = frozenset({"0.0.0.0/0", "::/0", "anywhere", "default"})


def recognise(head: Head) -> bool:
    """A `Chain NAME (policy ...)` line first; or the command, with no output."""
    first = next((line for line in head.lines if line.strip() and not _WARNING.match(line)), "")
    return bool(_CHAIN.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Rule | Weird]:
    """One `Rule` a line, one a policy."""
    table = asked_table(text.command)
    family = "ip6" if "ip6tables" in text.command else ""
    chain, with_devices = "", True
    for number, line in text.lines():
        if found := _CHAIN.match(line):
            chain = found["chain"]
            if found["policy"]:
                place = f"{family or 'ip'} {table} {chain}"
                yield rule_row(text, number, found, place=place, match="policy", actions=found["policy"])
        elif found := _HEADER.match(line):
            with_devices = found["devices"] is not None
        elif chain and (found := (_RULE_WITH_DEVICES if with_devices else _RULE).match(line)):
            known = family or ("ip6" if ":" in found["source"] else "ip")
            yield _rule(text, number, found, place=f"{known} {table} {chain}")
        elif line.strip() and not _WARNING.match(line):
            yield text.weird(number, "not a line of iptables -L")


def _rule(text: Text, number: int, found: re.Match[str], *, place: str) -> Rule:
    groups = found.groupdict()
    options = {
        "-p": "" if groups["proto"] in {"all", "0"} else groups["proto"],
        "-i": "" if groups.get("in") in {None, "*", "any"} else groups["in"],
        "-o": "" if groups.get("out") in {None, "*", "any"} else groups["out"],
        "-s": "" if groups["source"] in _ANYWHERE else groups["source"],
        "-d": "" if groups["destination"] in _ANYWHERE else groups["destination"],
    }
    extra = (groups["extra"] or "").strip()
    goto = "-g " if "[goto]" in extra.split() else ""
    parts = [f"{option} {value}" for option, value in options.items() if value]
    match = " ".join([*parts, *[word for word in extra.split() if word != "[goto]"]])
    return rule_row(text, number, found, place=place, match=match, actions=goto + (groups["target"] or ""))
