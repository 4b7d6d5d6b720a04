"""A request whose only answer was a reset: nobody waited, nothing need be missing, and yet nothing worked.

Whoever sent the reset (the server's program, a device in its name), a connection on which the remote end said nothing
else is no healthy one. A reset after an answer is how many programs close.
"""

from lastseen.faults.facts import ConversationFacts, Facts

__all__ = ["cut_off"]


def cut_off(facts: Facts) -> str:
    """The first such connection, in words; "" where there is none."""
    found = next((c for c in facts.in_focus() if c.was_reset and _unanswered(c, facts)), None)
    if found is None:
        return ""
    return (
        f"{found.text} sent a request and got a reset for an answer; nothing here tells who reset it and why"
    )


def _unanswered(conversation: ConversationFacts, facts: Facts) -> bool:
    """Whether the client sent data, and the remote end none but a reset."""
    track = facts.near_client(conversation)
    spoke = track.of("payload_len") > 0
    reset = track.flags("R") & ~track.from_client
    return bool((spoke & track.from_client).any() and not (spoke & ~track.from_client).any() and reset.any())
