"""A pair of veth called every packet verified, so that damaged data was taken for good.

A card that finds a checksum wrong hands the packet on unverified (CHECKSUM_NONE), so that the stack looks itself. Until
"veth: don't modify ip_summed; doing so treats packets with bad checksums as good" (Linux ce8c839b74e3, in 4.4 and in
stable series from 3.14 on) veth turned that into "verified" (CHECKSUM_UNNECESSARY), and the stack behind it looked no
more. Nothing is lost and nobody waits: what arrives is wrong, and is acknowledged.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.kernels import kernel_has_fix
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.faults.wrong_checksums import FEWEST, taken_packets
from lastseen.tables.counted import agreed, counted
from lastseen.tables.details import CHECKSUM_BAD, CHECKSUM_GOOD
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.points import Point

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "veth_checksum_bypass"
TITLE: Final = "a veth calls damaged packets verified, and a container takes wrong data for good"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "packet_corruption": "there the receiver verifies, and drops what is wrong",
}
FIXED_IN: Final = (4, 4)
VETH: Final = "veth"


def judge(facts: Facts) -> Judgement:
    """Supported where packets that were right become wrong on the way to a veth, and are acknowledged behind it."""
    found = [one for one in taken_packets(facts, CHECKSUM_BAD) if len(one[1]) >= FEWEST]
    return weigh(SLUG, (_account(*one, facts) for one in found), otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        missing = "whole packets in front of the receiver, and where they were still right"
        return Untestable(fault=SLUG, missing=(missing,))
    return Refuted(fault=SLUG, against=(Reason(text="no packet with a wrong checksum was acknowledged"),))


def _account(conversation: ConversationFacts, packets: Track, facts: Facts) -> Account:
    point = packets.point
    text = (
        f"{counted(len(packets), 'packet', 'reach')} {point.name}, the last point before their receiver, "
        "with a wrong checksum, and "
        "it acknowledges them although no right copy came"
    )
    return Account(
        required=(
            Observed(reason=Reason(text=text, source=packets.source())),
            _were_right(conversation, packets, facts),
            _is_veth(point, facts),
        ),
        agreeing=(_unnoticed(point, facts),),
        refuting=(
            kernel_has_fix(facts, point.node, FIXED_IN),
            _counted(point, len(packets), facts),
            _verifies(point, facts),
        ),
        summary=f"{counted(len(packets), 'packet')} of {conversation.text} {agreed(len(packets), 'are')} "
        f"damaged before {point.name}, and the receiver "
        "takes them: a veth calls them verified",
        component=f"the kernel's veth at {point.name}, and whatever damages packets before it",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _were_right(conversation: ConversationFacts, packets: Track, facts: Facts) -> Fact:
    """That an earlier point saw each of them right and of the same length: no merging made the sum stale."""
    client = bool(packets.from_client[0])
    way = conversation.seen_at[1:] if client else conversation.seen_at[:-1]
    for number in way:
        track = facts.tracks.of(conversation.number, number)
        same = [_copy(packets, i, track, client=client) for i in range(len(packets))]
        if all(len(copies) and (copies.of("checksum") == CHECKSUM_GOOD).any() for copies in same):
            text = f"all of them are right at {track.point.name} and wrong at {packets.point.name}"
            return Observed(reason=Reason(text=text, source=same[0].source()))
    return Unknown(missing="a capture of whole packets before the damage (the host's card, say)")


def _copy(packets: Track, i: int, track: Track, *, client: bool) -> Track:
    """The sightings of one packet at another point, with the same length."""
    chosen = track.from_client == client
    for name in ("ip_id", "tcp_seq", "payload_len"):
        chosen = chosen & (track.of(name) == packets.of(name)[i])
    return track.only(np.flatnonzero(chosen))


def _is_veth(point: Point, facts: Facts) -> Fact:
    """That the device of the last point is a veth."""
    mine = [
        i for i in facts.interfaces if i.node == point.node and i.name == point.interface and point.interface
    ]
    known = [i for i in mine if i.kind]
    if not known:
        return Unknown(missing=f"what kind of device {point.name} is (ip -d link)")
    text = f"{known[0].name} is a {known[0].kind}"
    if any(i.kind == VETH for i in known):
        return Observed(reason=Reason(text=f"{known[0].name} is one end of a veth", source=known[0].source))
    return Contradicted(reason=Reason(text=text, source=known[0].source))


def _unnoticed(point: Point, facts: Facts) -> Fact:
    delta = facts.counter_delta("nstat", "TcpInCsumErrors", point.node)
    if delta is not None and not delta.value:
        text = "the receiver counted no wrong checksum meanwhile (TcpInCsumErrors)"
        return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="nstat -az TcpInCsumErrors of the receiver, before and after")


def _counted(point: Point, wrong: int, facts: Facts) -> Fact:
    """That the receiver did find as many checksums wrong."""
    delta = facts.counter_delta("nstat", "TcpInCsumErrors", point.node)
    if delta is not None and delta.value >= wrong:
        text = (
            f"the receiver found {counted(delta.value, 'checksum')} wrong (TcpInCsumErrors): it does verify"
        )
        return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="nstat -az TcpInCsumErrors of the receiver")


def _verifies(point: Point, facts: Facts) -> Fact:
    """That the veth was told to leave verification to the stack."""
    scope = f"offload:{point.interface}"
    for setting in facts.settings:
        mine = setting.scope == scope and setting.name == "rx-checksumming" and setting.node == point.node
        if mine and setting.value == "off":
            text = f"{point.interface} leaves verification to the stack (rx-checksumming off)"
            return Observed(reason=Reason(text=text, source=setting.source))
    return Unknown(missing="ethtool -k of that device")


_REMEDIES: Final = (
    Remedy(
        title="Run a kernel with the fix",
        where="the containers' host: Linux 4.4, or a stable or vendor kernel that has ce8c839b74e3",
        commands=("uname -r",),
        price="a reboot",
        risk="low",
        check="the receiver counts TcpInCsumErrors instead of taking the data",
        undo=("boot the kernel that ran before",),
    ),
    Remedy(
        title="Let the stack behind the veth verify",
        where="both ends of the pair, whenever it is made anew",
        commands=("ethtool -K DEVICE rx off",),
        price="CPU",
        risk="low",
        check="the receiver counts TcpInCsumErrors instead of taking the data",
        undo=("ethtool -K DEVICE rx on",),
    ),
    Remedy(
        title="Find what damages the packets",
        where="between the last right and the first wrong capture: card, cable, switch",
        commands=("ethtool -S DEVICE | grep -iE 'crc|err'",),
        price="work",
        risk="low",
        check="checksums are right in front of the veth",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture whole packets on the host's card and on the veth, and see where they are still right.",
        commands=("tcpdump -ni DEVICE -s 0 -vv 'tcp port PORT' | grep incorrect",),
    ),
)
