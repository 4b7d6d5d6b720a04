"""`strace` output: the calls on descriptors that are or may be sockets, halves joined.

Calls that say nothing about the network are dropped here, where the text is: what leaves is a small table. To know
what a bare `3` is, descriptors of each process are followed (socket, connect, dup, close, ...) as far as they are told.

Formats: strace 4.x to 6.x, read in its sources (socketutils.c for `-yy`, poll.c, time.c): `[pid N]`, a bare pid, times
`-t -tt -ttt -r`, `-T`, `-y`, `-yy`, `<unfinished ...>` with `<... NAME resumed>`.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lastseen.evidence.library_calls import LIBRARY_CALL
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Syscall
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "strace"

MAX_ARGS_CHARS = 300
"""Arguments beyond this lose their middle: headers stand at the start, the end of a body at the end."""
MAX_TRACKED = 1024
"""Processes, descriptors a process and calls under way followed at once: a hostile trace has no end of them."""

_ELIDED = " [...] "
_TAIL_CHARS = 60
_NOT_A_SOCKET = "-"
_NS = 1_000_000_000

_TIMEOUTS = {
    "poll": (2, "ms"), "poll_time64": (2, "ms"), "ppoll": (2, "s"), "ppoll_time64": (2, "s"),
    "select": (4, "s"), "_newselect": (4, "s"), "pselect6": (4, "s"), "pselect6_time64": (4, "s"),
    "epoll_wait": (3, "ms"), "epoll_pwait": (3, "ms"), "epoll_pwait2": (3, "s"),
}  # fmt: skip
"""Where each call keeps its timeout, and whether that is milliseconds or a struct of seconds and a fraction."""

_CALLS = frozenset(_TIMEOUTS) | {
    "read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "write", "writev", "send",
    "sendto", "sendmsg", "sendmmsg", "sendfile", "sendfile64", "splice", "connect", "accept", "accept4", "close",
    "shutdown", "socket", "bind", "listen", "getsockopt", "setsockopt", "getpeername", "getsockname",
    "dup", "dup2", "dup3", "io_uring_enter",
}  # fmt: skip
_OPENS = (
    "open", "openat", "openat2", "creat", "memfd_create", "eventfd", "eventfd2", "epoll_create", "epoll_create1",
    "timerfd_create", "inotify_init", "inotify_init1", "signalfd", "signalfd4",
)  # fmt: skip

_PREFIX = re.compile(
    r"\s*(?:\[pid\s+(?P<pid>\d{1,9})(?:<[^>]*>)?\]\s+|(?P<bare>\d{1,7})(?:<[^>]*>)?\s+)?"
    r"(?:(?P<epoch>\d{9,12}(?:\.\d{1,9})?)|(?P<day>\d\d:\d\d:\d\d(?:\.\d{1,9})?)|\d{1,8}\.\d{3,9})?\s*"
    r"(?:\(\+\s*\d+\.\d+\)\s*)?(?:\[\s*[0-9a-f?]+\]\s+)?"
)
_NAME = re.compile(r"([a-z_?][a-z0-9_?]{0,40})\(")
_RESUMED = re.compile(r"<\.\.\. ([a-z_?][a-z0-9_?]{0,40}) resumed>\s?")
_UNFINISHED = re.compile(r" ?<(?:unfinished|detached) \.\.\.>$")
_EXITED = re.compile(r"\+\+\+ ((?:exited with (\d{1,9})|killed by \w+).*?) \+\+\+$")
_ATTACHED = re.compile(r"(?:strace: )?Process (\d{1,9}) attached")
_CHATTER = re.compile(r"---|\+\+\+|> ?\S|strace: |Process \d+ \w+|\[ Process PID")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_END = re.compile(r"\)[ \t]*= ")
_ANGLE = r"(?:<((?:->|[^<>]|<[^<>]*>)*+)>)?"
_FD = re.compile(rf"(-?\d{{1,9}}){_ANGLE}")
_POLLED = re.compile(rf"\{{fd=(-?\d{{1,9}}){_ANGLE}")
_VALUE = re.compile(rf"\s*(0x[0-9a-fA-F]{{1,16}}|-?\d{{1,19}}|\?){_ANGLE}\s*")
_DURATION = re.compile(r"<(\d{1,9}\.\d{1,9})>$")
_READY = re.compile(r"(?:fd=|u32=|data=|\[| )(0x[0-9a-f]{1,16}|\d{1,9})")
_SOCKET_TEXT = re.compile(r"([A-Z][\w-]{0,30}):\[(.*)\]", re.DOTALL)
_MILLISECONDS = re.compile(r"-?\d{1,12}")
_SPEC = re.compile(r"\{(?:tv_sec=)?(-?\d{1,12})(?:, (?:tv_[un]sec=)?(\d{1,9}))?")
_PORT = re.compile(r"sin6?_port=htons\((\d{1,5})\)")
_ADDRESS = re.compile(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]{1,64})"')
_FAMILY = re.compile(r"\b[AP]F_(\w{1,20})")
_BRACKETS = re.compile(r"[\[\](){},]")

_KNOWN = re.compile(
    r"(?:^|[\s\]>.])(?:execve|brk|mmap2?|munmap|mprotect|openat|access|newfstatat|fstat(?:64)?|futex|ioctl"
    r"|fcntl(?:64)?|rt_sig\w+|getrandom|clone3?|restart_syscall|exit_group|"
    rf"{'|'.join(sorted(_CALLS))})(?:\(| resumed>)"
)
_SHAPE = re.compile(
    r"\)[ \t]*= (?:-?\d|0x|\?)|<unfinished \.\.\.>|<detached \.\.\.>|^[^<]{0,80}<\.\.\. \w+ resumed>"
    r"|^[^-+]{0,80}(?:---|\+\+\+) .* (?:---|\+\+\+)$|^strace: |Process \d+ attached|(?:^|\s)p?poll\(\[\{fd=\d"
)
_COMMAND = re.compile(r"(?:^|[\s/])strace(?:\s|$)")


@dataclass(frozen=True, slots=True)
class _Descriptor:
    """What a descriptor is. `socket`: as in `Syscall`, or `_NOT_A_SOCKET`, or "" (not known)."""

    socket: str = ""
    local: Endpoint | None = None
    peer: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class _Files:
    """A descriptor table, one object for all threads that share it; `watched`: epoll descriptor -> members."""

    open: dict[int, _Descriptor] = field(default_factory=dict)
    watched: dict[int, dict[int, None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call's line: `rest` is what follows `name(`. `resumed_ns`: when its second half was printed."""

    number: int
    pid: int
    at_ns: int | None
    name: str
    rest: str
    resumed_ns: int | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """A call taken apart. `result_fd`: the text in `<>` behind the result; `cut`: the line has no end."""

    call: _Call
    args: str
    masked: str
    result: int | None = None
    result_fd: str | None = None
    result_text: str = ""
    duration_ns: int | None = None
    cut: bool = False


@dataclass(slots=True)
class _Trace:
    """What is under way while the lines go by."""

    text: Text
    files: dict[int, _Files] = field(default_factory=dict)
    pending: dict[tuple[int, str], _Call] = field(default_factory=dict)
    attached: dict[int, None] = field(default_factory=dict)
    cut: _Done | None = None


def recognise(head: Head) -> bool:
    """Most of the first lines are calls with results, and at least one is a call Linux has."""
    if not head.first():
        return bool(_COMMAND.search(head.command))
    least = min(20, sum(bool(line.strip()) for line in head.lines))
    return 2 * head.matching(_SHAPE) > least and head.matching(_KNOWN) > 0 and not head.matching(LIBRARY_CALL)


def read(text: Text) -> Iterator[Syscall | Weird]:
    """One `Syscall` for each call whose descriptor is or may be a socket, in the order they ended.

    `source` is the line where the call began. Calls that never ended come when their process ends, or last.
    A process's end is a row as well: name "exit", no descriptor, `result` its exit code (None: killed).
    """
    trace = _Trace(text=text)
    for number, line in text.lines():
        if not line.strip():
            continue
        if trace.cut is not None:
            yield text.weird(trace.cut.call.number, "a call without its end")
            trace.cut = None
        yield from _step(trace, number, line.rstrip())
    if trace.cut is not None:
        yield from _row(trace, trace.cut)
    for key, call in trace.pending.items():
        if key[1] == call.name:
            yield from _row(trace, _unended(call))


def _step(trace: _Trace, number: int, line: str) -> Iterator[Syscall | Weird]:
    """What one line gives."""
    if (prefix := _PREFIX.match(line)) is None:
        return
    body = line[prefix.end() :]
    pid, at_ns = int(prefix["pid"] or prefix["bare"] or 0), _time_ns(prefix)
    if named := _NAME.match(body):
        if named[1] in _TRACKED:
            yield from _begun(trace, _Call(number, pid, at_ns, named[1], body[named.end() :]))
    elif resumed := _RESUMED.match(body):
        yield from _resumed(trace, _Call(number, pid, at_ns, resumed[1], body[resumed.end() :]))
    elif ended := _EXITED.match(body):
        yield from _exited(trace, _Call(number, pid, at_ns, "exit", ended[1]), ended[2])
    elif attached := _ATTACHED.match(body):
        _keep(trace.attached, int(attached[1]), None)
    elif not _CHATTER.match(body):
        yield trace.text.weird(number, "not a system call")


def _begun(trace: _Trace, call: _Call) -> Iterator[Syscall | Weird]:
    if unfinished := _UNFINISHED.search(call.rest):
        if len(trace.pending) >= MAX_TRACKED:
            yield trace.text.weird(call.number, "too many unfinished calls: the oldest is lost")
        _keep(trace.pending, (call.pid, call.name), replace(call, rest=call.rest[: unfinished.start()]))
    elif call.name != "restart_syscall":
        yield from _finished(trace, call)
    elif interrupted := trace.pending.pop((call.pid, call.name), None):
        rest = interrupted.rest + call.rest[call.rest.rfind(") = ") :]
        yield from _finished(trace, replace(call, name=interrupted.name, rest=rest))


def _resumed(trace: _Trace, second: _Call) -> Iterator[Syscall | Weird]:
    pending, name = trace.pending, second.name
    first = pending.pop((second.pid, name), None) or pending.pop((0, name), None)
    if first is not None:
        joined = replace(first, pid=second.pid, rest=first.rest + second.rest, resumed_ns=second.at_ns)
        yield from _finished(trace, joined)
    elif name in _TRACKED:
        yield trace.text.weird(second.number, "the first half of this call is not in the trace")


def _finished(trace: _Trace, call: _Call) -> Iterator[Syscall | Weird]:
    done = _taken_apart(call)
    if done.cut:
        trace.cut = done
        return
    if done.result is None and done.result_text.startswith("ERESTART_RESTARTBLOCK"):
        _keep(trace.pending, (call.pid, "restart_syscall"), replace(call, rest=done.args))
    yield from _row(trace, done)


def _exited(trace: _Trace, call: _Call, code: str | None) -> Iterator[Syscall | Weird]:
    """The calls that ended with their process, then the end itself."""
    for key in [key for key in trace.pending if key[0] == call.pid]:
        pending = trace.pending.pop(key)
        if key[1] == pending.name:
            yield from _row(trace, replace(_unended(pending), result_text=call.rest))
    trace.files.pop(call.pid, None)
    yield Syscall(
        **trace.text.at(call.number), pid=call.pid, at_ns=call.at_ns, name="exit", fd=-1, args="",
        result=int(code) if code else None, result_text=call.rest[:MAX_ARGS_CHARS], duration_ns=None,
    )  # fmt: skip


def _time_ns(prefix: re.Match[str]) -> int | None:
    """Since the epoch, or since midnight; None for `-r`, which tells only differences."""
    if prefix["day"]:
        hours, minutes, seconds = prefix["day"].split(":")
        return (int(hours) * 3600 + int(minutes) * 60) * _NS + _decimal_ns(seconds)
    return _decimal_ns(prefix["epoch"]) if prefix["epoch"] else None


def _decimal_ns(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    return int(whole) * _NS + int(fraction.ljust(9, "0") or 0)


def _masked(rest: str) -> str:
    """The same length with nothing inside the strings that could be taken for syntax."""
    return _STRING.sub(lambda found: '"' * len(found[0]), rest) if '"' in rest else rest


def _taken_apart(call: _Call) -> _Done:
    masked = _masked(call.rest)
    end = _END.search(masked)
    value = _VALUE.match(call.rest, end.end()) if end else None
    if end is None or value is None:
        return replace(_unended(call), cut=True)
    duration = _DURATION.search(call.rest, value.end())
    tail = call.rest[value.end() : duration.start() if duration else None].strip()
    duration_ns = _decimal_ns(duration[1]) if duration else None
    if duration_ns is None and call.resumed_ns is not None and call.at_ns is not None:
        duration_ns = (call.resumed_ns - call.at_ns) % (86_400 * _NS)
    result = None if value[1] == "?" else int(value[1], 16 if value[1].startswith("0x") else 10)
    inner = tail[1:-1] if tail.startswith("(") and tail.endswith(")") else tail
    args, syntax = call.rest[: end.start()], masked[: end.start()]
    return _Done(call, args, syntax, result, value[2], inner[:MAX_ARGS_CHARS], duration_ns)


def _unended(call: _Call) -> _Done:
    return _Done(call, call.rest, _masked(call.rest))


def _row(trace: _Trace, done: _Done) -> Iterator[Syscall]:
    """The row, when the call is about what may be a socket; what the call tells of descriptors is kept."""
    call = done.call
    files = _files_of(trace, call.pid)
    fd, was = _subject(files, done)
    if learn := _LEARN.get(call.name):
        learn(files, done, fd)
    elif call.name in _CLONES:
        _cloned(trace, files, done)
    now = files.open.get(fd, was)
    if call.name not in _CALLS or now.socket == _NOT_A_SOCKET:
        return
    args = done.args.strip()
    if len(args) > MAX_ARGS_CHARS:
        args = args[: MAX_ARGS_CHARS - _TAIL_CHARS - len(_ELIDED)] + _ELIDED + args[-_TAIL_CHARS:]
    yield Syscall(
        **trace.text.at(call.number), pid=call.pid, at_ns=call.at_ns, name=call.name, fd=fd,
        args=args, result=done.result, result_text=done.result_text,
        duration_ns=done.duration_ns, timeout_ns=_timeout_ns(done),
        socket=now.socket, local=now.local, peer=now.peer,
    )  # fmt: skip


def _files_of(trace: _Trace, pid: int) -> _Files:
    """The table of this process. Lines lose their pid while one process is left: then it is the oldest."""
    if pid not in trace.files:
        other = next(iter(trace.files), 0) if pid == 0 else 0
        is_new = pid in trace.attached or other not in trace.files
        _keep(trace.files, pid, _Files() if is_new else trace.files[other])
    return trace.files[pid]


def _keep(mapping: dict[Any, Any], key: object, value: object) -> None:
    """Set it; the oldest makes room when there are too many."""
    if key not in mapping and len(mapping) >= MAX_TRACKED:
        del mapping[next(iter(mapping))]
    mapping[key] = value


def _subject(files: _Files, done: _Done) -> tuple[int, _Descriptor]:
    """The descriptor a call is about: its first argument, what a wait waits for, or what `socket` made."""
    name = done.call.name
    if name in _TIMEOUTS:
        return _waited_for(files, done)
    if name == "socket":
        return (-1 if done.result is None else done.result), _Descriptor()
    found = _FD.match(done.args.lstrip())
    if found is None:
        return -1, _Descriptor(socket="" if name in _CALLS else _NOT_A_SOCKET)
    fd = int(found[1])
    return fd, _Descriptor() if name == "io_uring_enter" else _seen(files, fd, found[2])


def _seen(files: _Files, fd: int, shown: str | None) -> _Descriptor:
    """What the descriptor is by its `<...>` text, completed by what earlier calls told."""
    known = files.open.get(fd, _Descriptor())
    if shown is None:
        return known
    now = _described(shown)
    if now.socket != _NOT_A_SOCKET and known.socket != _NOT_A_SOCKET:
        socket = known.socket if now.socket == "socket" and known.socket else now.socket
        now = _Descriptor(socket, now.local or known.local, now.peer or known.peer)
    _keep(files.open, fd, now)
    return now


def _described(shown: str) -> _Descriptor:
    if shown.startswith("socket:["):
        return _Descriptor(socket="socket")
    found = _SOCKET_TEXT.match(shown)
    if found is None or not found[1].startswith(("TCP", "UDP", "SCTP", "DCCP", "RAW", "PING", "ICMP")):
        return _Descriptor(socket=found[1] if found else _NOT_A_SOCKET)
    local, _, peer = found[2].partition("->")
    return _Descriptor(found[1], *(_endpoint(*end.rpartition(":")[::2]) for end in (local, peer)))


def _endpoint(address: str, port: str) -> Endpoint | None:
    """None for what is no address. IPv4 written as IPv6 comes out as IPv4, as the packets have it."""
    try:
        found = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return Endpoint(address=str(mapped or found), port=int(port) if port.isdecimal() and len(port) < 6 else 0)


def _waited_for(files: _Files, done: _Done) -> tuple[int, _Descriptor]:
    """Of the descriptors waited for, the one that says most: TCP and UDP before others, ready before not."""
    found = _candidates(files, done)
    ready_in = done.args if done.call.name.startswith("epoll") else done.result_text
    ready = {int(value, 16 if value.startswith("0x") else 10) for value in _READY.findall(ready_in)}

    def weight(one: tuple[int, _Descriptor]) -> tuple[bool, ...]:
        what = one[1].socket
        return what != _NOT_A_SOCKET, what[:3] in {"TCP", "UDP"}, one[1].peer is not None, one[0] in ready

    return max(found, key=weight, default=(-1, _Descriptor()))


def _candidates(files: _Files, done: _Done) -> list[tuple[int, _Descriptor]]:
    if done.call.name.startswith("epoll"):
        own = int(found[1]) if (found := _FD.match(done.args.lstrip())) else -1
        members = files.watched.get(own) or {own: None}
        return [(fd, _Descriptor() if fd == own else files.open.get(fd, _Descriptor())) for fd in members]
    sets = [part.strip("[] ") for part in _split(done)[1:4] if part.startswith("[")]
    is_select = "select" in done.call.name
    shown = _FD.finditer(" ".join(sets)) if is_select else _POLLED.finditer(done.args)
    return [(int(found[1]), _seen(files, int(found[1]), found[2])) for found in shown if int(found[1]) >= 0]


def _split(done: _Done) -> list[str]:
    """The arguments; of a line without its end, those that are surely whole."""
    parts, depth, start = [], 0, 0
    for found in _BRACKETS.finditer(done.masked):
        if found[0] == ",":
            if depth == 0:
                parts.append(done.args[start : found.start()].strip())
                start = found.end()
        else:
            depth += 1 if found[0] in "[({" else -1
    return parts if done.cut else [*parts, done.args[start:].strip()]


def _timeout_ns(done: _Done) -> int | None:
    if done.call.name not in _TIMEOUTS:
        return None
    index, unit = _TIMEOUTS[done.call.name]
    parts = _split(done)
    value = parts[index] if index < len(parts) else ""
    if value == "NULL":
        return -1
    if unit == "ms":
        return max(-1, int(value) * 1_000_000) if _MILLISECONDS.fullmatch(value) else None
    spec = _SPEC.match(value)
    fraction_ns = 1000 if "select" in done.call.name and "pselect" not in done.call.name else 1
    return None if spec is None else int(spec[1]) * _NS + int(spec[2] or 0) * fraction_ns


def _made(files: _Files, done: _Done, fd: int) -> None:
    """The new descriptor: what its `<...>` text says, else what such a call makes."""
    new, name = done.result, done.call.name
    if new is None or new < 0:
        return
    old = files.open.get(fd, _Descriptor())
    made = _described(done.result_fd) if done.result_fd else _Descriptor()
    if name in _OPENS:
        files.watched.pop(new, None)
        made = _Descriptor(_NOT_A_SOCKET)
    elif name.startswith("dup"):
        made = old
    elif made.socket in {"", "socket"} and name == "socket":
        family = found[1] if (found := _FAMILY.search(done.args)) else ""
        kind = "TCP" if "SOCK_STREAM" in done.args else "UDP" if "SOCK_DGRAM" in done.args else "RAW"
        made = _Descriptor({"INET": kind, "INET6": kind + "v6"}.get(family, family))
    elif made.socket in {"", "socket"}:
        made = _Descriptor(old.socket)
    _keep(files.open, new, made)
    if name.startswith("accept") and made.peer is None:
        _named_peer(files, done, new)


def _named_peer(files: _Files, done: _Done, fd: int) -> None:
    """What the address in the arguments tells: the peer, or the own end for `getsockname`."""
    known = files.open.get(fd, _Descriptor())
    family = found[1] if (found := _FAMILY.search(done.args)) else ""
    port, address = _PORT.search(done.args), _ADDRESS.search(done.args)
    if family == "UNSPEC":
        known = replace(known, peer=None)
    elif family == "UNIX":
        known = replace(known, socket=known.socket or "UNIX")
    elif port and address and (end := _endpoint(address[1], port[1])):
        known = replace(known, local=end) if done.call.name == "getsockname" else replace(known, peer=end)
    _keep(files.open, fd, known)


def _paired(files: _Files, done: _Done, _fd: int) -> None:
    """`pipe([3, 4])` and `socketpair(..., [3, 4])`."""
    made = _Descriptor("UNIX" if done.call.name == "socketpair" else _NOT_A_SOCKET)
    for found in _FD.finditer(done.args[done.args.find("[") :].strip("[] ")):
        _keep(files.open, int(found[1]), _described(found[2]) if found[2] else made)


def _closed(files: _Files, _done: _Done, fd: int) -> None:
    files.open.pop(fd, None)
    files.watched.pop(fd, None)
    for members in files.watched.values():
        members.pop(fd, None)


def _watch_changed(files: _Files, done: _Done, fd: int) -> None:
    parts = _split(done)
    member = _FD.match(parts[2]) if len(parts) > 2 else None
    if member is None:
        return
    _keep(files.watched, fd, files.watched.get(fd, {}))
    if "_DEL" in parts[1]:
        files.watched[fd].pop(int(member[1]), None)
    else:
        _seen(files, int(member[1]), member[2])
        _keep(files.watched[fd], int(member[1]), None)


def _cloned(trace: _Trace, parent: _Files, done: _Done) -> None:
    """A thread shares its parent's table, a process has a copy; what the child did before we knew stays."""
    if done.result is None or done.result <= 0:
        return
    child = trace.files.get(done.result, _Files())
    shared = parent if "CLONE_FILES" in done.args else _Files(dict(parent.open), dict(parent.watched))
    if child is not parent:
        shared.open.update(child.open)
        _keep(trace.files, done.result, shared)


_CLONES = frozenset({"clone", "clone2", "clone3", "fork", "vfork"})
_LEARN: Mapping[str, Callable[[_Files, _Done, int], None]] = {
    **dict.fromkeys(("socket", "accept", "accept4", "dup", "dup2", "dup3", *_OPENS), _made),
    **dict.fromkeys(("connect", "getpeername", "getsockname"), _named_peer),
    **dict.fromkeys(("pipe", "pipe2", "socketpair"), _paired),
    "close": _closed,
    "epoll_ctl": _watch_changed,
}
_TRACKED = _CALLS | _CLONES | frozenset(_LEARN) | {"restart_syscall"}
