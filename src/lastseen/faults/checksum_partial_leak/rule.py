"""A packet without its checksum is passed on to somebody who verifies it.

Between virtual machines and containers of one host checksums need not be computed at all: the kernel marks the
packet (CHECKSUM_PARTIAL) and hands it over. Who reads it as raw bytes (a DHCP client, a relay or switch in user
space) sees the sum of the pseudo header only, and drops it, or sends it on as it is.
"""

from typing import Final

from lastseen.faults.facts import Facts
from lastseen.faults.patterns import without_loss
from lastseen.faults.unfinished_checksums import dropped_at_hop
from lastseen.faults.weighing import weigh
from lastseen.tables.judgements import Judgement

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "checksum_partial_leak"
TITLE: Final = "packets without their checksum reach a reader that verifies it"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "packet_corruption": "there the checksum is plainly wrong, not the pseudo header's sum",
    "vmxnet3_tunnel_checksum": "there the packets were in a tunnel, and the sender's card is a vmxnet3",
    "tx_checksum_broken": "there a card should have filled the checksum in and did not",
}
COMPONENT: Final = (
    "a program between virtual interfaces (relay, switch, reader) that does not fill in checksums"
)


def judge(facts: Facts) -> Judgement:
    """Supported where packets with an unfinished checksum are lost at a hop, and a verifier says so.

    What an end host's own stack refuses came from a card (`tx_checksum_broken`); readers of raw bytes count nothing.
    """
    accounts = [dropped_at_hop(site, facts, COMPONENT) for site in facts.losses()]
    otherwise = without_loss(SLUG, facts, missing="whole packets (no snap length) on the receiver's side")
    return weigh(SLUG, accounts, otherwise=otherwise)
