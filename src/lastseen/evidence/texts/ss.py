"""`ss -tn` with any of `-a -e -i -o -p -m -O`: one socket a line, its tcp_info on the next, indented, or behind it.

The words behind the addresses are kept as they are printed instead of being read one by one: which of them
matter is for who asks, and each kernel adds some. Format: iproute2 misc/ss.c, 4.x to 6.x.
"""

import ipaddress
import re
from collections.abc import Iterator
from itertools import islice

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Socket
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ss"

MAX_WORDS = 200
"""Words of one socket that are kept; the longest line a 6.x kernel makes has about sixty."""

_STATES = (
    "ESTAB|SYN-SENT|SYN-RECV|FIN-WAIT-1|FIN-WAIT-2|TIME-WAIT|UNCONN|CLOSE-WAIT|CLOSE|LAST-ACK|LISTEN|CLOSING"
    "|NEW-SYN-RECV|BOUND-INACTIVE|UNKNOWN"
)
_HEADER = re.compile(r"^(?:Netid\s+)?(?:State\s+)?Recv-Q\s+Send-Q\s+Local Address:Port\s+Peer Address:Port")
_ROW = re.compile(
    r"^\s{0,8}(?:(?P<netid>[a-z][a-z0-9_?]{1,10})\s+)?"
    rf"(?:(?P<state>{_STATES})\s+)?(?P<recv>\d{{1,12}})\s+(?P<send>\d{{1,12}})\s+"
    r"(?P<local>\S+:[\w*-]+)\s+(?P<peer>\S+:(?:\d+|\*|[A-Za-z][\w-]*?(?=users:|timer:|\s|$)))"
)
_NAMED_ROW = re.compile(
    rf"^(?:[a-z][a-z0-9_]{{1,10}}\s+)?(?:{_STATES})\s+\d+\s+\d+\s+\S+:[\w*-]+\s+\S+:[\w*-]+"
)
_OTHER_FAMILY = re.compile(r"^(?:u_str|u_dgr|u_seq|nl|p_raw|p_dgr|v_str|v_dgr|xdp|tipc|\?\?\?)\s")
_CHATTER = re.compile(
    r"^(?:Failed to find cgroup2 mount|Failed to open cgroup2|RTNETLINK|Cannot open netlink)"
)
_COMMAND = re.compile(r"(?:^|[\s/])ss(?:\s+-[A-Za-z]|\s*$)")
_WORD = re.compile(r'(?P<key>[a-z][\w-]*):(?P<value>\((?:[^()"]|"[^"]*"|\([^()]*\))*+\)|\S*)|(?P<bare>\S+)')
_RATES = frozenset({"send", "pacing_rate", "max_pacing_rate", "delivery_rate"})

_SERVICES = {"ssh": 22, "domain": 53, "http": 80, "ntp": 123, "https": 443, "mysql": 3306, "postgresql": 5432}
"""Names that `ss` without -n prints, of the services that are asked about most (IANA service names)."""


def recognise(head: Head) -> bool:
    """The header, or lines that begin with a socket's state and have two addresses, or `ss` with no output."""
    lines = [line for line in head.lines if line.strip() and not _CHATTER.match(line)]
    if not lines:
        return bool(_COMMAND.search(head.command))
    starts = [line for line in lines[:20] if not line[0].isspace() and not _OTHER_FAMILY.match(line)]
    known = sum(1 for line in starts if _HEADER.match(line) or _NAMED_ROW.match(line))
    return known > 0 and (2 * known > len(starts) or _HEADER.match(starts[0]) is not None)


def read(text: Text) -> Iterator[Socket | Weird]:
    """One `Socket` for each Internet socket; `state` is "" where `ss state ...` left the column out.

    `info` has each `key:value` behind the addresses, bare words ("sack", "cubic") with "", rates with their
    unit ("pacing_rate" -> "4432024bps"), and "netid" and "iface" where printed. `timer` is what stands in the
    parentheses: "on,3.084ms,4". An address `*` is "::", which stands for both families.
    """
    first: tuple[int, str] | None = None
    more = ""
    for number, line in text.lines():
        if not line.strip() or _HEADER.match(line) or _CHATTER.match(line) or _OTHER_FAMILY.match(line):
            continue
        if _ROW.match(line):
            if first is not None:
                yield _socket(text, first, more)
            first, more = (number, line), ""
        elif line[0].isspace() and first is not None:
            more = f"{more} {line}" if len(more) < len(line) + 65_536 else more
        else:
            yield text.weird(number, "not a socket of ss")
    if first is not None:
        yield _socket(text, first, more)


def _socket(text: Text, first: tuple[int, str], more: str) -> Socket | Weird:
    number, line = first
    row = _ROW.match(line)
    local, peer = (_endpoint(row["local"]), _endpoint(row["peer"])) if row else (None, None)
    if row is None or local is None or peer is None:
        return text.weird(number, "an address of ss that is none")
    info = _words(line[row.end() :] + " " + more)
    timer = info.pop("timer", "")
    if row["netid"]:
        info["netid"] = row["netid"]
    if "%" in row["local"]:
        info["iface"] = row["local"].rpartition(":")[0].rpartition("%")[2].rstrip("]")
    return Socket(
        **text.at(number), state=row["state"] or "", local=local, peer=peer, recv_q_bytes=int(row["recv"]),
        send_q_bytes=int(row["send"]), timer=timer.strip("()"), info=info,
    )  # fmt: skip


def _endpoint(shown: str) -> Endpoint | None:
    """`10.0.0.1%eth0:68`, `[::1]:22`, `:::22` (before iproute2 4.14), `*:*`; None for what is no address."""
    address, _, port = shown.rpartition(":")
    address = address.partition("%")[0].strip("[]")
    if port.isdecimal():
        number = int(port) if len(port) < len("123456") else -1
    else:
        number = 0 if port == "*" else _SERVICES.get(port, -1)
    try:
        found = ipaddress.ip_address("::" if address == "*" else address)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return Endpoint(address=str(mapped or found), port=number) if number >= 0 else None


def _words(rest: str) -> dict[str, str]:
    """The words by their key; of a key that comes twice, the first."""
    words: dict[str, str] = {}
    rate = ""
    for found in islice(_WORD.finditer(rest), MAX_WORDS):
        if rate:
            words.setdefault(rate, found[0])
            rate = ""
        elif found["bare"] in _RATES:
            rate = found["bare"]
        else:
            words.setdefault(found["key"] or found["bare"], found["value"] or "")
    return words
