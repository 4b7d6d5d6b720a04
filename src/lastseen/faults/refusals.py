"""Attempts that got a refusal for an answer: a reset, or an ICMP error that says why.

A refusal ends an attempt at once, so nobody stands still and nothing need be missing; and yet nothing worked. Who
refused is another question: the server's stack where nothing listens, or a firewall in its name or its own (RFC 9293,
3.10.7.1; RFC 1122, 3.2.2.1; RFC 1812, 5.2.7.1; RFC 4443, 3.1). TCP answers a closed port by a reset and never by ICMP.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.counting import agrees, moved_text
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown
from lastseen.tables.counted import counted
from lastseen.tables.endpoints import Endpoint, ends_at
from lastseen.tables.flow_text import address_and_port
from lastseen.tables.judgements import Reason
from lastseen.tables.points import Point

__all__ = [
    "EXPIRED",
    "PORT",
    "PROHIBITED",
    "RESET",
    "TCP",
    "UNREACHABLE",
    "Refusal",
    "nothing_listens",
    "owners",
    "refusals",
]

RESET: Final = "a reset"
PROHIBITED: Final = "the ICMP error 'administratively prohibited'"
PORT: Final = "the ICMP error 'port unreachable'"
UNREACHABLE: Final = "the ICMP error 'network or host unreachable'"
EXPIRED: Final = "the ICMP error 'time to live exceeded'"
"""Of TCP connections only: to datagrams traceroute asks for it."""

MOST_REFUSED: Final = 50
"""Refused connections looked at, and flows of datagrams at a point: more of them are one scan."""
TCP, UDP = 6, 17
_V4, _V6 = 4, 6
_UNREACHABLE_TYPE: Final = {_V4: 3, _V6: 1}
_KINDS: Final = {
    _V4: {9: PROHIBITED, 10: PROHIBITED, 13: PROHIBITED, 3: PORT},
    _V6: {1: PROHIBITED, 5: PROHIBITED, 6: PROHIBITED, 4: PORT},
}
"""By IP version and code; every other one but IPv4's "fragmentation needed" says UNREACHABLE."""
_FRAGMENTATION_NEEDED: Final = 4
_EXCEEDED_TYPE: Final = {_V4: 11, _V6: 3}
_IN_TRANSIT: Final = 0
"""The code; the other one is of fragments that never became whole."""
_QUOTED: Final = ("quoted_src", "quoted_dst", "quoted_src_port", "quoted_dst_port")
_ENDS: Final = ("ip_src", "ip_dst", "src_port", "dst_port")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refusal:
    """One attempt and what refused it.

    `answers` and `refused`: the refusals and the packets they answer, at the point where the refusals were seen first.
    `server`: whom the attempt was made to, as that point shows it. `own`: the refusals carry the server's address.
    `behind`: the point nearer the server that saw the attempt and no refusal.
    """

    text: str
    conversation: int | None
    proto: int
    kind: str
    server: Endpoint
    own: bool
    answers: Track
    refused: Track
    behind: Point | None = None

    @property
    def point(self) -> Point:
        """Where the refusals were seen first."""
        return self.answers.point

    @property
    def reason(self) -> Reason:
        """What the captures show."""
        text = f"{self.text} was answered by {self.kind}, first seen at {self.point.name}"
        return Reason(text=text, source=self.answers.source())


def refusals(facts: Facts) -> list[Refusal]:
    """The attempts that got nothing but refusals, of TCP connections in focus and of datagrams."""
    errors = _errors(facts)
    quoted = [_quoted_ports(said) for said in errors if len(said)]
    tried = (c for c in facts.in_focus() if c.was_rejected or _is_quoted(c, quoted))
    of_tcp = (r for c in tried if (r := _of_connection(c, facts, errors)) is not None)
    found = list(islice(of_tcp, MOST_REFUSED))
    return [*found, *(() if facts.asked else _of_datagrams(facts, errors))]


def owners(facts: Facts, address: str) -> set[str]:
    """The nodes that have an address on an interface."""
    return {
        i.node for i in facts.interfaces if any(text.partition("/")[0] == address for text in i.addresses)
    }


def nothing_listens(refusal: Refusal, facts: Facts) -> Fact:
    """That the server's own list of sockets has others that listen, and none on the port of the attempt.

    For UDP the stack counts it as well.
    """
    nodes = owners(facts, refusal.server.address)
    if refusal.proto == UDP:
        for node in nodes:
            delta = facts.counter_delta("nstat", "UdpNoPorts", node)
            if delta is not None and agrees(delta.value, len(refusal.answers)):
                text = moved_text("the server's UdpNoPorts", delta, len(refusal.answers))
                return Observed(reason=Reason(text=text, source=delta.after))
    state = "LISTEN" if refusal.proto == TCP else "UNCONN"
    listening = [s for s in facts.sockets if s.state == state and s.node in nodes]
    mine = [s for s in listening if s.local.port == refusal.server.port]
    if mine:
        text = f"something listens on port {refusal.server.port} of the server"
        return Contradicted(reason=Reason(text=text, source=mine[0].source))
    if not listening:
        return Unknown(missing="the listening sockets of the server (ss -tulna)")
    text = (
        f"{counted(len(listening), 'socket', 'listen')} on the server, and none on port {refusal.server.port}"
    )
    return Observed(reason=Reason(text=text, source=listening[0].source))


# ---- ICMP ----
def _errors(facts: Facts) -> list[Track]:
    """The errors that each point saw first: destination unreachable, or a TTL that ran out on the way."""
    found = []
    for number in range(len(facts.matching.points)):
        arrived = [hop.partner[hop.fate > 0] for hop in facts.matching.hops if hop.downstream == number]
        said = facts.tracks.datagrams(number)
        version, code = said.of("ip_version"), said.of("icmp_code")
        chosen = np.zeros(len(said), np.bool_)
        for ip, kind in _UNREACHABLE_TYPE.items():
            chosen |= (version == ip) & (said.of("icmp_type") == kind)
        chosen &= ~((version == _V4) & (code == _FRAGMENTATION_NEEDED))
        chosen = (chosen | (_expired(said) & (code == _IN_TRANSIT))) & (said.of("quoted_src_port") >= 0)
        found.append(
            said.only(chosen & ~np.isin(said.rows, np.concatenate([np.empty(0, np.int32), *arrived])))
        )
    return found


def _expired(errors: Track) -> npt.NDArray[np.bool_]:
    """bool[n]: those of the type "time exceeded"."""
    version, kind = errors.of("ip_version"), errors.of("icmp_type")
    result: npt.NDArray[np.bool_] = np.logical_or.reduce(
        [(version == ip) & (kind == number) for ip, number in _EXCEEDED_TYPE.items()]
    )
    return result


def _kind(errors: Track) -> str:
    if _expired(errors)[0]:
        return EXPIRED
    version, code = int(errors.of("ip_version")[0]), int(errors.of("icmp_code")[0])
    return _KINDS[version].get(code, UNREACHABLE)


def _values(track: Track, names: tuple[str, ...], at: int) -> tuple[int, ...]:
    return tuple(int(track.of(name)[at]) for name in names)


def _same(track: Track, names: tuple[str, ...], values: tuple[int, ...]) -> Track:
    """Those whose columns have these values."""
    chosen = np.ones(len(track), np.bool_)
    for name, value in zip(names, values, strict=True):
        chosen &= track.of(name) == value
    return track.only(chosen)


# ---- TCP ----
def _of_connection(c: ConversationFacts, facts: Facts, errors: list[Track]) -> Refusal | None:
    """A connection whose SYN got a reset or an ICMP error, and whose other end said nothing else.

    Once it has said something only an ICMP error with which it stands still is a refusal.
    """
    tracks = [facts.tracks.of(c.number, number) for number in c.seen_at]
    opened = [t.from_client[t.flags("S") & ~t.flags("A")] for t in tracks]
    by_client = next((bool(senders[0]) for senders in opened if len(senders)), None)
    if by_client is None:
        return None
    is_open = any((~t.flags("R") & (t.from_client != by_client)).any() for t in tracks)
    if is_open and not c.stall:
        return None
    behind: Point | None = None
    for number, track in list(zip(c.seen_at, tracks, strict=True))[:: 1 if by_client else -1]:
        sent = track.only(track.from_client == by_client)
        back = track.only((track.from_client != by_client) & (not is_open))
        answers = _answers(back, sent, errors[number])
        if answers is not None:
            source, server = ends_at(track.point.capture, int(sent.rows[0]))
            reset = bool(answers.of("tcp_hdr_len")[0])
            return Refusal(
                text=f"{address_and_port(source)} > {address_and_port(server)}",
                conversation=c.number,
                proto=TCP,
                kind=RESET if reset else _kind(answers),
                server=server,
                own=reset or int(answers.of("ip_src")[0]) == int(sent.of("ip_dst")[0]),
                answers=answers,
                refused=_refused(sent, answers),
                behind=behind,
            )
        behind = track.point
    return None


def _quoted_ports(errors: Track) -> tuple[set[int], set[int]]:
    """(source ports, destination ports) that errors quote."""
    return set(errors.of("quoted_src_port").tolist()), set(errors.of("quoted_dst_port").tolist())


def _is_quoted(c: ConversationFacts, quoted: list[tuple[set[int], set[int]]]) -> bool:
    """Whether the errors of a point quote the ports of a connection; its addresses are compared later."""
    ports = {port for _, port in c.endpoints}
    return any(ports & sources and ports & targets for sources, targets in quoted)


def _answers(back: Track, sent: Track, errors: Track) -> Track | None:
    """The ICMP errors that quote what was sent, else the resets that came back; None: neither."""
    if not len(sent):
        return None
    said = _same(errors, _QUOTED, _values(sent, _ENDS, 0))
    answers = said if len(said) else back
    return answers if len(answers) else None


def _refused(sent: Track, answers: Track) -> Track:
    """The packets that the answers answer: those an ICMP error quotes, or all before the last reset."""
    numbers = answers.of("quoted_seq")
    if (numbers >= 0).all():
        return sent.only(np.isin(sent.of("tcp_seq"), numbers))
    return sent.only(sent.times_ns <= answers.times_ns[-1])


# ---- datagrams ----
def _of_datagrams(facts: Facts, errors: list[Track]) -> Iterator[Refusal]:
    """Flows of UDP whose datagrams were refused and never answered; an answer that came too late is refused, too."""
    for number, all_said in enumerate(errors):
        said = all_said.only(~_expired(all_said))
        datagrams = facts.tracks.datagrams(number)
        seen: set[tuple[int, ...]] = set()
        for at in range(len(said)):
            quoted = _values(said, _QUOTED, at)
            if quoted in seen or len(seen) >= MOST_REFUSED:
                continue
            seen.add(quoted)
            sent = _same(datagrams, _ENDS, quoted)
            sent = sent.only(sent.of("ip_proto") == UDP)
            back = _same(datagrams, _ENDS, (quoted[1], quoted[0], quoted[3], quoted[2]))
            if len(sent) and not len(back):
                answers = _same(said, _QUOTED, quoted)
                source, server = ends_at(said.point.capture, int(sent.rows[0]))
                yield Refusal(
                    text=f"{address_and_port(source)} > {address_and_port(server)} (UDP)",
                    conversation=None,
                    proto=UDP,
                    kind=_kind(answers),
                    server=server,
                    own=int(answers.of("ip_src")[0]) == quoted[1],
                    answers=answers,
                    refused=sent,
                )
