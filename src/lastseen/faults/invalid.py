"""What makes a loss connection tracking's doing: packets it judged invalid, and a rule that drops those.

conntrack itself drops nothing it calls invalid; a rule does (`ct state invalid drop`, `ct_state=+inv+trk`). Several
faults end there, and what differs is why conntrack was of that opinion, so the shared part stands here
(Linux net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_core.c).
"""

import re
from typing import Final

from lastseen.faults.counting import agrees, dropping_rules, joined_to_lost, lost_at, moved_text
from lastseen.faults.facts import Facts, JoinedLine, LossSite
from lastseen.faults.tracking_table import FAMILIES
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown
from lastseen.tables.counted import agreed, counted
from lastseen.tables.ct_state import CT_STATE_BITS, ct_state
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Reason

__all__ = [
    "OUT_OF_STATE",
    "OUT_OF_WINDOW",
    "asks_state",
    "invalid_count",
    "invalid_lines_for",
    "invalid_rule",
    "judged_invalid",
    "takes_invalid",
]

OUT_OF_WINDOW: Final = re.compile(r"(?:SEQ|ACK) is over |over (?:the )?upper bound|under the lower bound")
"""Both generations of the texts (before and since Linux 6.1; since then what is under a lower bound passes)."""
OUT_OF_STATE: Final = re.compile(r"invalid new|invalid state|in dir \d invalid, state")
"""Of packets that begin no entry, or do not fit the state of theirs: both generations of the texts."""
FEWEST_COUNTED: Final = 3
"""A counter that moved by less than a third of what was lost speaks of other packets."""
_NFT_INVALID: Final = re.compile(r"\bct state (?!!=)[^!]{0,80}?\binvalid\b")
_IPTABLES_INVALID: Final = re.compile(r"(?<!! )--(?:ct)?state \S{0,80}\bINVALID\b")
_ANY_STATE: Final = re.compile(r"\bct state\b|--(?:ct)?state\b|ct_state|\bct\.")


def asks_state(rule: Rule) -> bool:
    """Whether a rule asks connection tracking anything."""
    return _ANY_STATE.search(rule.match) is not None


def takes_invalid(rule: Rule) -> bool:
    """Whether a rule is about what conntrack calls invalid, whatever it does with it."""
    if rule.layer in ("openflow", "datapath"):
        asked = ct_state(rule.match)
        return asked is not None and bool(asked[0] & asked[1] & CT_STATE_BITS["inv"])
    pattern = _IPTABLES_INVALID if rule.layer == "iptables" else _NFT_INVALID
    return pattern.search(rule.match) is not None


def invalid_rule(facts: Facts, site: LossSite) -> Fact:
    """That a rule of the hop's node which drops invalid packets was hit by as many as were lost."""
    lost = lost_at(site)
    for rule, delta in dropping_rules(facts, site):
        if takes_invalid(rule):
            what = f"the rule '{rule.place}: {rule.match}', which drops what conntrack calls invalid,"
            return Observed(reason=Reason(text=moved_text(what, delta, lost), source=delta.after))
    return Unknown(missing="hits of the rule or flow that drops invalid packets, before and after")


def invalid_count(facts: Facts, site: LossSite) -> Fact:
    """That conntrack's invalid counter of the hop's node moved by what was lost; contradicted where it stood still."""
    lost = lost_at(site)
    for family in FAMILIES:
        delta = facts.counter_delta(family, "invalid", site.node)
        if delta is None:
            continue
        if agrees(delta.value, lost):
            text = moved_text("conntrack's invalid counter", delta, lost)
            return Observed(reason=Reason(text=text, source=delta.after))
        if delta.value * FEWEST_COUNTED < lost:
            text = (
                f"conntrack judged {counted(delta.value, 'packet')} invalid there, and {lost} "
                f"{agreed(lost, 'are')} missing"
            )
            return Contradicted(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="conntrack -S of the hop, before and after")


def invalid_lines_for(
    facts: Facts, site: LossSite, pattern: re.Pattern[str]
) -> tuple[list[JoinedLine], list[JoinedLine]]:
    """(lines about lost packets whose reason fits, lines about lost packets that give another reason)."""
    lines = joined_to_lost(facts, site, facts.lines("conntrack_invalid", site.node))
    lines = [line for line in lines if not _PASSES.search(line.line.reason)]
    fitting = [line for line in lines if pattern.search(line.line.reason)]
    return fitting, [line for line in lines if line not in fitting]


_PASSES: Final = re.compile(r"bytes more than expected|under lower bound|\bignored\b")
"""Logged of packets that conntrack lets pass and counts nowhere (nf_conntrack_tcp_packet returns NF_ACCEPT)."""


def judged_invalid(facts: Facts, site: LossSite) -> tuple[Fact, Fact]:
    """(that conntrack judged the lost packets invalid, by whichever layer tells; what the other layer says)."""
    count, rule = invalid_count(facts, site), invalid_rule(facts, site)
    if isinstance(count, (Contradicted, Observed)):
        return count, rule
    return (rule, count) if isinstance(rule, Observed) else (count, rule)
