"""The resolver waits for a name server that does not answer, or too late, before any connection is tried.

glibc asks the next server after 5 s, musl repeats after 2.5 s (resolv.conf(5), RES_TIMEOUT): the delay lies between a
query and the first SYN, and TCP is perfect afterwards. A query that is seen to be lost between two captures is the
network's fault, not the name server's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from lastseen.faults.facts import Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.points import LOST
from lastseen.tables.symptoms import Symptom

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "dns_timeout"
TITLE: Final = "the resolver waits for a dead or slow name server"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_dns_race": "there one of two queries sent at once is lost on the way, and insert_failed rises",
}
_FOR_A_NAME: Final = "waited_for_name"
DNS_PORT: Final = 53
UNANSWERED_NS: Final = 1_000_000_000
"""An answer later than this is felt; the shortest resolver timer is 1 s (options timeout:1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """A question without an answer in time, at the point nearest the name server that saw it."""

    asked: Track
    waited_ns: int
    tries: int
    lost: bool


def judge(facts: Facts) -> Judgement:
    """Supported where queries arrived as near the name server as there is a capture, and no answer came in time."""
    accounts = [_account(query, facts) for query in _late(facts)]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    points = range(len(facts.matching.points))
    if any((facts.tracks.datagrams(p).of("dst_port") == DNS_PORT).any() for p in points):
        return Refuted(fault=SLUG, against=(Reason(text="every name query was answered within a second"),))
    felt = [s for s in facts.symptoms if _is_dns(s)]
    reasons = tuple(_felt_reason(s) for s in felt[:1])
    return Untestable(fault=SLUG, missing=("a capture of the name queries (port 53)",), reasons=reasons)


def _late(facts: Facts) -> Iterator[_Query]:
    """Each question (client, server, first bytes) that waited, once, where it was last seen."""
    seen: set[tuple[int, ...]] = set()
    for number in range(len(facts.matching.points)):
        track = facts.tracks.datagrams(number)
        queries = track.only((track.of("dst_port") == DNS_PORT) & (track.of("ip_proto") == 17))  # noqa: PLR2004 - UDP
        answers = track.only((track.of("src_port") == DNS_PORT) & (track.of("ip_proto") == 17))  # noqa: PLR2004
        for key, indices in _by_question(queries).items():
            if key not in seen:
                waited = _waited(queries, indices, answers)
                if waited is not None:
                    seen.add(key)
                    asked = queries.only(np.isin(np.arange(len(queries)), indices))
                    lost = bool((asked.fate == LOST).any())
                    yield _Query(asked=asked, waited_ns=waited, tries=len(indices), lost=lost)


def _by_question(queries: Track) -> dict[tuple[int, ...], list[int]]:
    """Indices of the same question: client address and what is asked for (the type), whoever is asked."""
    found: dict[tuple[int, ...], list[int]] = {}
    for i in range(len(queries)):
        key = tuple(int(queries.of(name)[i]) for name in ("ip_src", "dns_qtype", "payload_len"))
        found.setdefault(key, []).append(i)
    return found


def _waited(queries: Track, indices: list[int], answers: Track) -> int | None:
    """How long the first of these queries waited for an answer of its own; None: it came in time."""
    first = indices[0]
    port, head = int(queries.of("src_port")[first]), int(queries.of("payload_head")[first]) >> 40
    mine = answers.only((answers.of("dst_port") == port) & (answers.of("payload_head") >> 40 == head))
    came = mine.times_ns[mine.times_ns >= queries.times_ns[first]]
    if len(came):
        waited = int(came[0] - queries.times_ns[first])
        return waited if waited >= UNANSWERED_NS else None
    later = [int(queries.times_ns[i]) for i in indices[1:]]
    end = later[0] if later else int(queries.point.last_ns or queries.times_ns[first])
    waited = end - int(queries.times_ns[first])
    return waited if waited >= UNANSWERED_NS else None


def _account(query: _Query, facts: Facts) -> Account:
    point = query.asked.point.name
    waited = f"{query.waited_ns / 1e9:.2f} s"
    text = f"a name query at {point} got no answer for {waited} ({counted(query.tries, 'try')})"
    lost = Reason(text="the query was lost between two captures", source=query.asked.source())
    return Account(
        required=(Observed(reason=Reason(text=text, source=query.asked.source())),),
        agreeing=_felt(facts),
        refuting=(Observed(reason=lost),) if query.lost else (),
        telling=True,
        summary=f"a name query waited {waited} for an answer that did not come to {point}",
        component="the name server, or the way to it beyond the captures",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _is_dns(symptom: Symptom) -> bool:
    """A call waited for a name server, or a client says that it waited for the address of a name."""
    is_asking = symptom.peer is not None and symptom.peer.port == DNS_PORT
    return (is_asking or symptom.kind == _FOR_A_NAME) and bool(symptom.waited_ns)


def _felt_reason(symptom: Symptom) -> Reason:
    waited = (symptom.waited_ns or 0) / 1e9
    what = "an address of the name" if symptom.kind == _FOR_A_NAME else "a name server"
    text = f"{symptom.call} waited {waited:.2f} s for {what}"
    return Reason(text=text, source=symptom.sources[0] if symptom.sources else None)


def _felt(facts: Facts) -> tuple[Fact, ...]:
    felt = [s for s in facts.symptoms if _is_dns(s)]
    if felt:
        return (Observed(reason=_felt_reason(felt[0])),)
    return (Unknown(missing="a system call trace of the client (poll on the socket to port 53)"),)


_REMEDIES: Final = (
    Remedy(
        title="Ask name servers that answer",
        where="the client: /etc/resolv.conf, or what writes it; remove or mend the dead server",
        commands=(),
        price="none",
        risk="none",
        check="getent hosts NAME answers at once",
        undo=("the former list of servers",),
    ),
    Remedy(
        title="Wait less for a dead server",
        where="the client: options timeout:1 attempts:2 rotate in /etc/resolv.conf (glibc; resolv.conf(5))",
        commands=(),
        price="none",
        risk="low: a slow but good server is given up sooner",
        check="getent hosts NAME takes at most a second",
        undo=("remove the options",),
    ),
    Remedy(
        title="Ask a cache on the host",
        where="the client's host: systemd-resolved, dnsmasq, or NodeLocal DNSCache in Kubernetes",
        commands=(),
        price="one more service",
        risk="low",
        check="repeated look-ups stay on the host",
        undo=("remove the cache",),
    ),
)
_NEXT: Final = (
    Step(
        text="Ask each name server of /etc/resolv.conf by itself.",
        commands=("dig +time=2 +tries=1 @SERVER NAME A", "dig +time=2 +tries=1 @SERVER NAME AAAA"),
    ),
)
