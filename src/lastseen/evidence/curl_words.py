"""What curl says of a transfer in words, and what each sentence tells.

Sources: curl's lib/connect.c, lib/multi.c, lib/transfer.c, lib/http.c, lib/cf-socket.c, lib/vtls/*.c and
docs/libcurl/libcurl-errors.md, 7.19 to 8.16. Where one says how long it took it counts from the transfer's begin
(lib/multi.c, multi_handle_timeout()).
"""

import re
from typing import Final

__all__ = ["RECEIVED", "TOOK", "ended_by", "is_last"]

_ENDS: Final = (
    ("failed", re.compile(r"Could ?n[o']t resolve|certificate problem|returned error: \d")),
    ("timeout", re.compile(r"timed out|[Tt]imeout was reached|\btimeout after|connection timeout|Operation too slow")),
    ("eof", re.compile(
        r"Empty reply from server|transfer closed with|end of response with \d+ bytes missing|unexpected eof"
        r"|Server aborted the SSL handshake|closed abruptly|before end of the underlying stream"
    )),
    ("reset", re.compile(r"reset by peer|was reset|Broken pipe|SSL_ERROR_SYSCALL|Recv failure|Send failure")),
    ("failed", re.compile(
        r"refused|Could ?n[o']t connect|No route to host|etwork is unreachable|ost is unreachable|Failed to connect"
        r"|was not closed cleanly|GOAWAY|SSL connect error"
    )),
)  # fmt: skip
"""The more particular first: a connection that "timed out" may also have "failed to connect"."""
_CODES: Final = {28: "timeout", 18: "eof", 52: "eof", 55: "reset", 56: "reset"}
"""Exit codes that tell it without a sentence; many others may be the network's doing or not."""
_IS_LAST: Final = re.compile(
    r"Connection #\d+ to host .{0,300}left intact|(?:Closing|closing|shutting down) connection"
    r"|Connection #\d+ .{0,80}left intact|Leftovers after chunking|Connection .{0,40}seems to be dead"
)
TOOK: Final = re.compile(
    r"(?:timed out after|connect to .{1,300} after|connection timeout after|Couldn't connect .{0,80}after)"
    r" (\d{1,12}) ?(?:milliseconds|ms)"
)
"""How long the transfer had taken when it failed."""
RECEIVED: Final = re.compile(r"with (\d{1,18})(?: out of (-?\d{1,18}))? bytes received")


def ended_by(said: str, code: int | None) -> str:
    """What ended a transfer, by the sentence, else by curl's exit code; "": neither tells."""
    for kind, pattern in _ENDS:
        if pattern.search(said):
            return kind
    return _CODES.get(code, "") if code is not None else ""


def is_last(said: str) -> bool:
    """Whether curl says this only when a transfer is over."""
    return _IS_LAST.search(said) is not None
