"""`curl -v` (stderr), also with `--trace-time`, `--trace-ids` and the progress meter, or curl's closing line alone.

The files of `curl --trace` and `--trace-ascii` say the same in another form (`curl_dumps`).

Without times in the lines the progress meter, which curl prints unless silent, tells them to a second; without
either, only what a failure says it took. The answer's body may stand between the lines where both streams went into
one file, so what is none of curl's lines there is passed over.

Sources: curl's src/tool_cb_dbg.c (marks, times, `[1-0]`), lib/progress.c (meter), lib/connect.c and lib/cf-socket.c
(addresses: `(#0)` until 8.2, `from ... port` since 8.12), lib/multi.c (timeouts), 7.19 to 8.16; printed by 7.88.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lastseen.evidence.curl_dumps import as_verbose
from lastseen.evidence.curl_variables import is_whole, transfer_of, variables_in
from lastseen.evidence.curl_words import RECEIVED, TOOK, ended_by, is_last
from lastseen.evidence.program_messages import about
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.sources import Source, Weird
from lastseen.tables.transfers import Milestone, Transfer

__all__ = ["KIND", "read", "recognise"]

KIND = "curl -v"

_NS = 1_000_000_000
_DAY_NS = 86_400 * _NS
_MS_NS = 1_000_000
METER_NS = _NS
"""The meter counts whole seconds."""
LOOKED_AT_LINES = 20
"""A trace of curl's calls may have some of its words in between; a transfer's own begin with them."""
STAMP_NS = 1000
"""--trace-time prints microseconds."""

_LINE = re.compile(
    r"^(?:(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)\.(?P<us>\d{6}) )?(?:\[(?:\d{1,9}|x)-(?:\d{1,9}|x)\] )?"
    r"(?:(?P<mark>[*<>{}])(?: (?P<said>.*))?$)"
)
_METER = re.compile(
    r"^\s{0,3}\d{1,3}(?:\s+\S{1,8}){8}\s+(?P<spent>-{2}:-{2}:-{2}|\d{1,3}:\d\d:\d\d)\s+\S{1,8}\s+[\d.kMGTP]{1,7}?"
    r"(?=\d\d:\d\d:\d\d\.\d{6} |[*<>{}\[]|curl: |\s*$)"
)
_METER_HEAD = re.compile(r"^\s*(?:% Total\s+% Received|Dload\s+Upload)")
_MORE = re.compile(r"^  CApath: ")
"""The second line of what 7.x says of certificates."""
_CLOSING = re.compile(r"^curl: \((?P<code>\d{1,3})\) ?(?P<said>.*)$")
_NAMED = re.compile(r"^\s*(?:Trying |About to connect|Host \S{1,255} was resolved)")
_TRYING = re.compile(r"^\s*Trying (?P<end>\S{3,80}?)(?:\.\.\.|\s)(?P<more>.*)")
_CONNECTED = re.compile(
    r"^\s*(?:Connected to|Established (?:2nd )?connection to) .{1,255}? \((?P<ip>[0-9a-fA-F.:%\w]{2,60})"
    r"(?:\) port (?P<port>\d{1,5})| port (?P<port2>\d{1,5})\)(?: from (?P<local>\S{2,60}) port (?P<lport>\d{1,5}))?)"
)
_TO_PORT = re.compile(r" port (\d{1,5})")
_FAILED_AT = re.compile(r"^\s*connect to (?P<ip>\S{2,60}) port (?P<port>\d{1,5}) (?:from .{0,80})?failed: ")
_REUSED = re.compile(r"^\s*Re-?using existing .{0,20}connection")
_SECURING = re.compile(
    r"TLS handshake, Client hello|^ALPN[:,] .{0,20}offer|^schannel: SSL/TLS connection with"
)
_SECURED = re.compile(r"^\s*(?:SSL connection using|schannel: SSL/TLS connection with .{0,200} complete)")
_SENT = re.compile(r"Request completely sent off|completely uploaded and fine|upload completely sent off")
_NEXT = re.compile(r"^\s*(?:Issue another request|Found bundle|Hostname .{1,255} was found|processing: )")
_STATUS = re.compile(r"^HTTP/(?P<version>\d(?:\.\d)?) (?P<code>\d{3})")
_LENGTH = re.compile(r"^content-length: *(\d{1,18})\s*$", re.IGNORECASE)
_CHUNKED = re.compile(r"^transfer-encoding:.*\bchunked", re.IGNORECASE)
_COMMAND = re.compile(r"(?:^|[\s/])curl\s[^;&|]{0,4000}(?:-[a-zA-Z]{0,12}v|--verbose|--trace)")
_OURS = re.compile(
    r"^[*] +(?:Trying \S+|Connected to |Established |About to connect|Could not resolve|Host \S+ was resolved"
    r"|Connection #\d|[Cc]losing connection|Re-?using existing|processing: |Rebuilt URL|Hostname \S+ was)"
    r"|^[>] (?:GET|POST|PUT|HEAD|DELETE|CONNECT|OPTIONS|PATCH) \S+ HTTP/\d|^< HTTP/\d(?:\.\d)? \d{3}"
)


@dataclass(slots=True)
class _Open:
    """A transfer whose end was not met yet. `line`: the one that is read.

    `stamps`: of the first line and of the last one, ns since midnight.
    """

    first: int
    line: Source
    stones: list[Milestone] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    metered: bool = False
    meter_ns: int = 0
    peer: Endpoint | None = None
    local: Endpoint | None = None
    port: int = 0
    framing: str = ""
    in_head: bool = False
    expected: int | None = None
    received: int | None = None
    took_ns: int | None = None
    ended_by: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    is_over: bool = False


def recognise(head: Head) -> bool:
    """Half of the first lines have curl's marks, one as only curl prints; or its closing line; or the command alone."""
    shown = as_verbose(enumerate(head.lines))
    lines = [line for _, line in shown if line.strip()][:LOOKED_AT_LINES]
    if not lines:
        return bool(_COMMAND.search(head.command))
    marked = [found for line in lines if (found := _LINE.match(_behind_meter(line)[1]))]
    ours = any(_OURS.match(f"{one['mark']} {one['said'] or ''}") for one in marked)
    meters = sum(1 for line in lines if _METER_HEAD.match(line) or _METER.match(line))
    return (ours and 2 * (len(marked) + meters) >= len(lines)) or any(
        _CLOSING.match(line) for line in lines[:4]
    )


def read(text: Text) -> Iterator[Transfer | LogLine | Weird]:
    """One `Transfer` for each request; `source` is its first line. Of an error that tells more, a `LogLine`, too."""
    now: _Open | None = None
    earlier = 0
    for number, line in as_verbose(text.lines()):
        for piece in line.split("\r"):
            if not piece.strip() or _METER_HEAD.match(piece) or _MORE.match(piece):
                continue
            if _CLOSING.match(piece) and about(piece)[0]:
                yield _error(text, number, piece)
            if now is not None and now.is_over and _begins_another(piece):
                yield _whole(text, now, is_first=not earlier)
                now, earlier = None, earlier + 1
            now = now or _Open(number, text.at(number)["source"])
            now.line = text.at(number)["source"]
            if not _take(now, piece) and _last(now) != "answered" and not now.is_over:
                yield text.weird(number, "no line of curl's")
    if now is not None and (now.stones or now.is_over):
        yield _whole(text, now, is_first=not earlier)


def _error(text: Text, number: int, piece: str) -> LogLine:
    """curl's closing line, as what it says of the connection."""
    topic, reason = about(piece)
    place = text.at(number)
    return LogLine(
        **place, at_ns=None, clock="", zone_known=False, text=piece.strip()[:1000], topic=topic, reason=reason
    )


def _begins_another(piece: str) -> bool:
    said = (found["said"] or "") if (found := _LINE.match(_behind_meter(piece)[1])) else ""
    return bool(_NAMED.match(said) or _NEXT.match(said) or _REUSED.match(said))


def _behind_meter(piece: str) -> tuple[int | None, str]:
    """(ns the meter says, what stands behind it); None: there is no meter."""
    found = _METER.match(piece)
    if found is None:
        return None, piece
    hours, minutes, seconds = ("0" if "-" in part else part for part in found["spent"].split(":"))
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * _NS, piece[found.end() :]


def _last(now: _Open) -> str:
    return now.stones[-1].what if now.stones else ""


def _take(now: _Open, piece: str) -> bool:
    """Note what a line tells; False: it is none of curl's."""
    spent_ns, rest = _behind_meter(piece)
    if spent_ns is not None:
        now.metered, now.meter_ns = True, max(now.meter_ns, spent_ns)
        if not rest.strip():
            return True
    if found := _LINE.match(rest):
        if found["h"]:
            _stamp(now, found)
        _marked(now, found["mark"], (found["said"] or "").rstrip())
        return True
    if found := _CLOSING.match(rest):
        _told(now, found["said"], code=int(found["code"]))
        now.is_over = True
        return True
    values = variables_in(rest)
    now.variables |= values
    return bool(values)


def _stamp(now: _Open, found: re.Match[str]) -> None:
    seconds = int(found["h"]) * 3600 + int(found["m"]) * 60 + int(found["s"])
    at_ns = seconds * _NS + int(found["us"]) * 1000
    now.stamps = [now.stamps[0], at_ns] if now.stamps else [at_ns, at_ns]


def _reach(now: _Open, what: str, said: str) -> None:
    """A milestone, by the time of its line; what is already reached moves on to the later line."""
    after_ns = (now.stamps[1] - now.stamps[0]) % _DAY_NS if now.stamps else None
    if after_ns is None and now.metered:
        after_ns = now.meter_ns
    stone = Milestone(what=what, after_ns=after_ns, source=now.line, text=said[:200])
    if _last(now) == what == "asked":
        now.stones.pop()
    elif _last(now) == "ended":  # of one address, or of a connection used again that had died: it goes on
        now.stones.pop()
        now.ended_by = "" if what != "ended" else now.ended_by
    now.stones.append(stone)


def _marked(now: _Open, mark: str, said: str) -> None:
    """A line with one of curl's marks: `*` its words, `>` sent, `<` received, braces data."""
    if not now.stones:
        _reach(now, "begun", "")
    if mark == "*":
        _told(now, said, code=None)
    elif mark == ">" and (_last(now) != "asked" or said):
        _reach(now, "asked", said if _last(now) != "asked" else now.stones[-1].text)
    elif mark == "<":
        _header(now, said)


def _told(now: _Open, said: str, *, code: int | None) -> None:
    """What curl says itself."""
    last = _last(now)
    if _NAMED.match(said):
        if last in {"", "begun"}:
            _reach(now, "named", said)
        _try(now, said)
    _connect(now, said)
    if _CONNECTED.match(said) or said.rstrip().endswith("... connected") or _REUSED.match(said):
        _reach(now, "connected", said)
    elif _SECURED.match(said):
        _reach(now, "secured", said)
    elif _SECURING.search(said) and last != "securing":
        _reach(now, "securing", said)
    elif _SENT.search(said) and last == "asked":
        _reach(now, "asked", now.stones[-1].text)
    elif is_last(said):
        _end(now, "done" if last == "answered" else "", said)
        now.is_over = True
    elif (why := ended_by(said, code)) or code is not None:
        _end(now, why or "failed", said)


def _end(now: _Open, why: str, said: str) -> None:
    """The transfer's end: what is said first of why stays, except that trying one address may fail before another."""
    if took := TOOK.search(said):
        now.took_ns = int(took[1]) * _MS_NS
    if received := RECEIVED.search(said):
        now.received = int(received[1])
    if _last(now) == "ended" and (why in {"", "done"} or now.ended_by not in {"", "failed", "reset"}):
        return
    now.ended_by = why
    _reach(now, "ended", said)


def _header(now: _Open, said: str) -> None:
    """A line of the answer's head: how its end will be told."""
    if status := _STATUS.match(said):
        now.in_head = True
        now.framing = "frames" if status["version"][0] in "23" else ""
        now.expected = 0 if status["code"] in {"204", "304"} else None
        if not status["code"].startswith("1"):
            _reach(now, "answered", said)
    elif not now.in_head:
        return
    elif length := _LENGTH.match(said):
        now.framing, now.expected = now.framing or "length", int(length[1])
    elif _CHUNKED.match(said):
        now.framing = "chunks"
    elif not said:
        now.in_head = False
        now.framing = now.framing or "close"


def _try(now: _Open, said: str) -> None:
    """The address tried: `Trying 192.0.2.1:443...`, `Trying [2001:db8::1]:443...`, before 7.72 without a port."""
    if port := _TO_PORT.search(said):
        now.port = int(port[1])
    if found := _TRYING.match(said):
        shown = found["end"]
        plain = _endpoint(shown, now.port)
        head, _, port_shown = shown.rpartition(":")
        with_port = (
            _endpoint(head, int(port_shown)) if port_shown.isdecimal() and len(port_shown) < 6 else None
        )
        # `::1:443` is an address as well; curl prints it without brackets with a port until 8.5.
        is_bare = plain is not None and (with_port is None or said.count("...") == 0 or now.port > 0)
        now.peer = plain if is_bare else with_port or plain


def _connect(now: _Open, said: str) -> None:
    """The ends a connection has, or would have had."""
    if found := _FAILED_AT.match(said):
        now.peer = _endpoint(found["ip"], int(found["port"])) or now.peer
    if found := _CONNECTED.match(said):
        now.peer = _endpoint(found["ip"], int(found["port"] or found["port2"])) or now.peer
        if found["local"]:
            now.local = _endpoint(found["local"], int(found["lport"]))


def _endpoint(address: str, port: int) -> Endpoint | None:
    try:
        found = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return Endpoint(address=str(found), port=port & 0xFFFF)


def _whole(text: Text, now: _Open, *, is_first: bool) -> Transfer:
    """The transfer; what a failure says it took in all tells how long curl had been at it before its first line."""
    if is_whole(now.variables) and not now.stamps:
        told = transfer_of(text, now.variables, {}, now.first)
        return replace(
            told, local=told.local or now.local, peer=told.peer or now.peer, framing=now.framing,
            ended_by=now.ended_by or told.ended_by,
            received_bytes=now.received if told.received_bytes is None else told.received_bytes,
        )  # fmt: skip
    shown_ns = (now.stamps[1] - now.stamps[0]) % _DAY_NS if now.stamps else 0
    ahead_ns = max(0, (now.took_ns or 0) - shown_ns) if now.stamps and is_first else 0
    stones = [_moved(now, stone, ahead_ns) for stone in now.stones]
    resolution_ns = STAMP_NS if now.stamps else METER_NS if now.metered else 1
    received = now.received
    if received is None and now.ended_by == "done" and now.framing == "length":
        received = now.expected
    return Transfer(
        **text.at(now.first), tool="curl", milestones=tuple(stones), local=now.local, peer=now.peer,
        began_ns=(now.stamps[0] - ahead_ns) % _DAY_NS if now.stamps else None, resolution_ns=resolution_ns,
        took_ns=now.took_ns, ended_by=now.ended_by, framing=now.framing, received_bytes=received,
    )  # fmt: skip


def _moved(now: _Open, stone: Milestone, ahead_ns: int) -> Milestone:
    """A milestone by the time since the transfer's begin; a failure tells its end better than the meter."""
    if stone.after_ns is None or stone.what == "begun":
        return stone
    if stone.what == "ended" and now.took_ns is not None and not now.stamps:
        return replace(stone, after_ns=now.took_ns)
    return replace(stone, after_ns=stone.after_ns + ahead_ns)
