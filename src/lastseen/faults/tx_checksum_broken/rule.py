"""A checksum that nobody filled in: offload left it to a card that did not do its part.

With transmit offload the stack writes the sum of the pseudo header and leaves the rest to the card
(CHECKSUM_PARTIAL, Linux include/linux/skbuff.h). In the sender's own capture that is normal. On the receiver's side
it is fatal: every verifier drops the packet, while ICMP, whose checksum the stack computes itself, goes through.
"""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Fact, Observed, first_observed, weigh
from lastseen.faults.wrong_checksums import Refused, agreeing, only_these_lost, refused
from lastseen.tables.details import CHECKSUM_PARTIAL
from lastseen.tables.judgements import Judgement, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "tx_checksum_broken"
TITLE: Final = "transmit checksums are never filled in, so receivers drop the packets"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "packet_corruption": "there the checksum is plainly wrong, not the pseudo header's sum",
    "checksum_partial_leak": "there a program or tap passed the packet on before the checksum was due",
}
COMPONENT: Final = "the sender's card or driver, or the switch in front of it"
WHAT: Final = "packets whose checksum nobody filled in"


def judge(facts: Facts) -> Judgement:
    """Supported where packets with an unfinished checksum are lost or refused, and a verifier says so."""
    accounts = [_at_hop(site, facts) for site in facts.losses()]
    accounts += [_at_host(found, facts) for found in refused(facts, CHECKSUM_PARTIAL)]
    otherwise = without_loss(SLUG, facts, missing="whole packets (no snap length) on the receiver's side")
    return weigh(SLUG, accounts, otherwise=otherwise)


def _said(told: tuple[Fact, ...]) -> Fact:
    """Some verifier says that checksums were wrong: offload makes them look like this on healthy hosts as well."""
    return first_observed(told)


def _at_hop(site: LossSite, facts: Facts) -> Account:
    told = agreeing(facts, site)
    return Account(
        required=(only_these_lost(site, CHECKSUM_PARTIAL, WHAT), _said(told)),
        agreeing=told,
        summary=f"{len(site.lost_rows)} packets without their checksum are dropped between {site.upstream.name} and "
        f"{site.downstream.name}",
        component=COMPONENT,
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _at_host(found: Refused, facts: Facts) -> Account:
    told = agreeing(facts, None)
    return Account(
        required=(Observed(reason=found.reason("a checksum that nobody filled in")), _said(told)),
        agreeing=told,
        summary=f"{len(found.packets)} packets of {found.conversation.text} reach their receiver without a "
        "checksum, and it drops them",
        component=COMPONENT,
        remedies=_REMEDIES,
        next=_NEXT,
    )


_REMEDIES: Final = (
    Remedy(
        title="Let the sender compute its checksums itself",
        where="the interface the packets leave the sender (or its guest, tap or veth) by",
        commands=("ethtool -K DEVICE tx off",),
        price="CPU, and large sends are cut earlier",
        risk="low; the setting is lost when the interface is made anew",
        check="checksums are right in a capture at the receiver",
        undo=("ethtool -K DEVICE tx on",),
    ),
    Remedy(
        title="Update what does not fill them in",
        where="the card's driver or firmware, or the program that passes packets on",
        commands=("ethtool -i DEVICE",),
        price="a restart",
        risk="low",
        check="checksums are right in a capture at the receiver",
        undo=("the former version",),
    ),
)
_NEXT: Final = (
    Step(
        text="Switch the offload off for one try, and see who counts wrong checksums.",
        commands=("ethtool -k DEVICE | grep checksum", "nstat -az TcpInCsumErrors UdpInCsumErrors"),
    ),
)
