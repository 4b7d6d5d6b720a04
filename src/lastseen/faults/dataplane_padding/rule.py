"""A software data plane takes the padding of short Ethernet frames for payload.

Parsers that hand on "everything behind the headers" forget that a frame may be longer than the IP packet in it. What
follows depends on what is written anew: the IP length (then stray zeros appear in the byte stream: oxidecomputer/opte
issue 367) or the TCP checksum (then the receiver drops the packet: githedgehog/dataplane pull request 1778). Packets
with timestamps are long enough, which is why some clients only are hurt.
"""

from typing import Final

import numpy as np

from lastseen.faults.counted_padding import all_summed, is_summed
from lastseen.faults.dataplane_padding.lengthened import Lengthened, lengthened
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, weigh
from lastseen.faults.wrong_checksums import Refused, agreeing, first_wrong_at, only_these_lost, refused
from lastseen.tables.counted import agreed, counted
from lastseen.tables.details import CHECKSUM_BAD
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "dataplane_padding"
TITLE: Final = "a data plane takes Ethernet padding for payload and rewrites short packets with it"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ovs_conntrack_padding": "there nothing is rewritten: the packets are right up to where they vanish",
    "packet_corruption": "there the checksum is wrong with the padding counted as well, and long packets are hurt too",
}


def judge(facts: Facts) -> Judgement:
    """Supported where padded packets alone come out of a hop with another length, or a checksum over the padding."""
    accounts = [_longer(one, facts) for one in lengthened(facts)]
    accounts += [_summed_at_hop(site, facts) for site in facts.losses()]
    accounts += [_summed_at_host(one, facts) for one in refused(facts, CHECKSUM_BAD)]
    otherwise = without_loss(
        SLUG, facts, missing="whole packets before and behind the data plane, padding included"
    )
    return weigh(SLUG, accounts, otherwise=otherwise)


def _longer(found: Lengthened, facts: Facts) -> Account:
    before, after = (facts.matching.points[p].name for p in (found.hop.upstream, found.hop.downstream))
    to = "the remote end" if found.client else "the client"
    return Account(
        required=(found.changed(facts), found.harm()),
        summary=f"{counted(len(found.packets), 'short packet')} to {to} {agreed(len(found.packets), 'get')} "
        f"an IP length between {before} and {after} that "
        "includes their padding: zeros nobody sent become part of the data",
        component=f"what forwards packets between {before} and {after}",
        hop=found.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _summed_at_hop(site: LossSite, facts: Facts) -> Account:
    return Account(
        required=(
            only_these_lost(site, CHECKSUM_BAD, "packets with a wrong checksum"),
            all_summed(site.lost, site.source(int(site.lost_rows[0]))),
        ),
        agreeing=agreeing(facts, site),
        summary=f"{counted(len(site.lost_rows), 'short packet', 'have')} a checksum over their padding at "
        f"{site.upstream.name} "
        f"already and {agreed(len(site.lost_rows), 'are')} dropped before {site.downstream.name}",
        component=f"what forwards packets before {site.upstream.name}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _summed_at_host(found: Refused, facts: Facts) -> Account:
    wrong, right = first_wrong_at(facts, found.conversation, found.packets, CHECKSUM_BAD)
    place = f"between {right} and {wrong}" if right else f"before {wrong}"
    return Account(
        required=(
            Observed(reason=found.reason("a wrong checksum")),
            all_summed(found.packets.details, found.packets.source()),
            _no_other_damaged(found, facts),
        ),
        agreeing=agreeing(facts, None),
        summary=f"{counted(len(found.packets), 'short packet')} of {found.conversation.text} "
        f"{agreed(len(found.packets), 'get')} a checksum over their padding "
        f"{place}, and the receiver drops them",
        component=f"what forwards packets {place}",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _no_other_damaged(found: Refused, facts: Facts) -> Fact:
    """That no packet of that direction is wrong in another way: long ones are spared."""
    point = int(np.flatnonzero([p is found.packets.point for p in facts.matching.points])[0])
    track = facts.tracks.of(found.conversation.number, point)
    mine = track.only(track.from_client == found.packets.from_client[0])
    others = mine.only((mine.of("checksum") == CHECKSUM_BAD) & ~is_summed(mine.details))
    if len(others):
        text = f"{counted(len(others), 'packet of the same direction', 'are')} wrong in another way"
        return Contradicted(reason=Reason(text=text, source=others.source()))
    return Observed(reason=Reason(text="no longer packet of that direction is wrong"))


_REMEDIES: Final = (
    Remedy(
        title="Update the data plane to one that cuts frames to the IP length",
        where="the switch, NAT or router between the last right and the first wrong capture",
        commands=(),
        price="a restart of the data plane",
        risk="low",
        check="short packets have the same IP length and a right checksum behind it",
        undo=("the former version",),
    ),
    Remedy(
        title="Let the end host send TCP timestamps, so that no packet is short",
        where="the host whose short packets are hurt (Windows: netsh int tcp set global timestamps=enabled)",
        commands=("sysctl -w net.ipv4.tcp_timestamps=1",),
        price="12 bytes a packet",
        risk="low; it hides the fault, and only for that host",
        check="its bare acknowledgments are 66 bytes long, and the connection works",
        undo=("sysctl -w net.ipv4.tcp_timestamps=0",),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture whole packets on both sides of the data plane and compare the short ones.",
        commands=("tcpdump -ni DEVICE -e -vv 'tcp and ip[2:2] < 47'",),
    ),
)
