"""Connection tracking sums Ethernet padding into the checksum of short packets and calls them invalid.

An Ethernet frame has at least 60 bytes, so an IPv4 packet shorter than 46 bytes is padded. Every path to the
kernel's nf_ip_checksum() cuts the buffer to the IP length first, but ovs_ct_execute() did not before Linux 4.16:
the sum then includes the padding's length, never comes out right, and the packet is "invalid"; a flow or rule
drops it. See Ed Swierk, ovs-dev, December 2017 (mail.openvswitch.org/pipermail/ovs-dev/2017-December/341673.html)
and Linux commit 9382fe71c0058465e942a633869629929102843d.

Mechanism and component are separate facts: what is recognised here is the padding misjudged; who misjudged it is
what the evidence of the hop shows.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import Delta, Facts, JoinedLine, LossSite
from lastseen.faults.ovs_conntrack_padding.remedies import experiments, remedies
from lastseen.tables.ct_state import ct_state
from lastseen.tables.details import CHECKSUM_BAD, CHECKSUM_GOOD, DetailRows, column
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Judgement, Reason, Refuted, Supported, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovs_conntrack_padding"
TITLE: Final = "conntrack counts Ethernet padding as TCP bytes and judges short packets invalid"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "a rule on the packet length drops the same packets; conntrack's invalid counter then stays put",
    "packet_corruption": "the checksum over the IP length is wrong on the wire as well",
}

SHORTEST_UNPADDED: Final = 46
"""Bytes of IP packet that fill the smallest Ethernet frame: 60 without its checksum, less 14 of header (IEEE 802.3)."""
ETHERNET_HEADER: Final = 14
IPV4: Final = 4
TCP: Final = 6
LAG_PACKETS: Final = 2
"""Counters read while packets still come lag by one or two (measured on the recorded cases)."""
_INVALID, _TRACKED = 0x10, 0x20
_BAD_CHECKSUM: Final = "checksum"


def judge(facts: Facts) -> Judgement:
    """Supported where exactly the padded packets vanish and their checksum is right but for the padding."""
    candidates = [site for site in facts.sites if len(site.lost_rows)]
    judged = [(_judge_site(site, facts)) for site in candidates]
    for outcome in (Supported, Untestable):
        best = next((judgement for judgement in judged if isinstance(judgement, outcome)), None)
        if best is not None:
            return best
    if judged:
        return judged[0]
    return _without_losses(facts)


# ---- with captures on both sides of a loss ----
def _judge_site(site: LossSite, facts: Facts) -> Judgement:
    against = _against(site, facts)
    if against:
        return Refuted(fault=SLUG, against=tuple(against))
    missing = _not_testable(site)
    agreeing, absent = _other_layers(site, facts)
    if missing:
        return Untestable(
            fault=SLUG,
            missing=tuple(missing),
            reasons=tuple(agreeing),
            component=_component(site, facts),
            next=experiments(confirmed=False),
        )
    reasons = _from_captures(site)
    return Supported(
        fault=SLUG,
        confirmed=bool(agreeing),
        reasons=tuple(reasons + agreeing + _context(site, facts)),
        missing=tuple(absent),
        summary=_summary(site, facts),
        component=_component(site, facts),
        hop=site.number,
        remedies=remedies(facts, site.node),
        next=experiments(confirmed=bool(agreeing)),
    )


def _against(site: LossSite, facts: Facts) -> list[Reason]:
    """What contradicts the fault at this hop."""
    against = []
    lost_pads, arrived_pads = column(site.lost, "padding_len"), column(site.delivered, "padding_len")
    bare = np.flatnonzero((lost_pads == 0) & ~_short(site.lost))
    if len(bare):
        text = f"{len(bare)} of {len(lost_pads)} packets lost at this hop are long enough to need no padding"
        against.append(
            Reason(text=text, source=site.source(int(column(site.lost, "frame_number")[bare[0]]) - 1))
        )
    padded = np.flatnonzero(
        ((arrived_pads > 0) | _short(site.delivered)) & (column(site.delivered, "ip_proto") == TCP)
    )
    if len(padded):
        row = int(column(site.delivered, "frame_number")[padded[0]]) - 1
        text = f"{len(padded)} packets of the same direction that need padding passed this hop"
        against.append(Reason(text=text, source=site.source(row)))
    wrong = np.flatnonzero(column(site.lost, "checksum") == CHECKSUM_BAD)
    if len(wrong):
        row = int(column(site.lost, "frame_number")[wrong[0]]) - 1
        text = f"{len(wrong)} lost packets have a wrong checksum on the wire already: real corruption"
        against.append(Reason(text=text, source=site.source(row)))
    return against + _settings_against(site, facts) + _counters_against(site, facts)


def _short(rows: DetailRows) -> npt.NDArray[np.bool_]:
    """Which packets have to be padded on an Ethernet, whether they were already (a sender's capture is too early)."""
    return (column(rows, "ip_version") == IPV4) & (column(rows, "ip_len") < SHORTEST_UNPADDED)


def _settings_against(site: LossSite, facts: Facts) -> list[Reason]:
    found = facts.setting("net.netfilter.nf_conntrack_checksum", site.node)
    if found and all(setting.value == "0" for setting in found):
        return [
            Reason(
                text="conntrack does not verify checksums there (nf_conntrack_checksum = 0)",
                source=found[0].source,
            )
        ]
    return []


def _counters_against(site: LossSite, facts: Facts) -> list[Reason]:
    if site.node is None:
        return []
    invalid = facts.counter_delta("conntrack", "invalid", site.node)
    if invalid is not None and invalid.value == 0 and not facts.invalid_lines(_BAD_CHECKSUM, site.node):
        return [
            Reason(
                text="conntrack judged no packet invalid there between the snapshots", source=invalid.after
            )
        ]
    return []


def _not_testable(site: LossSite) -> list[str]:
    """What keeps the required facts from being tested."""
    missing = []
    if (column(site.lost, "padding_len") == 0).any():
        missing.append(
            f"a capture nearer the loss than {site.upstream.name}: there the packets were not padded yet"
        )
    if not len(site.delivered):
        missing.append("a delivered packet of the same direction and connection to compare with")
    if not (column(site.lost, "checksum") == CHECKSUM_GOOD).any():
        missing.append("whole packets (a larger snap length), so that checksums can be computed")
    return missing


def _from_captures(site: LossSite) -> list[Reason]:
    """The required facts as the captures show them."""
    frames = column(site.lost, "frame_number")
    first = site.source(int(frames[0]) - 1)
    lost, arrived = len(site.lost_rows), len(site.delivered_rows)
    reasons = [
        Reason(
            text=f"{lost} of {lost + arrived + len(site.unproven_rows)} packets of this direction were last seen at "
            f"{site.upstream.name} and never reached {site.downstream.name}" + _kinds(site),
            source=first,
        ),
        Reason(
            text=f"all {lost} carried Ethernet padding where they were last seen; none of the {arrived} delivered did",
            source=first,
        ),
    ]
    good = column(site.lost, "checksum") == CHECKSUM_GOOD
    residual, pad = column(site.lost, "untrimmed_residual"), column(site.lost, "padding_len")
    zero = good & (column(site.lost, "padding_nonzero") == 0) & (residual >= 0)
    if zero.any() and (residual[zero] == pad[zero]).all():
        sizes = sorted(set(pad[zero].tolist()))
        text = (
            f"the checksum of {int(zero.sum())} of them is right over the IP length and wrong over all bytes present, "
            f"by exactly the padding's length ({', '.join(map(str, sizes))})"
        )
        reasons.append(Reason(text=text, source=first))
    elif good.any() and (residual[good] > 0).any():
        text = "the checksums are right over the IP length and wrong over all bytes present"
        reasons.append(Reason(text=text, source=first))
    return reasons


def _kinds(site: LossSite) -> str:
    """How many FINs, RSTs and bare ACKs were lost, e.g. " (10 FIN, 3 ACK, 7 RST)"."""
    flags, size = column(site.lost, "tcp_flags"), column(site.lost, "payload_len")
    fin, rst = (flags & 1) > 0, (flags & 4) > 0
    counts = {
        "FIN": int(fin.sum()),
        "ACK": int((~fin & ~rst & (size == 0) & ((flags & 0x12) == 0x10)).sum()),
        "RST": int((rst & ~fin).sum()),
        "data": int((~fin & ~rst & (size > 0)).sum()),
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f" ({said})" if said else ""


# ---- what other layers say ----
def _other_layers(site: LossSite, facts: Facts) -> tuple[list[Reason], list[str]]:
    """(reasons from logs and counters that agree, what of them is missing)."""
    log, log_missing = _log(site, facts)
    counters, counters_missing = _counters(site, facts)
    return log + counters, log_missing + counters_missing


def _log(site: LossSite, facts: Facts) -> tuple[list[Reason], list[str]]:
    lines = facts.invalid_lines(_BAD_CHECKSUM, site.node)
    mine = _joined(lines, site, facts)
    if not mine:
        if lines:
            return [], ["a kernel log line that speaks of one of the lost packets"]
        return [], ["the kernel log with net.netfilter.nf_conntrack_log_invalid=255"]
    total = len(site.lost_rows) + len(site.unproven_rows)
    copies = len({c.file for line in mine for c in line.copies})
    text = (
        f'{len(mine)} kernel log lines "{mine[0].line.reason}", each joined to one of the {total} lost packets by '
        "addresses, sequence number, flags and IP id"
        + (f" (the same lines stand in {copies + 1} files)" if copies else "")
    )
    lengths = {line.line.packet.ip_len_bytes for line in mine if line.line.packet}
    sizes = sorted(size for size in lengths if size is not None)
    if sizes and sizes[-1] < SHORTEST_UNPADDED:
        text += f"; all of IP length {', '.join(map(str, sizes))}, shorter than an unpadded frame holds"
    return [Reason(text=text, source=mine[0].line.source)], []


def _joined(lines: list[JoinedLine], site: LossSite, facts: Facts) -> list[JoinedLine]:
    """Lines joined to a packet lost (or unproven) at this site."""
    rows = set(site.lost_rows.tolist()) | set(site.unproven_rows.tolist())
    return [
        line
        for line in lines
        if line.point is not None and facts.matching.points[line.point] is site.upstream and line.row in rows
    ]


def _counters(site: LossSite, facts: Facts) -> tuple[list[Reason], list[str]]:
    """conntrack's invalid counter and the rule that dropped, held against the number of lost packets."""
    lost = len(site.lost_rows) + len(site.unproven_rows)
    reasons, missing = [], []
    invalid = facts.counter_delta("conntrack", "invalid", site.node) or facts.counter_delta(
        "conntrack_proc", "invalid", site.node
    )
    if invalid is None:
        missing.append("conntrack -S before and after")
    elif _agrees(invalid.value, lost):
        reasons.append(
            Reason(text=_moved("conntrack's invalid counter", invalid, lost), source=invalid.after)
        )
    hits = _invalid_rules(facts, site.node)
    if not hits:
        missing.append("hits of the rule or flow that drops invalid packets, before and after")
    for rule, delta in hits:
        if _agrees(delta.value, lost):
            reasons.append(Reason(text=_rule_text(rule, delta, lost, site), source=delta.after))
    return reasons, missing


def _agrees(value: int, lost: int) -> bool:
    """Whether a counter moved by as much as was lost, allowing for the moment it was read."""
    return value > 0 and lost - LAG_PACKETS <= value <= lost + LAG_PACKETS


def _moved(what: str, delta: Delta, lost: int) -> str:
    if delta.value == lost:
        return f"{what} moved by {delta.value}, one for each lost packet"
    lag = (
        "the snapshot was read before the last ones came"
        if delta.value < lost
        else "other packets were counted too"
    )
    return f"{what} moved by {delta.value} for {lost} lost packets ({lag})"


def _invalid_rules(facts: Facts, node: str | None) -> list[tuple[Rule, Delta]]:
    """Rules that match invalid packets and were hit, with how often."""
    found = []
    for layer in ("openflow", "nft", "iptables"):
        for rule, delta in facts.rule_deltas(node, layer):
            if delta.value > 0 and _matches_invalid(rule):
                found.append((rule, delta))
    return found


def _matches_invalid(rule: Rule) -> bool:
    if rule.layer == "openflow":
        state = ct_state(rule.match)
        return state is not None and bool(state[0] & _INVALID) and bool(state[1] & _INVALID)
    return "invalid" in rule.match.lower()


def _rule_text(rule: Rule, delta: Delta, lost: int, site: LossSite) -> str:
    text = _moved(f"the rule '{rule.place} {rule.match}'", delta, lost)
    if delta.bytes is None:
        return text
    each = delta.bytes / delta.value
    header = ETHERNET_HEADER if rule.layer == "openflow" else 0
    trimmed = float(np.mean(column(site.lost, "ip_len"))) + header
    if each > trimmed + 0.5:
        text += f"; {each:.0f} bytes a packet where {trimmed:.0f} would be trimmed: the buffer still held the padding"
    return text


# ---- component, context, summary ----
def _component(site: LossSite, facts: Facts) -> str:
    host = facts.host(site.node)
    if any(rule.layer in ("openflow", "datapath") and site.node in (None, rule.node) for rule in facts.rules):
        return f"Open vSwitch connection tracking on {host}"
    return f"connection tracking (netfilter) on {host}"


def _context(site: LossSite, facts: Facts) -> list[Reason]:
    """Settings and versions that bear on the fault without deciding it."""
    reasons = []
    setting = facts.setting("net.netfilter.nf_conntrack_checksum", site.node)
    if setting and setting[-1].value == "1":
        reasons.append(
            Reason(
                text="conntrack verifies checksums there (nf_conntrack_checksum = 1)",
                source=setting[-1].source,
            )
        )
    reasons += _dropping_flow(site, facts)
    kernel, module = facts.version("kernel", site.node), facts.version("openvswitch_module", site.node)
    if module is not None:
        text = f"the Open vSwitch module in use is {module.detail or module.version}"
        if kernel is not None:
            text += f" on kernel {kernel.version}; the trim is in Linux since 4.16 (9382fe71c005), so what runs must be looked at, not its version"
        reasons.append(Reason(text=text, source=module.source))
    return reasons


def _dropping_flow(site: LossSite, facts: Facts) -> list[Reason]:
    """A datapath flow that drops invalid packets, seen while it lived."""
    for rule in facts.rules:
        state = ct_state(rule.match) if rule.layer == "datapath" and rule.drops else None
        if (
            state
            and site.node in (None, rule.node)
            and state[0] & state[1] & (_INVALID | _TRACKED) == _INVALID | _TRACKED
        ):
            return [
                Reason(
                    text="a datapath flow of that time matches ct_state +inv+trk and drops",
                    source=rule.source,
                )
            ]
    return []


def _summary(site: LossSite, facts: Facts) -> str:
    where = "the client" if site.to_client else "the remote end"
    return (
        f"{len(site.lost_rows)} padded packets to {where} vanish between {site.upstream.name} and "
        f"{site.downstream.name}: {_component(site, facts)} counts the padding as TCP bytes, finds the checksum "
        "wrong and the packet invalid"
    )


# ---- without captures of a loss ----
def _without_losses(facts: Facts) -> Judgement:
    """No loss was located: what the texts alone suggest, or nothing."""
    lines = [
        line
        for line in facts.invalid_lines(_BAD_CHECKSUM)
        if line.line.packet and (line.line.packet.ip_len_bytes or SHORTEST_UNPADDED) < SHORTEST_UNPADDED
    ]
    passed = _passed(facts)
    if passed is not None:
        return Refuted(fault=SLUG, against=(passed,))
    reasons = _log_alone(lines) + _rules_alone(facts)
    found = facts.setting("net.netfilter.nf_conntrack_checksum", None)
    if found and all(setting.value == "0" for setting in found):
        text = "conntrack does not verify checksums (nf_conntrack_checksum = 0)"
        return Refuted(fault=SLUG, against=(Reason(text=text, source=found[0].source),))
    missing = ("captures on both sides of the hop that drops (tunnel interface and tap)",)
    return Untestable(fault=SLUG, missing=missing, reasons=tuple(reasons))


def _passed(facts: Facts) -> Reason | None:
    """A padded packet delivered to the last point while nothing was lost: this host trims or does not check."""
    if not facts.conversations or facts.sites:
        return None
    if len(facts.conversations[0].seen_at) > 1 and all(c.lost_packets == 0 for c in facts.conversations):
        source = facts.conversations[0].fin_source
        return Reason(text="no packet was lost between the points", source=source)
    return None


def _log_alone(lines: list[JoinedLine]) -> list[Reason]:
    if not lines:
        return []
    text = (
        f'{len(lines)} kernel log lines "{lines[0].line.reason}" of packets shorter than an unpadded frame holds '
        f"(IP length below {SHORTEST_UNPADDED}), and of no longer one"
    )
    return [Reason(text=text, source=lines[0].line.source)]


def _rules_alone(facts: Facts) -> list[Reason]:
    """Rules hit by invalid packets whose bytes a packet show an untrimmed buffer: 60 at a switch, 46 at IP."""
    reasons = []
    for rule, delta in _invalid_rules(facts, None):
        whole = SHORTEST_UNPADDED + (ETHERNET_HEADER if rule.layer == "openflow" else 0)
        if delta.bytes is not None and delta.bytes == whole * delta.value:
            text = f"'{rule.place} {rule.match}' was hit {delta.value} times with {whole} bytes a packet: padded to the minimum"
            reasons.append(Reason(text=text, source=delta.after))
    return reasons
