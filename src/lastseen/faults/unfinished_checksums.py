"""A checksum that nobody filled in (CHECKSUM_PARTIAL), and who is to blame: what the faults about it have in common."""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.weighing import Account, Observed, first_observed
from lastseen.faults.wrong_checksums import Refused, agreeing, each_one_named
from lastseen.tables.counted import agreed, counted
from lastseen.tables.details import CHECKSUM_PARTIAL
from lastseen.tables.judgements import Remedy, Step

__all__ = ["dropped_at_hop", "refused_at_host"]


def dropped_at_hop(site: LossSite, facts: Facts, component: str) -> Account:
    """Just the packets without a checksum are lost at a hop, and some verifier says that checksums were wrong.

    The latter because offload makes packets look like this on healthy hosts as well.
    """
    told = agreeing(facts, site)
    what = "packets whose checksum nobody filled in"
    return Account(
        required=(each_one_named(facts, site, CHECKSUM_PARTIAL, what), first_observed(told)),
        agreeing=told,
        summary=f"{counted(len(site.lost_rows), 'packet')} without a finished checksum "
        f"{agreed(len(site.lost_rows), 'are')} dropped between {site.upstream.name} and "
        f"{site.downstream.name}",
        component=component,
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def refused_at_host(found: Refused, facts: Facts, component: str) -> Account:
    """Packets without a checksum reach their receiver, which takes none of them, and a verifier says so."""
    told = agreeing(facts, None)
    return Account(
        required=(Observed(reason=found.reason("a checksum that nobody filled in")), first_observed(told)),
        agreeing=told,
        summary=f"{counted(len(found.packets), 'packet')} of {found.conversation.text} "
        f"{agreed(len(found.packets), 'reach')} the receiver without a "
        "checksum, and it drops them",
        component=component,
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
