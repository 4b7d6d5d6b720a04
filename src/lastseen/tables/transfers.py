"""A request as the client program itself tells it: what it had reached, when, and what ended it."""

from dataclasses import dataclass

from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.sources import Source

__all__ = ["Milestone", "Transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """Something a client had reached in a transfer.

    `what`: "begun", "named" (an address of the name is known, connecting begins), "reaching" (the same, but the client
    does not tell whether it connected), "connected", "securing" (the TLS handshake begins), "secured", "asked" (the
    request is sent), "answered" (its answer begins), "ended".
    `after_ns`: since the transfer began; None: not told. `text`: the client's words.
    """

    what: str
    after_ns: int | None
    source: Source
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Row):
    """One request of a client (`curl -v`, `curl -w`), by its own account.

    `milestones` stand in the order in which they were reached, those of a tunnel through a proxy included.
    `began_ns`: ns since a local midnight, None: not told. `resolution_ns`: how exactly times are told.
    `is_one`: the times are those of one request on one connection; redirections add theirs up.
    `took_ns`: from begin to end as the client says; None: it does not.
    `ended_by`: "done", "timeout", "eof" (the peer closed too early), "reset", "failed" (another
    error), "" (not told).
    `framing`: what tells the end of the answer: "length", "chunks", "frames" (HTTP/2), "close", "" (not told).
    `received_bytes` and `sent_bytes` are of the bodies; None: not told.
    """

    tool: str
    milestones: tuple[Milestone, ...]
    local: Endpoint | None = None
    peer: Endpoint | None = None
    began_ns: int | None = None
    resolution_ns: int = 1
    is_one: bool = True
    took_ns: int | None = None
    ended_by: str = ""
    framing: str = ""
    received_bytes: int | None = None
    sent_bytes: int | None = None
