"""`lsof -i` and `lsof -nP` in columns and as fields (`-F`): the sockets of programs, and the state of their ends.

Files that are no Internet sockets are passed over in silence. What is unknown stays so: the columns tell no queues
unless asked for (`-T qs`), the fields always do. A socket with a host or service name where an address is needed
(lsof without `-nP`) is told as one that cannot be read.

Sources: lsof's lsof.8 (OUTPUT, OUTPUT FOR OTHER PROGRAMS), src/print.c and lib/dialects/linux/tables.h, 4.7x to 4.99;
printed by 4.95.0.
"""

import ipaddress
import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Socket
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "lsof"

_STATES = {
    "ESTABLISHED": "ESTAB", "SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECV", "SYN_RCDV": "SYN-RECV",
    "FIN_WAIT1": "FIN-WAIT-1", "FIN_WAIT2": "FIN-WAIT-2", "FIN_WAIT_1": "FIN-WAIT-1", "FIN_WAIT_2": "FIN-WAIT-2",
    "TIME_WAIT": "TIME-WAIT", "CLOSE": "UNCONN", "CLOSED": "UNCONN", "IDLE": "UNCONN", "CLOSE_WAIT": "CLOSE-WAIT",
    "LAST_ACK": "LAST-ACK", "LISTEN": "LISTEN", "CLOSING": "CLOSING",
}  # fmt: skip
"""lsof's names of TCP's states by those of `ss`."""

_HEADER = re.compile(r"^COMMAND\s+PID\s.*\bFD\s+TYPE\s.*\bNAME\s*$")
_ROW = re.compile(
    r"^(?P<command>\S.{0,60}?)\s+(?P<pid>\d{1,9})\s.{1,120}?\s(?P<fd>\d{1,9})[a-zA-Z -]{0,3}\s+(?:IPv[46]|inet6?)\s"
    r".{0,120}?\b(?P<proto>TCP|UDP|UDPLITE|SCTP|DCCP|ICMP|RAW)\s(?P<name>\S+)\s{0,3}(?P<more>\(.{0,120}\))?\s*$"
)
_ANY_ROW = re.compile(r"^\S.{0,60}?\s+\d{1,9}\s+(?:\d{1,9}\s+\S+\s+|\d{1,9}\s+)?\S+\s+\S+\s+\S+\s")
_STATE = re.compile(r"\b(?:ST=)?([A-Z][A-Z_0-9]{3,12})\b")
_QUEUE = re.compile(r"\b(QR|QS)=(\d{1,12})")
_FIELD = re.compile(r"^(?P<key>[a-zA-Z0])(?P<value>.*)$")
_PROCESS = re.compile(r"^p\d{1,9}$")
_CHATTER = re.compile(r"^(?:lsof: |\s+Output information may be incomplete)")
_COMMAND = re.compile(r"(?:^|[\s/])lsof(?:\s|$)")
_TCP = "TCP"


def recognise(head: Head) -> bool:
    """The columns' heading, or fields that begin with a process and its first file; or the command, with no output."""
    lines = [line for line in head.lines if line.strip() and not _CHATTER.match(line)]
    if not lines:
        return bool(_COMMAND.search(head.command))
    if _HEADER.match(lines[0]):
        return True
    rest = [line for line in lines[1:16] if _FIELD.match(line)]
    is_fields = bool(_PROCESS.match(lines[0])) and len(rest) == len(lines[1:16])
    return is_fields and any(re.match(r"^(?:f(?:\d|cwd|txt|mem|rtd)|c\S)", line) for line in rest)


def read(text: Text) -> Iterator[Socket | Weird]:
    """One `Socket` for each Internet socket; `info` has "users", as `ss -p` tells them, and "netid"."""
    lines = ((number, line) for number, line in text.lines() if line.strip() and not _CHATTER.match(line))
    first = next(lines, None)
    if first is None:
        return
    if _PROCESS.match(first[1]):
        yield from _of_fields(text, first, lines)
        return
    for number, line in (first, *lines) if not _HEADER.match(first[1]) else lines:
        if _HEADER.match(line):
            continue
        if row := _ROW.match(line):
            user = f'(("{row["command"]}",pid={row["pid"]},fd={row["fd"]}))'
            told = {"proto": row["proto"], "name": row["name"], "more": row["more"] or "", "users": user}
            yield _socket(text, number, told)
        elif not _ANY_ROW.match(line):
            yield text.weird(number, "no file of lsof's")


def _of_fields(
    text: Text, first: tuple[int, str], lines: Iterator[tuple[int, str]]
) -> Iterator[Socket | Weird]:
    """`p` begins a process, `f` a file of it; the file's fields follow."""
    process = {"p": first[1][1:]}
    file: dict[str, str] = {}
    at = first[0]
    for number, line in lines:
        found = _FIELD.match(line)
        if found is None:
            yield text.weird(number, "no field of lsof's")
        elif found["key"] in "pf":
            yield from _file(text, at, process, file)
            process = {"p": found["value"]} if found["key"] == "p" else process
            file, at = ({"f": found["value"]} if found["key"] == "f" else {}), number
        elif file:
            file[found["key"]] = (
                f"{file.get('T', '')} {found['value']}" if found["key"] == "T" else found["value"]
            )
        else:
            process[found["key"]] = found["value"]
    yield from _file(text, at, process, file)


def _file(text: Text, at: int, process: dict[str, str], file: dict[str, str]) -> Iterator[Socket | Weird]:
    if file.get("t", "") in {"IPv4", "IPv6", "inet", "inet6"} and "n" in file:
        user = f'(("{process.get("c", "")}",pid={process.get("p", "")},fd={file["f"]}))'
        told = {"proto": file.get("P", ""), "name": file["n"], "more": file.get("T", ""), "users": user}
        yield _socket(text, at, told)


def _socket(text: Text, number: int, told: dict[str, str]) -> Socket | Weird:
    local, _, peer = told["name"].partition("->")
    ends = _endpoint(local), _endpoint(peer or "*:*")
    if ends[0] is None or ends[1] is None:
        return text.weird(number, "names in place of addresses or ports: lsof -nP tells them")
    queues = {key: int(value) for key, value in _QUEUE.findall(told["more"])}
    state = next((_STATES[word] for word in _STATE.findall(told["more"]) if word in _STATES), "")
    return Socket(
        **text.at(number), state=state or ("" if told["proto"] == _TCP else "UNCONN"), local=ends[0], peer=ends[1],
        recv_q_bytes=queues.get("QR"), send_q_bytes=queues.get("QS"),
        info={"users": told["users"], "netid": told["proto"].lower()},
    )  # fmt: skip


def _endpoint(shown: str) -> Endpoint | None:
    """`127.0.0.1:80`, `[::1]:80`, `*:80`, `*:*`; None for names."""
    address, _, port = shown.rpartition(":")
    address = address.partition("%")[0].strip("[]")
    if not (port == "*" or (port.isdecimal() and len(port) < len("123456"))):
        return None
    try:
        found = ipaddress.ip_address("::" if address == "*" else address)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return Endpoint(address=str(mapped or found), port=0 if port == "*" else int(port))
