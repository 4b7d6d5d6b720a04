"""Packets that are longer behind a hop than before it, by their padding: what was rewritten, and what came of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown
from lastseen.tables.counted import all_of, counted
from lastseen.tables.judgements import Reason
from lastseen.tables.packets import LENGTH_FLAGS
from lastseen.tables.points import CLIENT_TO_REMOTE, Hop

__all__ = ["Lengthened", "lengthened"]

REWRITTEN: str = "ip.len"
"""What matching calls it when a packet's length changed on the way."""
MOST: int = 50
"""Connections looked at: they are all alike."""
_HALF = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lengthened:
    """Packets of one connection and direction that a hop made longer by their padding.

    `packets`: as they were before it. `unchanged`: padded TCP packets that passed it as they were. `track`: everything
    of the connection before the hop.
    """

    conversation: ConversationFacts
    number: int
    hop: Hop
    packets: Track
    unchanged: Track
    track: Track

    @property
    def client(self) -> bool:
        """Whether the client sent them."""
        return self.hop.direction == CLIENT_TO_REMOTE

    def changed(self, facts: Facts) -> Fact:
        """That every padded packet was made longer, and by its padding."""
        down = facts.matching.points[self.hop.downstream].name
        if len(self.unchanged):
            text = (
                f"{counted(len(self.unchanged), 'padded packet of the same direction', 'are')} no longer "
                f"at {down} than before"
            )
            return Contradicted(reason=Reason(text=text, source=self.unchanged.source()))
        by = ", ".join(map(str, sorted(set(self.packets.of("padding_len").tolist()))))
        text = (
            f"{all_of(len(self.packets), 'padded packet of this direction', 'are')} longer at {down} than at "
            f"{self.packets.point.name}, by just their padding ({by} bytes), and no other packet is"
        )
        return Observed(reason=Reason(text=text, source=self.packets.source()))

    def harm(self) -> Fact:
        """That somebody took what nobody had sent, or stood still."""
        taken = _acknowledged_unsent(self.track, client=self.client)
        if len(taken):
            text = (
                f"{counted(len(taken), 'time')} bytes are acknowledged that were not sent yet: the receiver "
                "takes padding for data"
                if len(taken) > 1
                else "bytes are acknowledged that were not sent yet: the receiver takes padding for data"
            )
            return Observed(reason=Reason(text=text, source=taken.source()))
        if self.conversation.stall:
            text = f"the connection stood still for {self.conversation.stall_ns / 1e9:.2f} s"
            return Observed(reason=Reason(text=text, source=self.conversation.stall_source))
        return Unknown(
            missing="a sign that somebody was hurt: an acknowledgment of bytes nobody sent, or a wait"
        )


def lengthened(facts: Facts) -> list[Lengthened]:
    """Every connection in focus at every hop that changed lengths."""
    hops = [(n, hop) for n, hop in enumerate(facts.matching.hops) if hop.rewritten.get(REWRITTEN)]
    if not hops:
        return []
    tried = ((c, n, hop) for c in facts.in_focus() for n, hop in hops)
    found = (one for c, n, hop in tried if (one := _at(facts, c, n, hop)) is not None)
    return [one for one, _ in zip(found, range(MOST), strict=False)]


def _at(facts: Facts, conversation: ConversationFacts, number: int, hop: Hop) -> Lengthened | None:
    """None: this connection's packets passed as they were."""
    if hop.upstream not in conversation.seen_at or hop.downstream not in conversation.seen_at:
        return None
    track = facts.tracks.of(conversation.number, hop.upstream)
    sent = track.only((hop.partner[track.rows] >= 0) & (hop.fate[track.rows] > 0))
    after = facts.matching.points[hop.downstream].capture.packets[hop.partner[sent.rows]]
    more = (after[:, LENGTH_FLAGS] >> 8).astype(np.int64) - sent.of("payload_len")
    padded = (sent.of("padding_len") > 0) & (sent.of("tcp_hdr_len") > 0)
    longer = padded & (more == sent.of("padding_len"))
    if not longer.any():
        return None
    return Lengthened(
        conversation=conversation,
        number=number,
        hop=hop,
        packets=sent.only(longer),
        unchanged=sent.only(padded & (more == 0)),
        track=track,
    )


def _acknowledged_unsent(track: Track, *, client: bool) -> Track:
    """Acknowledgments of what this side had not sent until then, as the point before the hop saw it."""
    sent = track.only(track.from_client == client)
    back = track.only((track.from_client != client) & track.flags("A"))
    base = int(sent.of("tcp_seq")[0])
    ends = _after(sent.of("tcp_seq") + sent.of("payload_len") + sent.flags("S") + sent.flags("F"), base)
    before = np.searchsorted(sent.times_ns, back.times_ns, side="right")
    reached = np.maximum.accumulate(np.concatenate([[0], ends]))[before]
    return back.only((before > 0) & (_after(back.of("tcp_ack"), base) > reached))


def _after(numbers: npt.NDArray[np.int64], base: int) -> npt.NDArray[np.int64]:
    """int64[n]: signed distance of sequence numbers from `base` (RFC 9293, 3.4)."""
    result: npt.NDArray[np.int64] = (numbers - base + _HALF) % (1 << 32) - _HALF
    return result
