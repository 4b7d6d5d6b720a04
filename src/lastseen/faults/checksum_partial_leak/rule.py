"""A packet without its checksum is passed on to somebody who verifies it.

Between virtual machines and containers of one host checksums need not be computed at all: the kernel marks the
packet (CHECKSUM_PARTIAL) and hands it over. Who reads it as raw bytes (a DHCP client, a relay or switch in user
space) sees the sum of the pseudo header only, and drops it, or sends it on as it is.
"""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Fact, first_observed, weigh
from lastseen.faults.wrong_checksums import agreeing, only_these_lost
from lastseen.tables.details import CHECKSUM_PARTIAL
from lastseen.tables.judgements import Judgement, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "checksum_partial_leak"
TITLE: Final = "packets without their checksum reach a reader that verifies it"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "packet_corruption": "there the checksum is plainly wrong, not the pseudo header's sum",
    "tx_checksum_broken": "there a card should have filled the checksum in and did not",
}
COMPONENT: Final = (
    "a program between virtual interfaces (relay, switch, reader) that does not fill in checksums"
)
WHAT: Final = "packets whose checksum nobody filled in"


def judge(facts: Facts) -> Judgement:
    """Supported where packets with an unfinished checksum are lost at a hop, and a verifier says so.

    What an end host's own stack refuses came from a card (`tx_checksum_broken`); readers of raw bytes count nothing.
    """
    accounts = [_at_hop(site, facts) for site in facts.losses()]
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
