"""Packets with a wrong or unfinished transport checksum: dropped at a hop, or refused by the host they reached.

A wrong checksum in a capture means nothing by itself: a sender's own capture shows what its card has yet to fill in.
What counts is the fate: such packets vanish or are sent again, and the same bytes under a right checksum pass.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lastseen.faults.counting import joined_to_lost
from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.invalid import invalid_rule
from lastseen.faults.patterns import exactly_these
from lastseen.faults.tracks import Track
from lastseen.faults.unanswered import rose, traced
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown
from lastseen.tables.counted import all_of, counted
from lastseen.tables.details import CHECKSUM_GOOD, column
from lastseen.tables.judgements import Reason

__all__ = [
    "Chosen",
    "Refused",
    "agreeing",
    "each_one_named",
    "first_wrong_at",
    "only_these_lost",
    "refused",
    "refused_packets",
    "taken_packets",
]

Bools = npt.NDArray[np.bool_]
Chosen = Callable[[Track], Bools]
"""bool[len(track)]: which packets of a track are meant."""

FEWEST: int = 2
"""One refused packet may be an accident of the capture."""
_HALF = 1 << 31


def only_these_lost(site: LossSite, state: int, what: str) -> Fact:
    """That exactly the packets whose checksum is in this state (`tables.details`) were lost at a hop."""
    return exactly_these(
        site, column(site.lost, "checksum") == state, column(site.delivered, "checksum") == state, what
    )


def each_one_named(facts: Facts, site: LossSite, state: int, what: str) -> Fact:
    """As `only_these_lost`; where nothing passed to compare with, conntrack's word about each will do."""
    compared = only_these_lost(site, state, what)
    lines = joined_to_lost(facts, site, facts.invalid_lines("checksum"))
    rows = {facts.row_at(line, site.hop.upstream, site.hop.direction) for line in lines}
    if len(site.delivered) or isinstance(compared, Contradicted) or not rows >= set(site.lost_rows.tolist()):
        return compared
    text = f'{all_of(len(site.lost), "lost packet", "are")} {what}, and conntrack says of each "{lines[0].line.reason}"'
    return Observed(reason=Reason(text=text, source=lines[0].line.source))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Packets that reached the point nearest their receiver with such a checksum, and that it did not take."""

    conversation: ConversationFacts
    packets: Track

    def reason(self, what: str) -> Reason:
        """What the captures show."""
        text = (
            f"{counted(len(self.packets), 'packet', 'reach')} {self.packets.point.name}, the last point "
            "before their receiver, with "
            f"{what}, and it acknowledges none of them"
        )
        return Reason(text=text, source=self.packets.source())


def refused(facts: Facts, state: int) -> list[Refused]:
    """Connections in focus, one direction each, with at least FEWEST such packets and none of them taken."""
    return refused_packets(
        facts,
        lambda track: track.of("checksum") == state,
        sound=lambda track: track.of("checksum") == CHECKSUM_GOOD,
    )


def refused_packets(facts: Facts, chosen: Chosen, *, sound: Chosen) -> list[Refused]:
    """As `refused`, for packets chosen by anything; a `sound` copy of one explains why it is acknowledged."""
    return [
        Refused(conversation=conversation, packets=bad)
        for conversation, bad, taken in _arrived(facts, chosen, sound)
        if len(bad) >= FEWEST and not taken.any()
    ]


def taken_packets(facts: Facts, state: int) -> list[tuple[ConversationFacts, Track]]:
    """Packets whose checksum is in this state that their receiver took: acknowledged, though no good copy came."""
    arrived = _arrived(
        facts,
        lambda track: track.of("checksum") == state,
        lambda track: track.of("checksum") == CHECKSUM_GOOD,
    )
    return [(conversation, bad.only(taken)) for conversation, bad, taken in arrived if taken.any()]


def _arrived(facts: Facts, chosen: Chosen, sound: Chosen) -> Iterator[tuple[ConversationFacts, Track, Bools]]:
    """Chosen packets that count, of each connection in focus and direction, at the last point; which were taken."""
    for conversation in facts.in_focus():
        for track, client in (
            (facts.near_remote(conversation), True),
            (facts.near_client(conversation), False),
        ):
            mine = track.from_client == client
            bad = mine & chosen(track) & _counts(track)
            if bad.any():
                answers = track.only(~mine & track.flags("A"))
                good = track.only(mine & sound(track))
                yield conversation, track.only(bad), _taken(track.only(bad), answers, good)


def _counts(track: Track) -> Bools:
    """Packets that are acknowledged when they are taken."""
    result: Bools = (track.of("payload_len") > 0) | track.flags("S") | track.flags("F")
    return result


def _taken(bad: Track, answers: Track, good: Track) -> Bools:
    """bool[len(bad)]: acknowledged although no good copy had come."""
    taken = np.zeros(len(bad), np.bool_)
    for i in range(len(bad)):
        seq = int(bad.of("tcp_seq")[i])
        beyond = ((answers.of("tcp_ack") - seq - 1) % (1 << 32) < _HALF) & (
            answers.times_ns >= bad.times_ns[i]
        )
        copy = good.of("tcp_seq") == seq
        taken[i] = beyond.any() and not copy.any()
    return taken


def agreeing(facts: Facts, site: LossSite | None) -> tuple[Fact, ...]:
    """What receivers and connection tracking say of wrong checksums."""
    told = (
        rose(
            facts, "nstat", "TcpInCsumErrors", "UdpInCsumErrors", "IcmpInCsumErrors",
            what="a receiver's count of wrong checksums",
        ),
        traced(facts, "TCP_CSUM", "UDP_CSUM", "ICMP_CSUM", "IP_CSUM", "SKB_CSUM"),
    )  # fmt: skip
    return told if site is None else (*told, _logged(facts, site), invalid_rule(facts, site))


def _logged(facts: Facts, site: LossSite) -> Fact:
    lines = joined_to_lost(facts, site, facts.invalid_lines("checksum"))
    if lines:
        text = f'conntrack called {len(lines)} of the lost packets invalid: "{lines[0].line.reason}"'
        return Observed(reason=Reason(text=text, source=lines[0].line.source))
    return Unknown(missing="the kernel log with net.netfilter.nf_conntrack_log_invalid=255")


def first_wrong_at(
    facts: Facts, conversation: ConversationFacts, packets: Track, state: int
) -> tuple[str, str | None]:
    """(first point on the packets' way that shows the state, the one before it that does not; None: there is none)."""
    client = bool(packets.from_client[0])
    way = conversation.seen_at[::-1] if client else conversation.seen_at
    tracks = [facts.tracks.of(conversation.number, number) for number in way]
    shown = [
        track.point.name
        for track in tracks
        if (
            (track.from_client == client)
            & np.isin(track.of("ip_id"), packets.of("ip_id"))
            & np.isin(track.of("tcp_seq"), packets.of("tcp_seq"))
            & (track.of("checksum") == state)
        ).any()
    ]
    names = [track.point.name for track in tracks]
    first = names.index(shown[0] if shown else packets.point.name)
    return names[first], names[first - 1] if first else None
