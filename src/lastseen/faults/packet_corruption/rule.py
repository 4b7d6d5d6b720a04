"""Bits change on the way: packets are wrong on the wire, and whoever verifies their checksum throws them away.

TCP and UDP carry a ones'-complement sum over header and data (RFC 9293, 3.1; RFC 768). A packet whose sum is wrong
at the receiver was damaged, or written wrongly; the receiver drops it without a word, and connection tracking calls
it invalid. A sum that holds the pseudo header only is not damage: nobody filled it in (`tx_checksum_broken`).
"""

from typing import Final

from lastseen.faults.counted_padding import all_summed
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Observed, weigh
from lastseen.faults.wrong_checksums import Refused, agreeing, first_wrong_at, only_these_lost, refused
from lastseen.tables.counted import agreed, counted
from lastseen.tables.details import CHECKSUM_BAD
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "packet_corruption"
TITLE: Final = "packets are damaged on the way, and whoever verifies their checksum drops them"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "tx_checksum_broken": "there the checksum is what offload leaves, the sum of the pseudo header",
    "ovs_conntrack_padding": "there the checksum is right over the IP length",
    "dataplane_padding": "there the checksum comes out right once padding is counted",
}
WHAT: Final = "packets with a wrong checksum"


def judge(facts: Facts) -> Judgement:
    """Supported where exactly the packets with a wrong checksum are lost or refused.

    Even where nobody waited for them: no healthy path damages packets.
    """
    accounts = [_at_hop(site, facts) for site in facts.lossy()]
    accounts += [_at_host(found, facts) for found in refused(facts, CHECKSUM_BAD)]
    otherwise = without_loss(
        SLUG, facts, missing="whole packets (no snap length) before and behind the hop that drops"
    )
    return weigh(SLUG, accounts, otherwise=otherwise)


def _at_hop(site: LossSite, facts: Facts) -> Account:
    return Account(
        required=(only_these_lost(site, CHECKSUM_BAD, WHAT),),
        agreeing=agreeing(facts, site),
        refuting=(all_summed(site.lost, site.source(int(site.lost_rows[0]))),),
        summary=f"{counted(len(site.lost_rows), 'packet', 'are')} wrong on the wire already at "
        f"{site.upstream.name} and {agreed(len(site.lost_rows), 'are')} dropped "
        f"before {site.downstream.name}",
        component=f"whatever damages packets before {site.upstream.name}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _at_host(found: Refused, facts: Facts) -> Account:
    wrong, right = first_wrong_at(facts, found.conversation, found.packets, CHECKSUM_BAD)
    place = f"between {right} and {wrong}" if right else f"before {wrong}"
    context = Reason(text=f"they are wrong from {wrong} on" + (f" and right at {right}" if right else ""))
    return Account(
        required=(Observed(reason=found.reason("a wrong checksum")),),
        agreeing=agreeing(facts, None),
        refuting=(all_summed(found.packets.details, found.packets.source()),),
        context=(context,),
        summary=f"{counted(len(found.packets), 'packet')} of {found.conversation.text} "
        f"{agreed(len(found.packets), 'are')} damaged {place}, and the receiver "
        "drops them",
        component=f"whatever lies {place}",
        remedies=_REMEDIES,
        next=_NEXT,
    )


_REMEDIES: Final = (
    Remedy(
        title="Replace or take out what damages the packets",
        where="the card, cable, switch or program in front of the first point that shows wrong checksums",
        commands=("ethtool -S DEVICE | grep -iE 'crc|err'",),
        price="work",
        risk="low",
        check="checksums are right at the next point",
        undo=(),
    ),
    Remedy(
        title="Switch off the offload that damages them, where one does",
        where="the host in front of that point",
        commands=("ethtool -K DEVICE tx off rx off tso off gso off gro off",),
        price="CPU",
        risk="low",
        check="checksums are right at the next point",
        undo=("ethtool -K DEVICE tx on rx on tso on gso on gro on",),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture whole packets one step earlier on their way, and see whether they are right there.",
        commands=("tcpdump -ni DEVICE -s 0 -vv -w earlier.pcap 'tcp port PORT'",),
    ),
)
