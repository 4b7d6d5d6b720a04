"""A and AAAA queries sent at once from one socket race in connection tracking, and one of them is dropped.

Both packets have the same addresses and ports, and both are the first of their flow. Each gets an entry; when
the second is to be entered the tuple is taken, and the packet is dropped and counted as insert_failed (Linux
net/netfilter/nf_conntrack_core.c). Since Linux 5.6 (6a757c07e51f) nearly all such clashes are resolved without a loss.
The resolver notices after its timer, 5 s by default (resolv.conf(5)).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.tracking_table import insert_failed
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, holds, weigh
from lastseen.tables.counted import all_of, some_of
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import DELIVERED, LOST

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_dns_race"
TITLE: Final = "one of two DNS queries sent at once is dropped by connection tracking"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "dns_timeout": "there both queries arrive at the name server, which does not answer",
    "random_loss": "there single queries are lost as well, and insert_failed stands still",
}
DNS_PORT: Final = 53
_UDP: Final = 17
TOGETHER_NS: Final = 5_000_000
"""Two queries of one call follow each other within microseconds; this allows for a busy machine."""
LEAST_WAIT_NS: Final = 900_000_000
"""The shortest timer a resolver can be given is 1 s (resolv.conf(5)); below it nobody waited for this loss."""


def judge(facts: Facts) -> Judgement:
    """Supported where just one of two queries from one socket vanishes and conntrack could not enter a flow."""
    sites = [site for site in facts.lossy() if _only_queries(site)]
    otherwise = without_loss(
        SLUG, facts, missing="captures of DNS queries on both sides of the host that translates"
    )
    return weigh(SLUG, (_account(site, facts) for site in sites), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    failed = insert_failed(facts, site)
    said = facts.tracks.datagrams(site.hop.upstream)
    queries = said.only((said.of("dst_port") == DNS_PORT) & (said.of("ip_proto") == _UDP))
    pair = _one_of_two(queries, site)
    return Account(
        required=(pair, _asked_again(queries, site), failed),
        agreeing=(failed,),
        telling=isinstance(pair, Observed),
        summary=f"of two DNS queries sent at once from one port, one vanishes between {site.upstream.name} and "
        f"{site.downstream.name}; the resolver waits for its answer",
        component=f"connection tracking and address translation on {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _only_queries(site: LossSite) -> bool:
    lost = site.lost
    return bool(((column(lost, "dst_port") == DNS_PORT) & (column(lost, "ip_proto") == _UDP)).all())


def _one_of_two(queries: Track, site: LossSite) -> Fact:
    """Every lost query has a twin: the same addresses and ports, another id, at the same time, delivered."""
    lost = np.flatnonzero(queries.fate == LOST).tolist()
    alone = [
        i
        for i in lost
        if not (_same_socket(queries, i) & _near(queries, i) & (queries.fate == DELIVERED)).any()
    ]
    source = site.source(int(site.lost_rows[0]))
    if alone or not lost:
        text = f"{some_of(len(alone), len(lost), 'lost query', 'were')} sent alone: there was nothing to race with"
        return Contradicted(reason=Reason(text=text, source=source))
    text = f"{all_of(len(lost), 'lost query', 'were')} sent with another one from the same port, which passed"
    return Observed(reason=Reason(text=text, source=source))


def _same_socket(queries: Track, i: int) -> npt.NDArray[np.bool_]:
    """Which queries have the addresses and ports of query `i`, and another id."""
    same = np.ones(len(queries), np.bool_)
    for name in ("ip_src", "ip_dst", "src_port"):
        same &= queries.of(name) == queries.of(name)[i]
    number = queries.of("payload_head") >> 40
    result: npt.NDArray[np.bool_] = same & (number != number[i])
    return result


def _near(queries: Track, i: int) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = np.abs(queries.times_ns - queries.times_ns[i]) <= TOGETHER_NS
    return result


def _asked_again(queries: Track, site: LossSite) -> Fact:
    """The client asked the same server again after a resolver's timer: it had waited for the lost query."""
    lost = np.flatnonzero(queries.fate == LOST)
    later = [
        int(queries.times_ns[j] - queries.times_ns[i])
        for i in lost.tolist()
        for j in np.flatnonzero(queries.of("ip_src") == queries.of("ip_src")[i]).tolist()
        if queries.times_ns[j] - queries.times_ns[i] >= LEAST_WAIT_NS
    ]
    text = (
        f"the client asked again {min(later) / 1e9:.1f} s later" if later else "the client did not ask again"
    )
    return holds(later, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


_REMEDIES: Final = (
    Remedy(
        title="Ask a name server on the same machine",
        where="every node: a caching resolver whose queries are not tracked (NodeLocal DNSCache)",
        commands=(),
        price="one agent a node",
        risk="low",
        check="no lookup takes 5 s, insert_failed stands still",
        undo=("the former name server in resolv.conf",),
    ),
    Remedy(
        title="Ask one after the other",
        where="the client's /etc/resolv.conf; glibc only, musl ignores it",
        commands=("sed -i '$ a options single-request-reopen' /etc/resolv.conf",),
        price="lookups take two round trips",
        risk="low",
        check="the two queries come from two ports",
        undo=("sed -i '/^options single-request-reopen$/d' /etc/resolv.conf",),
    ),
    Remedy(
        title="Ask over TCP",
        where="the client's /etc/resolv.conf; glibc only",
        commands=("sed -i '$ a options use-vc' /etc/resolv.conf",),
        price="latency of a connection for each lookup",
        risk="low",
        check="queries are seen on TCP port 53",
        undo=("sed -i '/^options use-vc$/d' /etc/resolv.conf",),
    ),
)
_NEXT: Final = (
    Step(
        text="See whether the counter rises with each slow lookup.",
        commands=("conntrack -S | grep -o 'insert_failed=[0-9]*'", "time getent ahosts NAME"),
    ),
)
