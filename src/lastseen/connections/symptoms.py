"""System calls to symptoms: which call waited, for what, how long, and what ended it.

A trace says how long a call took but not why the program made it, so that is inferred from the calls around:
what the read before returned, whether a TLS record or an HTTP body was still incomplete, what came next.
Where these do not tell, the symptom is a plain "waited": a wrong guess here would misdirect everything after.

TLS records: RFC 8446 section 5.1 (and RFC 5246 6.2.1). HTTP/1 message length: RFC 9112 section 6.3.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lastseen.tables.facts_from_texts import Syscall
from lastseen.tables.symptoms import Symptom

__all__ = ["MIN_WAIT_NS", "by_badness", "symptoms"]

MIN_WAIT_NS = 1_000_000_000
"""One second: TCP's first retransmission timeout (RFC 6298 section 2.1) and many times any round trip, so that
what waited longer was not kept by the network's ordinary delay. It is also where people notice."""

TICKETS_BYTES = 1024
"""In TLS 1.3 this much after the client's first request may be session tickets only, which look like data from
outside: OpenSSL sends two of some 250 bytes each (SSL_CTX_set_num_tickets), others one or two smaller ones."""

MAX_SOURCES = 16
"""Waits a symptom points at: an event loop has thousands, and the first ones say where to look."""

_WAITING = frozenset({
    "poll", "poll_time64", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64",
    "epoll_wait", "epoll_pwait", "epoll_pwait2",
})  # fmt: skip
_READING = frozenset(
    {"read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "SSL_read"}
)
_HANDSHAKES = frozenset({"SSL_connect", "SSL_do_handshake"})
_NAMING = "getaddrinfo"
_WRITING = frozenset({
    "write", "writev", "send", "sendto", "sendmsg", "sendmmsg", "sendfile", "sendfile64", "splice",
    "SSL_write",
})  # fmt: skip
_LAST_STANDARD_FD = 2
_HEAD_BYTES = 8192
_TLS_TYPES = range(20, 24)
_TLS_DATA = 23
_TLS_HEADER_BYTES = 5

_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\.\.\.)?', re.DOTALL)
_ELIDED = " [...] "
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f"}
_FD_TEXT = re.compile(r"<(?:->|[^<>])*+>")
_SETS = re.compile(r"\d+, (\[[^\]]*\]|\w+), (\[[^\]]*\]|\w+)")
_EVENTS = re.compile(r"\{fd=(-?\d+), events=([A-Z|]+)")
_GO_ON = ("EAGAIN", "EWOULDBLOCK", "EINTR", "EINPROGRESS", "EALREADY", "ERESTART")


@dataclass(frozen=True, slots=True)
class _Wait:
    """One call that waited; `waited_ns` None: it never returned and nothing after it has a time."""

    row: Syscall
    waited_ns: int | None


@dataclass(slots=True)
class _Response:
    """How much of the peer's answer is still to come, as far as the shown bytes tell.

    `outstanding`: bytes missing of the TLS record (None: lost count). `expected`: bytes of the HTTP response
    (None: not told); `head` collects its header and is None once that cannot be known.
    """

    protocol: str = ""
    outstanding: int | None = 0
    data_records: int = 0
    client_sent_data: bool = False
    is_tls13: bool = False
    head: bytes | None = b""
    is_to_head: bool = False
    is_chunked: bool = False
    ended_chunks: bool | None = False
    expected: int | None = None


@dataclass(slots=True)
class _Talk:
    """One descriptor's life so far. `refused`: "read" or "write", whichever returned EAGAIN last."""

    is_from_start: bool = False
    is_connecting: bool = False
    is_listening: bool = False
    refused: str = ""
    bytes_read: int = 0
    bytes_since_write: int = 0
    response: _Response = field(default_factory=_Response)
    run: list[_Wait] = field(default_factory=list)
    wanted: str = ""
    is_ready: bool = False


def symptoms(syscalls: Sequence[Syscall]) -> tuple[Symptom, ...]:
    """Every wait of at least `MIN_WAIT_NS`, worst first: those with a known connection, then the longest.

    `syscalls` are those of one trace in the order in which they ended. A wait that never returned and cannot
    be measured is told too, after the measured ones, unless its own timeout was shorter than `MIN_WAIT_NS`.
    """
    talks: dict[tuple[object, ...], _Talk] = {}
    found: list[Symptom] = []
    for row, waited_ns in _measured(syscalls):
        if row.name == _NAMING and waited_ns is not None and waited_ns >= MIN_WAIT_NS:
            found.append(_named(row, waited_ns))
        if row.fd < 0:
            continue
        talk = _talk_of(talks, row)
        found.extend(_step(talk, row, waited_ns))
        if row.name == "close":
            talks.pop((row.pid, row.fd), None)
            talks.pop((row.fd, row.local, row.peer), None)
    for talk in talks.values():
        found.extend(_ended(talk))
    return by_badness(found)


def _named(row: Syscall, waited_ns: int) -> Symptom:
    """A look-up that took long: it is about no descriptor of the program's."""
    return Symptom(
        kind="waited_for_name", call=row.name, fd=-1, pid=row.pid, waited_ns=waited_ns, waits=1,
        ended_by="data" if row.result == 0 else "reset", local=None, peer=None, started_ns=row.at_ns,
        response_bytes=0, after_complete_response=None, sources=(row.source,),
    )  # fmt: skip


def by_badness(found: Sequence[Symptom]) -> tuple[Symptom, ...]:
    """Those with a known connection first, then the longest; a client's own account behind calls to its peer."""
    called = {symptom.peer for symptom in found if symptom.fd >= 0 and symptom.peer is not None}

    def badness(symptom: Symptom) -> tuple[bool, bool, int]:
        unknown = symptom.local is None and symptom.peer is None
        is_known_better = symptom.fd < 0 and symptom.peer in called
        return unknown, symptom.waited_ns is None, 0 if is_known_better else -(symptom.waited_ns or 0)

    return tuple(sorted(found, key=badness))


def _talk_of(talks: dict[tuple[object, ...], _Talk], row: Syscall) -> _Talk:
    """Threads share a connection: once both its ends are known they name it, until then the caller does."""
    own = (row.pid, row.fd)
    if row.local is None or row.peer is None:
        return talks.setdefault(own, _Talk())
    named = (row.fd, row.local, row.peer)
    if named not in talks:
        talks[named] = talks.pop(own) if own in talks else _Talk()
    return talks[named]


def _measured(rows: Sequence[Syscall]) -> Iterator[tuple[Syscall, int | None]]:
    """Each call with how long it took; None: it never returned and nothing later has a time."""
    last_ns = max((row.at_ns for row in rows if row.at_ns is not None), default=None)
    following: dict[int, int] = {}
    next_ns: list[int | None] = []
    for row in reversed(rows):
        next_ns.append(following.get(row.pid, last_ns if row.result is None else None))
        if row.at_ns is not None:
            following[row.pid] = row.at_ns
    for row, after_ns in zip(rows, reversed(next_ns), strict=True):
        yield row, _took_ns(row, after_ns)


def _took_ns(row: Syscall, after_ns: int | None) -> int | None:
    """The trace's own duration, else what a timeout proves, else the time to the thread's next row.

    The last would count what the program computed after a successful read, so it is not used there.
    """
    if row.duration_ns is not None:
        return row.duration_ns
    asked_ns = -1 if row.timeout_ns is None else row.timeout_ns
    if row.name in _WAITING and row.result == 0 and asked_ns >= 0:
        return asked_ns
    if row.at_ns is None or after_ns is None or after_ns <= row.at_ns:
        return None if row.result is None else 0
    if row.name in _READING and (row.result or 0) > 0:
        return 0
    return min(after_ns - row.at_ns, asked_ns) if asked_ns >= 0 else after_ns - row.at_ns


def _step(talk: _Talk, row: Syscall, waited_ns: int | None) -> Iterator[Symptom]:
    """What one call means for its descriptor."""
    name = row.name
    if name in _WAITING:
        yield from _waited(talk, row, waited_ns)
    elif name in _READING:
        yield from _was_read(talk, row, waited_ns)
    elif name in _WRITING:
        yield from _was_written(talk, row, waited_ns)
    elif name == "connect":
        yield from _connected(talk, row, waited_ns)
    elif name == "getsockopt" and "SO_ERROR" in row.args and talk.is_connecting:
        talk.is_connecting = False
        yield from _ended(talk, "data" if ", [0]" in row.args else _error_end(row.args))
    elif name in _HANDSHAKES:
        _add(talk, row, waited_ns, blocking=True)
        yield from _ended(talk, "data" if row.result == 1 else "")
    elif name == "io_uring_enter":
        _add(talk, row, waited_ns, blocking=True)
        if row.result is not None:
            yield from _ended(talk, "data" if row.result > 0 else "timeout")
    elif name in {"listen", "accept", "accept4"}:
        talk.is_listening = True
    elif name in {"close", "socket"}:
        yield from _ended(talk)
        talk.is_from_start = True


def _waited(talk: _Talk, row: Syscall, waited_ns: int | None) -> Iterator[Symptom]:
    """A call that waits for readiness. With a timeout of 0 it only asks, which is no wait."""
    if row.timeout_ns == 0:
        return
    if talk.is_ready:
        yield from _ended(talk)
    _add(talk, row, waited_ns, blocking=False)
    talk.is_ready = (row.result or 0) > 0 and _is_among_ready(row)


def _is_among_ready(row: Syscall) -> bool:
    """Another descriptor of the same call may have ended it."""
    if "fd=" in row.result_text:
        return re.search(rf"fd={row.fd}\b", row.result_text) is not None
    if "[" in row.result_text:
        return re.search(rf"[\[ ]{row.fd}\b", row.result_text) is not None
    return True


def _add(talk: _Talk, row: Syscall, waited_ns: int | None, *, blocking: bool) -> None:
    """Note the wait; a call that reads or writes is one only when it took long."""
    if blocking and waited_ns is not None and waited_ns < MIN_WAIT_NS:
        return
    if not talk.run:
        talk.wanted = _wanted(talk, row)
    talk.run.append(_Wait(row, waited_ns))


def _wanted(talk: _Talk, row: Syscall) -> str:
    """What a wait was for: "connect", "read", "write" or "" (not told)."""
    if talk.is_connecting or row.name == "connect":
        return "connect"
    if row.name in _READING:
        return "read"
    if row.name in _WRITING:
        return "write"
    args = _FD_TEXT.sub("", row.args)
    events = next((found[2] for found in _EVENTS.finditer(args) if int(found[1]) == row.fd), "")
    reads, writes = "IN" in events, "OUT" in events
    if "select" in row.name and (sets := _SETS.match(args)):
        inside = re.compile(rf"[\[ ]{row.fd}\b")
        reads, writes = bool(inside.search(sets[1])), bool(inside.search(sets[2]))
    if reads != writes:
        return "read" if reads else "write"
    return talk.refused


def _was_read(talk: _Talk, row: Syscall, waited_ns: int | None) -> Iterator[Symptom]:
    if row.result is not None or '"' not in row.args:
        _add(talk, row, waited_ns, blocking=True)
    if row.result is None:
        return
    if row.result > 0:
        yield from _ended(talk, "data")
        talk.is_connecting = False
        if "MSG_PEEK" not in row.args:
            _feed(talk, row)
    elif row.result == 0:
        yield from _ended(talk, "eof")
    else:
        yield from _failed(talk, row, "read")


def _was_written(talk: _Talk, row: Syscall, waited_ns: int | None) -> Iterator[Symptom]:
    if row.result is not None or waited_ns is not None:
        _add(talk, row, waited_ns, blocking=True)
    if row.result is not None and row.result < 0:
        yield from _failed(talk, row, "write")
    elif row.result is not None:
        yield from _ended(talk, "data" if talk.wanted in {"write", "connect"} else "")
        shown = _shown(row.args)[0]
        old = talk.response
        talk.is_connecting, talk.refused, talk.bytes_since_write, talk.is_from_start = False, "", 0, True
        talk.response = _Response(
            protocol="tls" if old.protocol == "tls" else "",
            outstanding=old.outstanding,
            client_sent_data=old.client_sent_data or shown[:1] == bytes([_TLS_DATA]),
            is_tls13=old.is_tls13,
            is_to_head=shown.startswith(b"HEAD "),
        )


def _connected(talk: _Talk, row: Syscall, waited_ns: int | None) -> Iterator[Symptom]:
    talk.is_from_start = True
    _add(talk, row, waited_ns, blocking=True)
    if row.result is None:
        return
    talk.is_connecting = row.result_text.startswith(("EINPROGRESS", "EALREADY"))
    if not talk.is_connecting:
        yield from _ended(talk, "data" if row.result == 0 else _error_end(row.result_text))


def _failed(talk: _Talk, row: Syscall, what: str) -> Iterator[Symptom]:
    """EAGAIN says what the next wait is for; an error ends the wait. ltrace names no errors: unasked it is EAGAIN."""
    if row.result_text.startswith(_GO_ON) or (not row.result_text and not talk.is_ready):
        talk.refused, talk.is_ready = what, False
    else:
        yield from _ended(talk, _error_end(row.result_text))


def _error_end(text: str) -> str:
    return "timeout" if "ETIMEDOUT" in text else "reset"


def _how_it_ended(talk: _Talk) -> str:
    """What the last wait itself tells, when no later call told."""
    last = talk.run[-1].row
    if talk.is_ready:
        if "POLLERR" in last.result_text:
            return "reset"
        return "eof" if "HUP" in last.result_text else "data"
    return "killed" if last.result is None else "timeout"


def _ended(talk: _Talk, ended_by: str = "") -> Iterator[Symptom]:
    """The symptom of the waits so far, if they were long; the next wait begins a new one."""
    run = talk.run
    if not run:
        return
    ended_by = ended_by or _how_it_ended(talk)
    talk.run, talk.is_ready = [], False
    total_ns = sum(wait.waited_ns or 0 for wait in run)
    longest = max(run, key=lambda wait: wait.waited_ns or 0).row
    is_endless = run[-1].waited_ns is None and not 0 <= _asked_ns(run[-1].row) < MIN_WAIT_NS
    if not (total_ns >= MIN_WAIT_NS or is_endless) or not _may_be_a_peer(talk, longest):
        return
    kind, complete = _kind(talk, ended_by)
    yield Symptom(
        kind=kind, call=longest.name, fd=longest.fd, pid=longest.pid,
        waited_ns=total_ns if total_ns >= MIN_WAIT_NS else None, waits=len(run), ended_by=ended_by,
        local=longest.local, peer=longest.peer, started_ns=run[0].row.at_ns,
        response_bytes=talk.bytes_read, after_complete_response=complete,
        sources=tuple(wait.row.source for wait in run[:MAX_SOURCES]),
    )  # fmt: skip


def _asked_ns(row: Syscall) -> int:
    return -1 if row.timeout_ns is None else row.timeout_ns


def _may_be_a_peer(talk: _Talk, row: Syscall) -> bool:
    """Not a server waiting for its next client, nor a terminal: 0 to 2 are sockets only where told so."""
    is_terminal = row.fd <= _LAST_STANDARD_FD and not row.socket and row.peer is None
    return not talk.is_listening and not is_terminal and row.socket != "-"


def _kind(talk: _Talk, ended_by: str) -> tuple[str, bool | None]:
    """(kind, whether the response was complete before the wait)."""
    if talk.wanted in {"connect", "write"}:
        return ("waited_for_connect" if talk.wanted == "connect" else "waited_for_writable"), None
    complete = _is_complete(talk)
    if ended_by == "data" and talk.wanted == "read":
        return "waited_for_data", False
    if complete is None and ended_by == "eof" and talk.bytes_since_write:
        return "waited_for_eof", None
    if talk.wanted != "read" or complete is None:
        return "waited", complete
    return ("waited_for_eof" if complete else "waited_for_data"), complete


def _is_complete(talk: _Talk) -> bool | None:
    """Whether everything the last request asked for had been read; None where the trace does not tell."""
    response = talk.response
    if not talk.bytes_since_write:
        return False if talk.is_from_start else None
    if response.protocol == "tls":
        if response.outstanding is None:
            return None
        if response.outstanding or not response.data_records:
            return False
        return None if response.is_tls13 and talk.bytes_since_write <= TICKETS_BYTES else True
    if response.is_chunked:
        return response.ended_chunks
    return None if response.expected is None else talk.bytes_since_write >= response.expected


def _feed(talk: _Talk, row: Syscall) -> None:
    """Count what was read, and follow its framing."""
    count, response = row.result or 0, talk.response
    head, tail, is_whole = _shown(row.args)
    talk.refused = ""
    if (not response.protocol and not talk.bytes_since_write) or count == _TLS_HEADER_BYTES:
        is_tls = _tls_length(head) is not None
        if is_tls and response.protocol != "tls":
            response.protocol, response.outstanding = "tls", 0
        elif head.startswith(b"HTTP/1."):
            response.protocol = "http"
    if response.protocol == "tls":
        _feed_tls(response, head, count)
    elif response.protocol == "http":
        _feed_http(response, head, tail, is_whole=is_whole and len(head) == count)
    talk.bytes_read += count
    talk.bytes_since_write += count


def _tls_length(header: bytes) -> int | None:
    """The length a record's header announces, or None when it is no such header."""
    if len(header) < _TLS_HEADER_BYTES or header[0] not in _TLS_TYPES or header[1] != 3:  # noqa: PLR2004 - SSL 3.x
        return None
    return int.from_bytes(header[3:5], "big")


def _feed_tls(response: _Response, shown: bytes, count: int) -> None:
    """Walk the records in what was read; count is lost where a header is not among the shown bytes."""
    if response.outstanding is None and count == _TLS_HEADER_BYTES and _tls_length(shown) is not None:
        response.outstanding = 0
    at = 0
    while at < count and response.outstanding is not None:
        if response.outstanding == 0:
            length = _tls_length(shown[at : at + _TLS_HEADER_BYTES])
            if length is None:
                response.outstanding = None
                return
            response.outstanding = _TLS_HEADER_BYTES + length
            if shown[at] == _TLS_DATA:
                response.data_records += 1
                response.is_tls13 |= not response.client_sent_data
        taken = min(response.outstanding, count - at)
        response.outstanding -= taken
        at += taken


def _feed_http(response: _Response, head: bytes, tail: bytes, *, is_whole: bool) -> None:
    """Find the header's end and the length it announces, or the last chunk."""
    is_header = response.expected is None and not response.is_chunked and response.head is not None
    if is_header and response.head is not None:
        response.head = (response.head + head)[:_HEAD_BYTES]
        _read_header(response)
        if response.expected is None and not response.is_chunked and not is_whole:
            response.head = None
    if response.is_chunked:
        last = b"\r\n" + tail if tail.startswith(b"0\r\n") else tail
        response.ended_chunks = last.endswith(b"\r\n0\r\n\r\n") if tail else None


def _read_header(response: _Response) -> None:
    header, end, _ = (response.head or b"").partition(b"\r\n\r\n")
    if not end:
        return
    status = header.split(b" ", 2)[1][:3] if b" " in header else b""
    fields = header.lower()
    length = re.search(rb"\r\ncontent-length:[ \t]*(\d{1,18})(?:\r|\Z)", fields)
    if response.is_to_head or status in {b"204", b"304"}:
        response.expected = len(header) + len(end)
    elif re.search(rb"\r\ntransfer-encoding:[^\r]*chunked", fields):
        response.is_chunked = True
    elif length and not status.startswith(b"1"):
        response.expected = len(header) + len(end) + int(length[1])
    else:
        response.head = None


def _shown(args: str) -> tuple[bytes, bytes, bool]:
    """(first bytes, last bytes, whether that is all) of the call's first string."""
    start = args.find('"')
    before, elided, after = args[start + 1 :].partition(_ELIDED)
    if start >= 0 and elided and not _STRING.match(args[start:].partition(_ELIDED)[0]):
        end = after.rfind('"')
        is_abbreviated = end < 0 or after.startswith("...", end + 1)
        return _decoded(before), b"" if is_abbreviated else _decoded(after[:end]), False
    found = _STRING.search(args)
    if found is None:
        return b"", b"", False
    shown = _decoded(found[1])
    return shown, b"" if found[2] else shown, not found[2]


def _decoded(text: str) -> bytes:
    """strace's C escapes as bytes."""
    return _ESCAPE.sub(_unescaped, text.encode("utf-8", "surrogateescape"))


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1] == b"x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code.isdigit() and code < b"8":
        return bytes([int(code, 8) & 0xFF])
    return _CONTROL.get(code, code)
