"""`ltrace -tt -T -f`: calls of library functions that wait, read and write, halves joined.

ltrace shows pointers where strace shows what they point at: a `connect` tells no address, a `poll` no descriptor, an
error no name. So a wait is about the one socket its process has open, or about none that is known; TLS functions are
about the socket that `SSL_set_fd` gave them, or the same one socket. System calls that `-S` shows inside a library
call are that call's; elsewhere they are calls as well.

Sources: ltrace's output.c and etc/libc.so.conf, 0.5 to 0.7.91; printed by 0.7.3.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from lastseen.evidence.library_calls import LIBRARY_CALL
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Syscall
from lastseen.tables.sources import Source, Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ltrace"

MAX_ARGS_CHARS = 300
MAX_TRACKED = 1024
"""Processes and calls under way followed at once: a hostile trace has no end of them."""

_NS = 1_000_000_000
_PREFIX = re.compile(
    r"^\s*(?:\[pid (?P<pid>\d{1,9})\]\s+|(?P<bare>\d{1,7})\s+(?=\d))?"
    r"(?:(?P<epoch>\d{9,12}(?:\.\d{1,9})?)|(?P<day>\d\d:\d\d:\d\d(?:\.\d{1,9})?)|\d{1,8}\.\d{3,9})?\s*"
    r"(?:\[0x[0-9a-f]{1,16}\]\s+)?(?:[\w.+-]{1,80}->)?"
)
_CALL = re.compile(r"(?P<sys>SYS_)?(?P<name>[A-Za-z_]\w{0,60})(?:@\w{1,20})?\((?P<rest>.*)$")
_RESUMED = re.compile(r"<\.\.\. (?P<sys>SYS_)?(?P<name>[A-Za-z_]\w{0,60}) resumed>\s?(?P<rest>.*)$")
_UNFINISHED = re.compile(r"\s?<(?:unfinished|no return) \.\.\.>\s*$")
_RESULT = re.compile(
    r"\)\s*=\s(?P<value>0x[0-9a-f]{1,16}|-?\d{1,19}|nil|<void>|\"[^\"]{0,200}\"(?:\.\.\.)?)?[^<]{0,80}(?:<(?P<took>\d{1,9}\.\d{1,9})>)?\s*$"
)
_EXITED = re.compile(r"\+\+\+ (?P<how>exited \(status (?P<code>\d{1,3})\)|killed by .{1,60}) \+\+\+")
_SIGNAL = re.compile(r"--- |\+\+\+ |Cannot |Couldn't |unexpected breakpoint")
_FD = re.compile(r"^\s*(-?\d{1,9})\b")
_NUMBER = re.compile(r"-?\d{1,12}|0x[0-9a-f]{1,16}")

_WAITS: Final = {"poll": 2, "epoll_wait": 3, "epoll_pwait": 3, "ppoll": None, "select": None, "pselect": None}
"""Which argument is the timeout in ms; None: it stands behind a pointer."""
_ON_A_SOCKET: Final = frozenset({
    "read", "readv", "recv", "recvfrom", "recvmsg", "write", "writev", "send", "sendto", "sendmsg", "connect", "close",
    "shutdown", "accept", "accept4", "listen", "getsockopt", "setsockopt",
})  # fmt: skip
_OF_TLS: Final = frozenset({"SSL_read", "SSL_write", "SSL_connect", "SSL_do_handshake"})
_INET: Final = {"2": "TCP", "10": "TCPv6"}
"""AF_INET and AF_INET6, as numbers (bits/socket.h)."""
_STREAM: Final = 1
_TYPE_BITS: Final = 0xF
_TLS_SET_FD: Final = frozenset({"SSL_set_fd", "SSL_set_rfd"})
_NAMES: Final = frozenset({"getaddrinfo"})
_KEPT: Final = frozenset(_WAITS) | _ON_A_SOCKET | _OF_TLS | _TLS_SET_FD | _NAMES | {"socket"}
_COMMAND = re.compile(r"(?:^|[\s/])ltrace(?:\s|$)")
_SHAPE = re.compile(
    r"\)\s*= ?(?:-?\d|0x|nil|<void>|\"|<\d)|<unfinished \.\.\.>|<\.\.\. \w+ resumed>|<no return \.\.\.>|\+\+\+ "
)


@dataclass(frozen=True, slots=True)
class _Begun:
    """Where and when a call of a process began, and what is printed behind its name so far."""

    source: Source
    pid: int
    at_ns: int | None
    name: str = ""
    rest: str = ""


@dataclass(slots=True)
class _Process:
    """What a process has open. `sockets`: descriptor -> kind; `tls`: handle -> descriptor; `open_calls`: by name."""

    sockets: dict[int, str] = field(default_factory=dict)
    tls: dict[str, int] = field(default_factory=dict)
    open_calls: dict[str, _Begun] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Most of the first lines are calls with results, and at least one is a library's."""
    if not head.first():
        return bool(_COMMAND.search(head.command))
    lines = sum(1 for line in head.lines if line.strip())
    return 2 * head.matching(_SHAPE) > min(20, lines) and head.matching(LIBRARY_CALL) > 0


def read(text: Text) -> Iterator[Syscall | Weird]:
    """One `Syscall` for each call about a socket, in the order they ended; `socket` is "TCP" where it was made here.

    A call that looks a name up is one without a descriptor. A process's end is a row as in a trace of system calls.
    """
    processes: dict[int, _Process] = {}
    for number, line in text.lines():
        prefix = _PREFIX.match(line)
        if prefix is None or not line.strip():
            continue
        pid = int(prefix["pid"] or prefix["bare"] or 0)
        if pid not in processes and len(processes) >= MAX_TRACKED:
            del processes[next(iter(processes))]
        process = processes.setdefault(pid, _Process())
        begun = _Begun(text.at(number)["source"], pid, _time_ns(prefix))
        body = line[prefix.end() :]
        if found := _CALL.match(body) or _RESUMED.match(body):
            name = "" if found["sys"] and process.open_calls else found["name"]
            yield from _call(text, process, replace(begun, name=name, rest=found["rest"]))
        elif ended := _EXITED.search(body):
            yield from _ended(text, process)
            code = int(ended["code"]) if ended["code"] else None
            yield _row(text, replace(begun, name="exit"), result=code, said=ended["how"])
            processes.pop(pid)
        elif not _SIGNAL.match(body):
            yield text.weird(number, "no call of ltrace's")
    for process in processes.values():
        yield from _ended(text, process)


def _time_ns(prefix: re.Match[str]) -> int | None:
    """Since the epoch, or since midnight; None for `-r` or none."""
    if prefix["day"]:
        hours, minutes, seconds = prefix["day"].split(":")
        return (int(hours) * 3600 + int(minutes) * 60) * _NS + _decimal_ns(seconds)
    return _decimal_ns(prefix["epoch"]) if prefix["epoch"] else None


def _decimal_ns(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    return int(whole) * _NS + int(fraction.ljust(9, "0") or 0)


def _call(text: Text, process: _Process, call: _Begun) -> Iterator[Syscall | Weird]:
    """A call's line, whole or one half of it; without a name it is inside another one."""
    if call.name not in _KEPT:
        return
    if cut := _UNFINISHED.search(call.rest):
        process.open_calls[call.name] = replace(call, rest=call.rest[: cut.start()])
        return
    if first := process.open_calls.pop(call.name, None):
        call = replace(first, rest=first.rest + call.rest)
    ended = _RESULT.search(call.rest)
    if ended is None:
        yield text.weird(call.source.line or 0, "a call without its end")
        return
    took_ns = _decimal_ns(ended["took"]) if ended["took"] else None
    result = _value(ended["value"] or "")
    yield from _done(text, process, replace(call, rest=call.rest[: ended.start()]), (result, took_ns))


def _value(shown: str) -> int | None:
    """A result; an int printed as an unsigned number is negative where its sign bit is set."""
    if shown.startswith("0x"):
        value = int(shown, 16)
        return value - (1 << 32) if (1 << 31) <= value < (1 << 32) else value
    return int(shown) if shown.lstrip("-").isdecimal() else 0 if shown == "nil" else None


def _done(
    text: Text, process: _Process, call: _Begun, how: tuple[int | None, int | None]
) -> Iterator[Syscall]:
    """A call that ended (its result, how long it took): what it tells of descriptors is kept, and its row is made."""
    result, took_ns = how
    if call.name in _TLS_SET_FD:
        handle, _, fd_shown = call.rest.partition(",")
        if (descriptor := _FD.match(fd_shown)) and len(process.tls) < MAX_TRACKED:
            process.tls[handle.strip()] = int(descriptor[1])
        return
    fd = _subject(process, call.name, call.rest, result)
    if call.name == "socket" and fd >= 0:
        process.sockets[fd] = _made(call.rest)
    elif process.sockets and fd >= 0 and fd not in process.sockets:
        return  # a file or a pipe: where sockets were made in the trace, this is none of them
    yield _row(text, call, fd=fd, result=result, took_ns=took_ns, socket=process.sockets.get(fd, ""))
    if call.name == "close":
        process.sockets.pop(fd, None)


def _made(args: str) -> str:
    """The kind of a socket by its family and type, which ltrace prints as numbers."""
    family, kind, *_ = [*(part.strip() for part in args.split(",")), "", ""]
    kind_number = int(kind) & _TYPE_BITS if kind.isdecimal() else 0
    found = _INET.get(family, "UNIX")
    return found if kind_number == _STREAM or found == "UNIX" else found.replace("TCP", "UDP")


def _subject(process: _Process, name: str, args: str, result: int | None) -> int:
    """The descriptor a call is about; -1: not told."""
    if name in _NAMES:
        return -1
    if name == "socket":
        return -1 if result is None else result
    if name in _ON_A_SOCKET:
        return int(found[1]) if (found := _FD.match(args)) else -1
    handle = args.partition(",")[0].strip()
    if name in _OF_TLS and handle in process.tls:
        return process.tls[handle]
    inet = [fd for fd, kind in process.sockets.items() if kind != "UNIX"]
    return inet[0] if len(inet) == 1 else -1


def _timeout_ns(name: str, args: str) -> int | None:
    at = _WAITS.get(name)
    parts = [part.strip() for part in args.split(",")]
    if at is None or at >= len(parts) or not _NUMBER.fullmatch(parts[at]):
        return None
    value = _value(parts[at])
    return None if value is None else max(-1, value * 1_000_000)


def _row(
    text: Text, call: _Begun, *, fd: int = -1, result: int | None = None, took_ns: int | None = None,
    socket: str = "", said: str = "",
) -> Syscall:  # fmt: skip
    place = text.at(call.source.line or 0)
    return Syscall(
        source=call.source, node=place["node"], snapshot=place["snapshot"], pid=call.pid, at_ns=call.at_ns,
        name=call.name, fd=fd, args=call.rest.strip()[:MAX_ARGS_CHARS], result=result, result_text=said,
        duration_ns=took_ns, timeout_ns=_timeout_ns(call.name, call.rest), socket=socket,
    )  # fmt: skip


def _ended(text: Text, process: _Process) -> Iterator[Syscall]:
    """Calls that had not returned when their process or the trace ended."""
    for name, call in process.open_calls.items():
        fd = _subject(process, name, call.rest, None)
        yield _row(text, call, fd=fd, socket=process.sockets.get(fd, ""))
    process.open_calls.clear()
