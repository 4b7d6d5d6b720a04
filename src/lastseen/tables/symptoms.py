"""What the user felt: a call that waited, told by the client's own system calls or by the client itself."""

from dataclasses import dataclass

from lastseen.tables.endpoints import Endpoint
from lastseen.tables.sources import Source

__all__ = ["Symptom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """Consecutive waits on one descriptor with neither data nor EOF between them.

    `kind`: "waited_for_eof" (the response was complete as far as the trace tells), "waited_for_data",
    "waited_for_connect", "waited_for_name" (an address), "waited_for_writable", or "waited" where the trace does not
    tell for what. `call` is the longest of the waits, `waits` how many there were. A client's own account (`curl -v`)
    has no descriptor: `fd` is -1, `call` its name with the phase, and `waited_ns` the whole transfer where it tells no
    times between.
    `waited_ns` is their sum, or at least that long when the last never returned; None: it never returned and
    the trace has no later time to measure with.
    `ended_by`: "timeout", "eof", "data" (what was waited for came), "reset" (any error), "killed" (the call
    never returned in the trace, or the account does not tell).
    `started_ns` has the trace's clock (`Syscall.at_ns`). `response_bytes`: read on the descriptor before the
    wait. `after_complete_response`: the response to the last request was whole before the wait; False: it was
    not, None: not told.
    """

    kind: str
    call: str
    fd: int
    pid: int
    waited_ns: int | None
    waits: int
    ended_by: str
    local: Endpoint | None
    peer: Endpoint | None
    started_ns: int | None
    response_bytes: int
    after_complete_response: bool | None
    sources: tuple[Source, ...]
