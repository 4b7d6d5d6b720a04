"""A checksum that nobody filled in: offload left it to a card that did not do its part.

With transmit offload the stack writes the sum of the pseudo header and leaves the rest to the card
(CHECKSUM_PARTIAL, Linux include/linux/skbuff.h). In the sender's own capture that is normal. On the receiver's side
it is fatal: every verifier drops the packet, while ICMP, whose checksum the stack computes itself, goes through.
"""

from typing import Final

from lastseen.faults.facts import Facts
from lastseen.faults.patterns import without_loss
from lastseen.faults.unfinished_checksums import dropped_at_hop, refused_at_host
from lastseen.faults.weighing import weigh
from lastseen.faults.wrong_checksums import refused
from lastseen.tables.details import CHECKSUM_PARTIAL
from lastseen.tables.judgements import Judgement

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "tx_checksum_broken"
TITLE: Final = "transmit checksums are never filled in, so receivers drop the packets"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "packet_corruption": "there the checksum is plainly wrong, not the pseudo header's sum",
    "vmxnet3_tunnel_checksum": "there the packets were in a tunnel, and the sender's card is a vmxnet3",
    "checksum_partial_leak": "there a program or tap passed the packet on before the checksum was due",
}
COMPONENT: Final = "the sender's card or driver, or the switch in front of it"


def judge(facts: Facts) -> Judgement:
    """Supported where packets with an unfinished checksum are lost or refused, and a verifier says so."""
    accounts = [dropped_at_hop(site, facts, COMPONENT) for site in facts.losses()]
    accounts += [refused_at_host(found, facts, COMPONENT) for found in refused(facts, CHECKSUM_PARTIAL)]
    otherwise = without_loss(SLUG, facts, missing="whole packets (no snap length) on the receiver's side")
    return weigh(SLUG, accounts, otherwise=otherwise)
