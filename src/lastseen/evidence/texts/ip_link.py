"""`ip [-s [-s]] [-d] link`: interfaces and their counters, all column layouts.

Source: `print_link_stats64` and `print_linkinfo` of iproute2's ip/ipaddress.c. Columns moved between rows
in 5.10 (missed and overrun) and are sized to their content since 5.14, so numbers are paired with the words
above them and a counter has one name in whichever row it stands. `ip addr` prints the same blocks; its
reader uses `read_blocks`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.evidence.tunnel_details import TUNNEL_KINDS, tunnel_of_words
from lastseen.tables.facts_from_texts import Counter, Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["ADDRESS_LINE", "HEADER_LINE", "KIND", "STATISTICS_LINE", "read", "read_blocks", "recognise"]

KIND = "ip link"

HEADER_LINE = re.compile(
    r"^(?P<ifindex>[0-9]{1,10}): (?P<name>[^\s:@]{1,64}(?::[^\s:@]{1,64})?)(?:@(?P<peer>[^\s:]{1,64}))?: "
    r"<(?P<flags>[A-Z0-9_,-]{0,200})> (?P<rest>mtu (?P<mtu>[0-9]{1,10})(?:\s.*)?)$"
)
"""The first line of an interface; the name may hold one colon (an old-style alias)."""
ADDRESS_LINE = re.compile(
    r"^(?:[0-9]{1,10}: (?P<name>[^\s@]{1,64})(?:@\S{1,64})?)?\s+inet6? (?P<address>[0-9a-fA-F:.]{2,45})"
    r"(?: peer (?P<peer>[0-9a-fA-F:.]{2,45}))?(?:/(?P<bits>[0-9]{1,3}))?\s"
)
"""An address, on a line of its own or after the name as `ip -o addr` has it."""
STATISTICS_LINE = re.compile(r"^\s+(?P<way>RX|TX)(?P<errors> errors)?:\s+(?P<names>[a-z_\s]{4,200})$")

_MODE = re.compile(r"^[0-9]{1,10}: .{0,400}\smode (?:DEFAULT|DORMANT|LINK)\s")
_COMMAND = re.compile(
    r"(?:^|[\s/])ip\s+(?:-n(?:etns)?\s+\S{1,64}\s+|-\S{1,16}\s+){0,6}"
    r"l(?:i(?:n(?:k)?)?)?(?:\s+(?:show|list|ls|dev)(?:\s.*)?)?$"
)
_LINK = re.compile(r"^\s+link/\S{1,32}(?:\s(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5,19}))?(?:\s|$)")
_DETAIL = re.compile(r"^    (?P<kind>[a-z][a-z0-9_]{1,20})(?:\s|$)")
_OTHER_DETAIL = re.compile(
    r"^\s+(?:[a-z0-9_]{1,32}_slave|alias|altname|vf|prog/\S{1,32}|addrgenmode|promiscuity|minmtu|maxmtu|inet6?"
    r"|valid_lft|numtxqueues|gso_max_size|parentbus|permaddr|label)\s"
)
_NUMBERS = re.compile(r"^\s+[0-9]{1,20}(?:\s+[0-9]{1,20})*\s*$")

_ONE_ROW_NAME = {"missed", "overrun", "nohandler", "otherhost", "transns"}
"""Words of an error row that stood, or could stand, in the first row too, or count no errors."""
_SPELLED = {"heartbt": "heartbeat"}


@dataclass(frozen=True, slots=True)
class _Columns:
    """The names a line of numbers is to be paired with."""

    names: tuple[str, ...]


def recognise(head: Head) -> bool:
    """Starts with an interface, has no address, and shows a link mode or counters (`ip addr` shows none)."""
    if not head.first():
        return bool(_COMMAND.search(head.command))
    if not HEADER_LINE.match(head.first()) or any(ADDRESS_LINE.match(line) for line in head.lines):
        return False
    return any(_MODE.match(line) or STATISTICS_LINE.match(line) for line in head.lines)


def read(text: Text) -> Iterator[Interface | Counter | Setting | Weird]:
    """An `Interface` a block, and its `Counter`s of family "link" (scope: name without `@peer`)."""
    return read_blocks(text)


def read_blocks(text: Text) -> Iterator[Interface | Counter | Setting | Weird]:
    """The rows of `ip link` or `ip addr` output, with or without `-s`, `-d` and `-o`.

    Counters come before the `Interface` they belong to, which is complete only where the next one starts.
    """
    device: Interface | None = None
    columns: _Columns | None = None
    for number, line in _unfolded(text):
        started = _interface(text, number, line)
        if started is not None and device is not None and started.name != device.name:
            yield device
            device = None
        if started is not None:
            device, columns = _merged(device, started), None
        elif device is None:
            yield text.weird(number, "a line before the first interface")
        elif columns is not None:
            yield from _counters(text, number, line, scope=device.name, names=columns.names)
            columns = None
        elif found := STATISTICS_LINE.match(line):
            columns = _Columns(tuple(_counter_name(found, word) for word in found["names"].split()))
        elif line[:1].isspace():
            yield from _tunnel(text, number, line, device.name)
            device = _with_detail(device, line)
        else:
            yield text.weird(number, "not a line of ip link or ip addr")
    if device is not None:
        yield device


def _unfolded(text: Text) -> Iterator[tuple[int, str]]:
    """Lines that are not blank; `ip -o` joins an interface's lines with a backslash."""
    for number, line in text.lines():
        for part in line.split("\\") if HEADER_LINE.match(line) or ADDRESS_LINE.match(line) else (line,):
            if part.strip():
                yield number, part


def _interface(text: Text, number: int, line: str) -> Interface | None:
    """What a line that starts an interface says of it; None for any other line."""
    if found := HEADER_LINE.match(line):
        words = found["rest"].split()
        pairs = dict(pairwise(words))
        return Interface(
            **text.at(number),
            name=found["name"],
            ifindex=int(found["ifindex"]),
            mtu_bytes=int(found["mtu"]),
            master=pairs.get("master", ""),
            state=pairs.get("state", ""),
            peer="" if found["peer"] in {None, "NONE"} else found["peer"],
        )
    found = ADDRESS_LINE.match(line)
    if found is None or found["name"] is None:
        return None
    index = int(line.partition(":")[0])
    return Interface(**text.at(number), name=found["name"], ifindex=index, addresses=_address(found))


def _merged(device: Interface | None, started: Interface) -> Interface:
    """One interface of the lines `ip -o addr` prints for it; a repeated full block starts anew."""
    if device is None or started.mtu_bytes is not None:
        return started
    return replace(device, addresses=device.addresses + started.addresses)


def _with_detail(device: Interface, line: str) -> Interface:
    """The interface with what an indented line adds: MAC, address or kind."""
    if found := _LINK.match(line):
        return replace(device, mac=found["mac"] or "")
    if found := ADDRESS_LINE.match(line):
        return replace(device, addresses=device.addresses + _address(found))
    if not device.kind and not _OTHER_DETAIL.match(line) and (found := _DETAIL.match(line)):
        return replace(device, kind=found["kind"])
    return device


def _tunnel(text: Text, number: int, line: str, device: str) -> Iterator[Setting]:
    words = line.split(maxsplit=128)
    if words[0] in TUNNEL_KINDS and _DETAIL.match(line):
        for name, value in tunnel_of_words(words).items():
            yield Setting(**text.at(number), scope=f"tunnel:{device}", name=name, value=value)


def _address(found: re.Match[str]) -> tuple[str, ...]:
    """The address with its prefix length (the peer's is not its own), canonical; nothing if it is none."""
    end = endpoint_of(found["address"])
    if end is None:
        return ()
    own_bits = found["bits"] if found["peer"] is None else None
    return (f"{end.address}/{own_bits}" if own_bits else end.address,)


def _counter_name(found: re.Match[str], word: str) -> str:
    """`rx_missed` wherever it stands; a word of an error row becomes `rx_crc_errors`, as in sysfs."""
    word = _SPELLED.get(word, word)
    suffix = "_errors" if found["errors"] and word not in _ONE_ROW_NAME else ""
    return f"{found['way'].lower()}_{word}{suffix}"


def _counters(
    text: Text, number: int, line: str, *, scope: str, names: tuple[str, ...]
) -> Iterator[Counter | Weird]:
    values = line.split()
    if not _NUMBERS.match(line) or len(values) != len(names):
        yield text.weird(number, "not as many whole numbers as the line above has names")
        return
    for name, value in zip(names, values, strict=True):
        yield Counter(**text.at(number), family="link", scope=scope, name=name, value=int(value))
