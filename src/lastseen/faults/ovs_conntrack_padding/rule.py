"""Connection tracking sums Ethernet padding into the checksum of short packets and calls them invalid.

An Ethernet frame has at least 60 bytes, so an IPv4 packet shorter than 46 bytes is padded. Every path to the
kernel's nf_ip_checksum() cuts the buffer to the IP length first, but ovs_ct_execute() did not before Linux 4.16:
the sum then includes the padding's length, never comes out right, and the packet is "invalid"; a flow or rule
drops it. See Ed Swierk, ovs-dev, December 2017 (mail.openvswitch.org/pipermail/ovs-dev/2017-December/341673.html)
and Linux commit 9382fe71c0058465e942a633869629929102843d.

Mechanism and component are separate facts: what is recognised here is the padding misjudged (`padding`); who
misjudged it is what the evidence of the hop shows (`other_layers`).
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.ovs_conntrack_padding import other_layers
from lastseen.faults.ovs_conntrack_padding.padding import (
    SHORTEST_UNPADDED,
    by_chance,
    chance_of,
    is_good,
    misjudged,
    short,
    spared,
    telling_flag,
)
from lastseen.faults.ovs_conntrack_padding.remedies import experiments, remedies
from lastseen.faults.patterns import LIKELY_CHANCE
from lastseen.tables.counted import agreed, all_of, counted
from lastseen.tables.details import CHECKSUM_BAD, column
from lastseen.tables.judgements import Judgement, Reason, Refuted, Supported, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovs_conntrack_padding"
TITLE: Final = "conntrack counts Ethernet padding as payload and judges short packets invalid"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "a rule on the packet length drops the same packets; conntrack's invalid counter then stays put",
    "packet_corruption": "the checksum over the IP length is wrong on the wire as well",
    "dataplane_padding": "there the packets arrive, or leave, rewritten: longer, or with a checksum over the padding",
}
FEWEST_SHORT: Final = 2
"""One lost packet that happens to be short says nothing of short packets."""
LENGTH_RULE: Final = "firewall_deny"
"""A rule on the length takes exactly the padded packets, too; no packet tells the two apart."""
REWRITTEN: Final = "dataplane_padding"
"""Where packets are last seen before they are padded, what counts the padding may have rewritten them, too."""
_Sentence = Callable[[int], str]
"""What is said of so many packets."""
BOTH_SIDES: Final = "captures on both sides of the hop that drops (tunnel interface and tap)"


def judge(facts: Facts) -> Judgement:
    """Supported where exactly the padded packets vanish and their checksum is right but for the padding."""
    judged = [_judge_site(site, facts) for site in facts.lossy()]
    for outcome in (Supported, Untestable):
        best = next((judgement for judgement in judged if isinstance(judgement, outcome)), None)
        if best is not None:
            return best
    if judged:
        return judged[0]
    return _without_losses(facts)


# ---- with captures on both sides of a loss ----
def _judge_site(site: LossSite, facts: Facts) -> Judgement:
    against = [*_against(site), *other_layers.against(site, facts)]
    if against:
        return Refuted(fault=SLUG, against=tuple(against))
    agreeing, absent = other_layers.agreeing(site, facts)
    missing = _not_testable(site)
    if not other_layers.about_padding(site, facts):
        missing += _or_a_flag(site)
    if not agreeing:
        missing += _or_chance(site)
    component = other_layers.component(site, facts)
    if missing:
        return Untestable(
            fault=SLUG,
            missing=tuple(missing),
            reasons=(*(_hints(site) if site.material or agreeing else ()), *agreeing),
            component=component,
            hop=site.number,
            next=experiments(confirmed=False),
            alike=() if agreeing else _alike(site, facts),
        )
    return Supported(
        fault=SLUG,
        confirmed=bool(agreeing),
        alike=() if agreeing or other_layers.is_told(site, facts) else (LENGTH_RULE,),
        reasons=(*_from_captures(site), *agreeing, *other_layers.context(site, facts)),
        missing=tuple(absent),
        summary=_summary(site, component),
        component=component,
        hop=site.number,
        remedies=remedies(facts, site.node),
        next=experiments(confirmed=bool(agreeing)),
    )


def _alike(site: LossSite, facts: Facts) -> tuple[str, ...]:
    """What else takes short packets alone, where nobody saw them padded and no rules are known."""
    rule = () if other_layers.is_told(site, facts) else (LENGTH_RULE,)
    return rule if misjudged(site.lost).any() else (*rule, REWRITTEN)


def _against(site: LossSite) -> list[Reason]:
    """What the packets of this hop say against the fault."""
    return [
        _reason(site, site.lost, where, say)
        for where, say in (
            *_lost_against(site),
            (
                _wrong_on_the_wire(site),
                lambda n: (
                    f"{counted(n, 'lost packet', 'have')} a wrong checksum on the wire already: real corruption"
                ),
            ),
        )
        if where.any()
    ] + [_reason(site, site.delivered, where, say) for where, say in _delivered_against(site) if where.any()]


def _reason(
    site: LossSite, rows: npt.NDArray[np.int64], where: npt.NDArray[np.bool_], say: _Sentence
) -> Reason:
    """A sentence about the chosen packets, with the first of them as proof."""
    first = int(column(rows, "frame_number")[int(np.argmax(where))]) - 1
    return Reason(text=say(int(where.sum())), source=site.source(first))


def _wrong_on_the_wire(site: LossSite) -> npt.NDArray[np.bool_]:
    wrong: npt.NDArray[np.bool_] = column(site.lost, "checksum") == CHECKSUM_BAD
    return wrong


def _short_but_not_padded(count: int) -> str:
    """Of packets that neither were padded where they were last seen nor could be behind it."""
    lost = counted(count, "lost packet", "were")
    return f"{lost} short but not padded where last seen, and nothing behind that point adds padding"


def _lost_against(site: LossSite) -> list[tuple[npt.NDArray[np.bool_], _Sentence]]:
    """Lost packets that the fault cannot have taken, and that were not lost by chance."""
    taken = misjudged(site.lost)
    unpadded = (column(site.lost, "padding_len") == 0) & ~by_chance(site)
    found = [
        (
            unpadded & ~short(site.lost),
            lambda n: (
                f"{n} of {len(site.lost)} packets lost at this hop {agreed(n, 'are')} long enough to need no padding"
            ),
        ),
        (
            spared(site) & ~by_chance(site),
            lambda n: (
                f"{counted(n, 'lost packet', 'were')} padded, but of a kind whose checksum padding does not touch"
            ),
        ),
    ]
    if taken.any() or site.node is not None:
        found.append((unpadded & short(site.lost), _short_but_not_padded))
    return found


def _delivered_against(site: LossSite) -> list[tuple[npt.NDArray[np.bool_], _Sentence]]:
    """Packets the fault would have taken, and did not. A sender's capture shows those before they are padded."""
    early = ~misjudged(site.lost).any() & short(site.delivered) & (column(site.delivered, "tcp_hdr_len") > 0)
    return [
        (
            misjudged(site.delivered) | early,
            lambda n: (
                f"{counted(n, 'packet')} of the same direction that {agreed(n, 'need')} padding passed this hop"
            ),
        )
    ]


def _not_testable(site: LossSite) -> list[str]:
    """What keeps the required facts from being tested."""
    missing = []
    kept = site.lost[~by_chance(site)]
    if (column(kept, "padding_len") == 0).any():
        missing.append(
            f"a capture nearer the loss than {site.upstream.name}: there the packets were not padded yet"
        )
    if not len(site.delivered):
        missing.append("a delivered packet of the same direction and connection to compare with")
    if not is_good(kept).any():
        missing.append("whole packets (a larger snap length), so that checksums can be computed")
    return missing


def _or_a_flag(site: LossSite) -> list[str]:
    """That a rule on a flag, or a state in which such packets are invalid, would explain the same loss."""
    flag = telling_flag(site)
    if not flag:
        return []
    return [
        f"a short packet without the {flag} flag, or the log's word on why (a rule on the flag takes the same packets)"
    ]


def _or_chance(site: LossSite) -> list[str]:
    """That so few lost packets may be the padded ones by chance."""
    if not misjudged(site.lost).any() or chance_of(site) <= LIKELY_CHANCE:
        return []
    return [f"more packets: that just the padded ones of so few were lost ({len(site.lost)}) may be chance"]


def _hints(site: LossSite) -> list[Reason]:
    """What the captures say for the fault where they cannot prove it."""
    if not len(site.delivered) or not len(site.lost):
        return []
    if misjudged(site.lost).any():
        return _from_captures(site) if chance_of(site) <= LIKELY_CHANCE else []
    if short(site.lost).sum() < FEWEST_SHORT or not short(site.lost).all() or short(site.delivered).any():
        return []
    text = (
        f"{all_of(len(site.lost), 'lost packet', 'are')} shorter than the smallest Ethernet frame holds (IP "
        "length below "
        f"{SHORTEST_UNPADDED}), and none of the {len(site.delivered)} delivered"
    )
    return [Reason(text=text, source=site.source(int(site.lost_rows[0])))]


def _from_captures(site: LossSite) -> list[Reason]:
    """The required facts as the captures show them."""
    taken = site.lost[misjudged(site.lost)]
    first = site.source(int(column(taken, "frame_number")[0]) - 1)
    lost, arrived = len(site.lost_rows), len(site.delivered_rows)
    reasons = [
        Reason(
            text=f"{lost} of {lost + arrived + len(site.unproven_rows)} packets of this direction "
            f"{agreed(lost, 'were')} last seen at "
            f"{site.upstream.name} and never reached {site.downstream.name}" + _kinds(site),
            source=first,
        ),
        Reason(text=_all_padded(site, len(taken)), source=first),
    ]
    checksums = _checksums(taken)
    return [*reasons, Reason(text=checksums, source=first)] if checksums else reasons


def _all_padded(site: LossSite, taken: int) -> str:
    text = f"all {taken} carried Ethernet padding where they were last seen"
    by_the_way = len(site.lost) - taken
    if by_the_way:
        text = (
            f"{taken} of them carried Ethernet padding; packets of the same shape as the other {by_the_way} passed"
            " later, so those were lost by chance"
        )
    passed = int((column(site.delivered, "padding_len") > 0).sum())
    if passed:
        return (
            f"{text}; the {counted(passed, 'padded packet')} delivered {agreed(passed, 'are')} of a kind "
            "whose checksum padding does not touch"
        )
    return f"{text}; none of the {len(site.delivered_rows)} delivered did"


def _checksums(taken: npt.NDArray[np.int64]) -> str:
    """How the checksums of the padded packets come out over both lengths; "" where none can be computed."""
    good = taken[is_good(taken)]
    if not len(good):
        return ""
    residual, pad = column(good, "untrimmed_residual"), column(good, "padding_len")
    if not column(good, "padding_nonzero").any() and (residual == pad).all():
        sizes = ", ".join(map(str, sorted(set(pad.tolist()))))
        return (
            f"the checksum of {len(good)} of them is right over the IP length and wrong over all bytes present, "
            f"by exactly the padding's length ({sizes})"
        )
    return f"the checksum of {len(good)} of them is right over the IP length and wrong over all bytes present"


def _kinds(site: LossSite) -> str:
    """How many FINs, RSTs and bare ACKs were lost, e.g. " (10 FIN, 3 ACK, 7 RST)"."""
    flags, size = column(site.lost, "tcp_flags"), column(site.lost, "payload_len")
    fin, rst, syn = (flags & 1) > 0, (flags & 4) > 0, (flags & 2) > 0
    counts = {
        "SYN": int(syn.sum()),
        "FIN": int(fin.sum()),
        "ACK": int((~fin & ~rst & ~syn & (size == 0) & ((flags & 0x10) > 0)).sum()),
        "RST": int((rst & ~fin).sum()),
        "data": int((~fin & ~rst & ~syn & (size > 0)).sum()),
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f" ({said})" if said else ""


def _summary(site: LossSite, component: str) -> str:
    where = "the client" if site.to_client else "the remote end"
    count = int(misjudged(site.lost).sum()) if len(site.lost) == len(site.lost_rows) else len(site.lost_rows)
    return (
        f"{counted(count, 'padded packet')} to {where} {agreed(count, 'vanish')} between {site.upstream.name} and "
        f"{site.downstream.name}: {component} counts the padding as payload, finds the checksum "
        "wrong and the packet invalid"
    )


# ---- without captures of a loss ----
def _without_losses(facts: Facts) -> Judgement:
    """No loss was located: what the texts alone suggest, or nothing."""
    off = other_layers.settings_against(facts, None)
    if off:
        return Refuted(fault=SLUG, against=tuple(off))
    reasons, against = other_layers.log_alone(facts)
    if not against:
        reasons += other_layers.rules_alone(facts)
    passed = _passed(facts, told=bool(reasons))
    if passed is not None:
        return Refuted(fault=SLUG, against=(passed,))
    return Untestable(fault=SLUG, missing=(BOTH_SIDES,), reasons=tuple(reasons), against=tuple(against))


def _passed(facts: Facts, *, told: bool) -> Reason | None:
    """That everything got through, where several points saw it and nobody waited for something from beyond them.

    `told`: texts speak of the fault; then a client that waited is no proof, as every point may lie on one side.
    """
    seen = [c for c in facts.conversations if len(c.seen_at) > 1 and c.number in facts.focus]
    if not seen or any(len(site.unproven_rows) for site in facts.sites):
        return None
    waited = any(c.stall and not _came_through(c) for c in seen) or (told and bool(facts.symptoms))
    if waited:
        return None
    return Reason(text="no packet was lost between the points", source=seen[0].fin_source)


def _came_through(conversation: ConversationFacts) -> bool:
    """The remote end's answer to the close arrived where the silence was felt: the way to the client was open.

    Elsewhere it proves nothing: a point before the loss sees what never arrives.
    """
    return conversation.stall == "waiting_for_fin" and conversation.remote_answered_close
