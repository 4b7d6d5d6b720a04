"""What logs, counters, rules and settings say of the padding fault: the layers that do not see packets on a wire."""

import re
from typing import Final

import numpy as np

from lastseen.faults.counting import agrees, joined_to_lost, moved_text
from lastseen.faults.facts import Delta, Facts, LossSite
from lastseen.faults.invalid import takes_invalid
from lastseen.faults.ovs_conntrack_padding.padding import (
    ETHERNET_HEADER,
    SHORTEST_UNPADDED,
    misjudged,
    padded_count,
)
from lastseen.faults.tracking_table import FAMILIES
from lastseen.tables.counted import agreed, counted
from lastseen.tables.ct_state import ct_state
from lastseen.tables.details import column
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Reason

__all__ = [
    "about_padding",
    "against",
    "agreeing",
    "component",
    "context",
    "is_told",
    "log_alone",
    "rules_alone",
    "settings_against",
]

FEWEST_COUNTED: Final = 2
"""Where each lost packet should have been counted and not one in so many was, the counter contradicts."""
CHECKSUM_SETTING: Final = "net.netfilter.nf_conntrack_checksum"
_BAD_CHECKSUM: Final = "checksum"
_SWITCH_PORTS: Final = "ovs-system"
"""What `ip link` calls the master of every port of an Open vSwitch with the kernel's datapath."""
_OF_A_SWITCH: Final = re.compile(r"genev_sys|vxlan_sys|gre_sys|ovs-|br-(?:int|tun|ex)|qvo")
"""Interfaces that only an Open vSwitch has: its own tunnel devices (Open vSwitch lib/netdev-vport.c)
and bridges and ports as Neutron names them."""
_INVALID, _TRACKED = 0x10, 0x20
_BY_SHAPE: Final = re.compile(r"\b(?:length|flags|u32|@nh|@th)\b")
"""Words of nft and iptables matches that take packets by their length or flags."""


# ---- for ----
def agreeing(site: LossSite, facts: Facts) -> tuple[list[Reason], list[str]]:
    """(reasons from logs and counters that agree, what of them is missing)."""
    log, log_missing = _log(site, facts)
    counters, counters_missing = _counters(site, facts)
    return log + counters, log_missing + counters_missing


def about_padding(site: LossSite, facts: Facts) -> bool:
    """Whether a layer says more than "invalid": that the checksum was wrong, or that the buffer held the padding.

    conntrack calls late resets and FINs invalid as well, and those are short.
    """
    lost = _lost(site)
    hits = _invalid_rules(facts, site.node)
    untrimmed = any(agrees(d.value, lost) and _is_untrimmed(r, d, site) for r, d in hits)
    return untrimmed or bool(joined_to_lost(facts, site, facts.invalid_lines(_BAD_CHECKSUM, site.node)))


def _lost(site: LossSite) -> int:
    """Packets conntrack should have counted: the padded that never arrived, unproven ones included.

    Where the capture is too early to show padding, all of them.
    """
    padded = padded_count(site.upstream, site.lost_rows) + padded_count(site.upstream, site.unproven_rows)
    return padded or len(site.lost_rows) + len(site.unproven_rows)


def _log(site: LossSite, facts: Facts) -> tuple[list[Reason], list[str]]:
    lines = facts.invalid_lines(_BAD_CHECKSUM, site.node)
    mine = joined_to_lost(facts, site, lines)
    if not mine:
        if lines:
            return [], ["a kernel log line that speaks of one of the lost packets"]
        return [], ["the kernel log with net.netfilter.nf_conntrack_log_invalid=255"]
    copies = len({c.file for line in mine for c in line.copies})
    total = len(site.lost_rows) + len(site.unproven_rows)
    text = (
        f'{counted(len(mine), "kernel log line")} "{mine[0].line.reason}", each joined to one of the '
        f"{total} lost packets by "
        "addresses, sequence number, flags and IP id"
        + (f" (the same lines stand in {copies + 1} files)" if copies else "")
    )
    sizes = sorted({line.line.packet.ip_len_bytes or 0 for line in mine if line.line.packet})
    if sizes and sizes[0] > 0 and sizes[-1] < SHORTEST_UNPADDED:
        text += f"; all of IP length {', '.join(map(str, sizes))}, shorter than an unpadded frame holds"
    return [Reason(text=text, source=mine[0].line.source)], []


def _counters(site: LossSite, facts: Facts) -> tuple[list[Reason], list[str]]:
    """conntrack's invalid counter and the rule that dropped, held against the number of lost packets."""
    lost = _lost(site)
    reasons, missing = [], []
    invalid = _invalid(facts, site.node)
    if invalid is None:
        missing.append("conntrack -S before and after")
    elif agrees(invalid.value, lost):
        reasons.append(
            Reason(text=moved_text("conntrack's invalid counter", invalid, lost), source=invalid.after)
        )
    hits = _invalid_rules(facts, site.node)
    if not hits:
        missing.append("hits of the rule or flow that drops invalid packets, before and after")
    for rule, delta in hits:
        if agrees(delta.value, lost):
            reasons.append(Reason(text=_rule_text(rule, delta, lost, site), source=delta.after))
    return reasons, missing


def _invalid(facts: Facts, node: str | None) -> Delta | None:
    deltas = (facts.counter_delta(family, "invalid", node) for family in FAMILIES)
    return next((delta for delta in deltas if delta is not None), None)


def _invalid_rules(facts: Facts, node: str | None) -> list[tuple[Rule, Delta]]:
    """Rules that match invalid packets and were hit, with how often."""
    return [
        (rule, delta)
        for layer in ("openflow", "nft", "iptables")
        for rule, delta in facts.rule_deltas(node, layer)
        if delta.value > 0 and takes_invalid(rule)
    ]


def _rule_text(rule: Rule, delta: Delta, lost: int, site: LossSite) -> str:
    text = moved_text(f"the rule '{rule.place} {rule.match}'", delta, lost)
    if delta.bytes is None or not _is_untrimmed(rule, delta, site):
        return text
    each, trimmed = delta.bytes / delta.value, _trimmed(rule, site)
    return f"{text}; {each:.0f} bytes a packet where {trimmed:.0f} would be trimmed: the buffer still held the padding"


def _is_untrimmed(rule: Rule, delta: Delta, site: LossSite) -> bool:
    return delta.bytes is not None and delta.bytes / delta.value > _trimmed(rule, site) + 0.5


def _trimmed(rule: Rule, site: LossSite) -> float:
    """Bytes a packet that a rule counts when the padding has been cut off: with the Ethernet header at a switch."""
    header = ETHERNET_HEADER if rule.layer == "openflow" else 0
    taken = misjudged(site.lost)
    return float(np.mean(column(site.lost[taken] if taken.any() else site.lost, "ip_len"))) + header


# ---- against ----
def against(site: LossSite, facts: Facts) -> list[Reason]:
    """What settings, counters and rules of the host that lost the packets say against the fault.

    Where the captures do not say which host that is, texts speak for it only if they are as nameless as both points.
    """
    node = site.node
    if node is None and site.upstream.node == site.downstream.node:
        node = site.upstream.node
    if node is None:
        return []
    return [*settings_against(facts, node), *_counters_against(site, facts, node)]


def settings_against(facts: Facts, node: str | None) -> list[Reason]:
    """conntrack's checksum test switched off, in every snapshot there is."""
    found = facts.setting(CHECKSUM_SETTING, node)
    if found and all(setting.value == "0" for setting in found):
        text = "conntrack does not verify checksums there (nf_conntrack_checksum = 0)"
        return [Reason(text=text, source=found[0].source)]
    return []


def _counters_against(site: LossSite, facts: Facts, node: str) -> list[Reason]:
    if joined_to_lost(facts, site, facts.invalid_lines(_BAD_CHECKSUM)):
        return []
    lost, found = _lost(site), _other_reasons(site, facts)
    invalid = _invalid(facts, node)
    if invalid is not None and 0 <= invalid.value * FEWEST_COUNTED < max(lost, 1):
        text = "conntrack judged no packet invalid there between the snapshots"
        if invalid.value:
            text = (
                f"conntrack judged only {counted(invalid.value, 'packet')} invalid there, and {lost} "
                f"{agreed(lost, 'are')} missing"
            )
        found.append(Reason(text=text, source=invalid.after))
    hits = _invalid_rules(facts, node)
    if not hits:
        found += _rules_by_shape(site, facts, node)
    return found + ([] if _bridge(site, facts) else _trimmed_already(hits, site))


def _other_reasons(site: LossSite, facts: Facts) -> list[Reason]:
    """Lines that call lost packets invalid for something else than their checksum."""
    lines = joined_to_lost(
        facts, site, [x for x in facts.invalid_lines("") if _BAD_CHECKSUM not in x.line.reason]
    )
    if not lines:
        return []
    text = f'conntrack called {len(lines)} of the lost packets invalid for another reason: "{lines[0].line.reason}"'
    return [Reason(text=text, source=lines[0].line.source)]


def _trimmed_already(hits: list[tuple[Rule, Delta]], site: LossSite) -> list[Reason]:
    """Rules behind the IP layer that counted the lost packets without their padding: it was cut before conntrack.

    A Linux bridge trims once more between conntrack and the forward hook (br_validate_ipv4 in
    net/bridge/br_netfilter_hooks.c), so there this says nothing.
    """
    lost = _lost(site)
    return [
        Reason(
            text=f"'{rule.place} {rule.match}' counted {delta.bytes} bytes for "
            f"{counted(delta.value, 'packet')}: no padding",
            source=delta.after,
        )
        for rule, delta in hits
        if rule.layer != "openflow"
        and delta.bytes
        and agrees(delta.value, lost)
        and not _is_untrimmed(rule, delta, site)
    ]


def _rules_by_shape(site: LossSite, facts: Facts, node: str) -> list[Reason]:
    """A rule that drops by length or flags and was hit once for each lost packet."""
    total = len(site.lost_rows) + len(site.unproven_rows)
    return [
        Reason(
            text=f"'{rule.place} {rule.match}' drops and was hit {counted(delta.value, 'time')}",
            source=delta.after,
        )
        for layer in ("nft", "iptables")
        for rule, delta in facts.rule_deltas(node, layer)
        if rule.drops and _BY_SHAPE.search(rule.match) and agrees(delta.value, total)
    ]


# ---- component, context ----
def component(site: LossSite, facts: Facts) -> str:
    """Who misjudged the packets, as far as the evidence of the hop shows it."""
    node = _host_of_loss(site, facts)
    host = facts.host(node)
    if node is None:
        return f"connection tracking on {host}"
    if bridge := _bridge(site, facts):
        return f"connection tracking (netfilter) of the Linux bridge {bridge} on {host}"
    if any(rule.layer in ("openflow", "datapath") and rule.node == node for rule in facts.rules):
        return f"Open vSwitch connection tracking on {host}"
    return f"connection tracking (netfilter) on {host}"


def _bridge(site: LossSite, facts: Facts) -> str:
    """The Linux bridge whose ports both points of the hop are; "" where there is none."""
    ends = (site.upstream.interface, site.downstream.interface)
    masters = [
        {i.master for i in facts.interfaces if (i.node, i.name) == (site.node, name) and i.master}
        for name in ends
    ]
    shared = masters[0] & (masters[1] - {_SWITCH_PORTS})
    return shared.pop() if len(shared) == 1 else ""


def is_told(site: LossSite, facts: Facts) -> bool:
    """Whether anything beside the packets tells conntrack from a rule on the length: an Open vSwitch, or the rules."""
    names = (p.interface or p.name for p in (site.upstream, site.downstream))
    if any(_OF_A_SWITCH.search(name) for name in names):
        return True
    return any(rule.node in (site.node, site.downstream.node) for rule in facts.rules)


def _host_of_loss(site: LossSite, facts: Facts) -> str | None:
    """The node the hop lies on, or the one whose log speaks of the lost packets; None: not known."""
    if site.node is not None:
        return site.node
    nodes = {line.line.node for line in joined_to_lost(facts, site, facts.invalid_lines(_BAD_CHECKSUM))}
    return nodes.pop() if len(nodes) == 1 else None


def context(site: LossSite, facts: Facts) -> list[Reason]:
    """Settings and versions that bear on the fault without deciding it."""
    reasons = []
    setting = facts.setting(CHECKSUM_SETTING, site.node)
    if setting and setting[-1].value == "1":
        text = "conntrack verifies checksums there (nf_conntrack_checksum = 1)"
        reasons.append(Reason(text=text, source=setting[-1].source))
    reasons += _dropping_flow(site, facts)
    kernel, module = facts.version("kernel", site.node), facts.version("openvswitch_module", site.node)
    if module is not None:
        text = f"the Open vSwitch module in use is {module.detail or module.version}"
        if kernel is not None:
            text += (
                f" on kernel {kernel.version}; the trim is in Linux since 4.16 (9382fe71c005), so what runs must be"
                " looked at, not its version"
            )
        reasons.append(Reason(text=text, source=module.source))
    return reasons


def _dropping_flow(site: LossSite, facts: Facts) -> list[Reason]:
    """A datapath flow that drops invalid packets, seen while it lived."""
    both = _INVALID | _TRACKED
    for rule in facts.rules:
        state = ct_state(rule.match) if rule.layer == "datapath" and rule.drops else None
        if state and site.node in (None, rule.node) and state[0] & state[1] & both == both:
            return [
                Reason(
                    text="a datapath flow of that time matches ct_state +inv+trk and drops",
                    source=rule.source,
                )
            ]
    return []


# ---- texts alone ----
def log_alone(facts: Facts) -> tuple[list[Reason], list[Reason]]:
    """(for, against) from the kernel log without captures of a loss: short packets only, or longer ones too."""
    told = [
        (line, line.line.packet.ip_len_bytes)
        for line in facts.invalid_lines(_BAD_CHECKSUM)
        if line.line.packet and line.line.packet.ip_len_bytes
    ]
    long = [line for line, size in told if size >= SHORTEST_UNPADDED]
    if long:
        text = (
            f'{counted(len(long), "kernel log line")} "{long[0].line.reason}" '
            f"{agreed(len(long), 'speak')} of packets that need no padding"
        )
        return [], [Reason(text=text, source=long[0].line.source)]
    if not told:
        return [], []
    text = (
        f'{counted(len(told), "kernel log line")} "{told[0][0].line.reason}" of packets shorter than an '
        "unpadded frame holds "
        f"(IP length below {SHORTEST_UNPADDED}), and of no longer one"
    )
    return [Reason(text=text, source=told[0][0].line.source)], []


def rules_alone(facts: Facts) -> list[Reason]:
    """Rules hit by invalid packets whose bytes a packet show an untrimmed buffer: 60 at a switch, 46 at IP."""
    reasons = []
    for rule, delta in _invalid_rules(facts, None):
        whole = SHORTEST_UNPADDED + (ETHERNET_HEADER if rule.layer == "openflow" else 0)
        if delta.bytes is not None and delta.bytes == whole * delta.value:
            text = (
                f"'{rule.place} {rule.match}' was hit {counted(delta.value, 'time')} with {whole} bytes a "
                "packet: padded to the"
                " minimum"
            )
            reasons.append(Reason(text=text, source=delta.after))
    return reasons
