"""What reached the last capture before an end host and got no answer there: losses that lie at no hop.

The captures show that the network delivered; why the host stayed silent only its own counters, log or drop trace can
say, so rules that use this require one of them.
"""

from dataclasses import dataclass

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Fact, Observed, Unknown
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Reason

__all__ = ["UnansweredSyn", "rose", "traced", "unanswered_syns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnansweredSyn:
    """A handshake that hung although SYNs arrived. `syns`: at the point nearest the server; `waited_ns`: how long."""

    conversation: ConversationFacts
    syns: Track
    waited_ns: int

    @property
    def reason(self) -> Reason:
        """What the captures show."""
        text = (
            f"{len(self.syns)} SYN of {self.conversation.text} reached {self.syns.point.name}, nearest the server, "
            f"and got no answer for {self.waited_ns / 1e9:.2f} s"
        )
        return Reason(text=text, source=self.syns.source())


def unanswered_syns(facts: Facts) -> list[UnansweredSyn]:
    """Connections in focus whose SYN had to be sent again although nothing of the handshake was lost on the way."""
    found = []
    for conversation in facts.in_focus():
        if conversation.stall != "waiting_for_syn_ack" or conversation.lost_packets:
            continue
        track = facts.near_remote(conversation)
        syns = track.only(track.from_client & track.flags("S") & ~track.flags("A"))
        answers = track.times_ns[~track.from_client]
        first_answer = int(answers[0]) if len(answers) else np.iinfo(np.int64).max
        ignored = syns.only(syns.times_ns < first_answer)
        if len(ignored) > 1 or (len(ignored) == 1 and not len(answers)):
            found.append(
                UnansweredSyn(conversation=conversation, syns=ignored, waited_ns=conversation.stall_ns)
            )
    return found


def rose(facts: Facts, family: str, *names: str, what: str) -> Fact:
    """That one of these counters moved on any node. `what` names them in words."""
    delta = facts.moved(family, names, None)
    if delta is not None:
        return Observed(
            reason=Reason(text=f"{what} rose by {delta.value} ({delta.text})", source=delta.after)
        )
    return Unknown(missing=f"{what} on the host that stayed silent, before and after ({family} {names[0]})")


def traced(facts: Facts, *reasons: str) -> Fact:
    """That the kernel dropped packets for one of these reasons (`enum skb_drop_reason`)."""
    drops = facts.dropped(*reasons)
    if drops:
        text = f"the kernel dropped {counted(len(drops), 'packet')} as {drops[0].reason} (in {drops[0].location})"
        return Observed(reason=Reason(text=text, source=drops[0].source))
    return Unknown(missing=f"a trace of dropped packets (skb:kfree_skb) with {reasons[0]}")
